//! What was learned of sources, as text.

use ascertain_proto::v1::{
    LearnedSource, Predicate, Reporting, SourceModel, SourceModelSummary, TrackRecord,
};

use super::state::plural;
use super::words::{interest, percent, time, word};

/// A source model in a few lines; with its summary, when and by whom it was adopted.
#[must_use]
pub fn source_model(model: &SourceModel, summary: Option<&SourceModelSummary>) -> String {
    let mut text = format!("{}\n", model.model_id);
    let mut line = |label: &str, value: String| text += &format!("  {label:<20}{value}\n");
    line("cut", time(model.cut.as_ref()));
    line("method", model.method.clone());
    let tables = model.sources.iter().filter(|s| s.table.is_some()).count();
    let sources = model.sources.len();
    line(
        "sources",
        format!("{sources}, of which {tables} with a table"),
    );
    line("copies", format!("{} pairs", model.copies.len()));
    line("pace", format!("{} areas", model.pace.len()));
    let temper = f64::from(model.temper_ppm) / 1e6;
    let meaning = match model.temper_ppm {
        ..1_000_000 => "confidence was found too high",
        1_000_000 => "confidence stands as it is",
        _ => "confidence was found too low",
    };
    line("temper", format!("{temper:.3}: {meaning}"));
    if let Some(summary) = summary {
        let first = time(summary.first_recorded_at.as_ref());
        let (node, caller) = (&summary.first_node, &summary.caller_id);
        line("adopted", format!("{first} on {node} by {caller}"));
        let in_force = if summary.in_force {
            "yes"
        } else {
            "no, a later one is"
        };
        line("in force", in_force.to_owned());
    }
    text
}

/// What was learned of a source, and how its claims fared, below the name of the model.
#[must_use]
pub fn learned(learned: Option<&LearnedSource>, model: &str) -> String {
    let Some(learned) = learned else {
        return format!("learned: nothing by the model in force ({model})\n");
    };
    let mut text = format!("learned by the model in force ({model})\n");
    let mut line = |label: &str, value: String| text += &format!("  {label:<20}{value}\n");
    if let Some(table) = &learned.table {
        let shares = |row: &[u32]| {
            let shares: Vec<String> = row.iter().map(|cell| percent(*cell)).collect();
            shares.join(", ")
        };
        for (says, row) in [
            ("own side holds", &table.own),
            ("foe holds", &table.foe),
            ("somebody holds", &table.holder),
            ("contested", &table.contested),
        ] {
            if !row.is_empty() {
                line(says, shares(row));
            }
        }
    }
    if learned.reporting != i32::from(Reporting::Unspecified) {
        let name = learned.reporting().as_str_name();
        line("reporting", word(name, "REPORTING_"));
    }
    if let Some(hours) = learned.lag_hours {
        line("lag", format!("{hours} h"));
    }
    for record in &learned.track_record {
        line(&predicate(record), fared(record));
    }
    text
}

fn predicate(record: &TrackRecord) -> String {
    let predicate = Predicate::try_from(record.predicate).unwrap_or_default();
    word(predicate.as_str_name(), "PREDICATE_")
}

fn fared(record: &TrackRecord) -> String {
    format!(
        "{}: {} {} judged by others since, who believe {} of it",
        interest(record.interest),
        record.claims,
        plural(u32::try_from(record.claims).unwrap_or(u32::MAX), "claim"),
        percent(record.true_share_ppm)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ascertain_proto::v1::{Interest, LearnedTable};

    #[test]
    fn a_track_record_says_what_was_claimed_and_how_it_fared() {
        let source = LearnedSource {
            source_id: "sohr".to_owned(),
            table: Some(LearnedTable {
                holder: vec![900_000, 50_000, 50_000],
                contested: vec![200_000, 800_000],
                ..LearnedTable::default()
            }),
            reporting: Reporting::ChangesOnly.into(),
            lag_hours: Some(40),
            track_record: vec![TrackRecord {
                predicate: Predicate::FightingAt.into(),
                interest: Interest::AgainstInterest.into(),
                claims: 12,
                true_share_ppm: 910_000,
            }],
        };
        let text = learned(Some(&source), "2024-12-09.clear.0123456789abcdef");
        assert_eq!(
            text,
            "learned by the model in force (2024-12-09.clear.0123456789abcdef)
  somebody holds      90.0 %, 5.0 %, 5.0 %
  contested           20.0 %, 80.0 %
  reporting           changes only
  lag                 40 h
  fighting at         against interest: 12 claims judged by others since, who believe 91.0 % of it
"
        );
        assert!(learned(None, "prior").contains("nothing"));
    }

    #[test]
    fn a_model_says_how_far_confidence_is_to_be_trusted() {
        let model = SourceModel {
            model_id: "m".to_owned(),
            temper_ppm: 900_000,
            ..SourceModel::default()
        };
        let text = source_model(&model, None);
        assert!(
            text.contains("0.900: confidence was found too high"),
            "{text}"
        );
        assert!(!text.contains("adopted"));
    }
}
