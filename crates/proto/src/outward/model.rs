//! Source models, outward.

use ascertain_domain::marking::Audience;
use ascertain_domain::model::{LearnedSource, LearnedTable, SourceModel};
use ascertain_domain::source::Reporting;
use ascertain_domain::state::Ppm;

use super::{audience, interest, timestamp};
use crate::v1;

/// How much of the digest stands in the name of a model, bytes.
const NAME_BYTES: usize = 8;
/// The name of the model where none was adopted.
pub const PRIOR_MODEL: &str = "prior";

/// The name of a model: its day, its audience, and the beginning of its digest.
#[must_use]
pub fn model_id(model: &SourceModel) -> String {
    let cut = model.cut.to_string();
    let day = cut.split('T').next().unwrap_or_default();
    let audience = match model.audience {
        Audience::Clear => "clear",
        Audience::Green => "green",
        Audience::Amber => "amber",
        Audience::Full => "full",
    };
    let digest = model.digest().to_string();
    let digest = digest.get(..2 * NAME_BYTES).unwrap_or_default();
    format!("{day}.{audience}.{digest}")
}

/// A model, whole.
#[must_use]
pub fn source_model(model: &SourceModel) -> v1::SourceModel {
    v1::SourceModel {
        model_id: model_id(model),
        cut: Some(timestamp(model.cut)),
        audience: audience(model.audience).into(),
        method: model.method.clone(),
        input_digest: model.input_digest.0.to_vec(),
        sources: model
            .sources
            .iter()
            .map(|(id, learned)| learned_source(id.as_str(), learned))
            .collect(),
        copies: model
            .copies
            .iter()
            .map(|((copier, origin), chance)| v1::Copying {
                copier_id: copier.to_string(),
                origin_id: origin.to_string(),
                chance_ppm: chance.0,
            })
            .collect(),
        pace: model
            .pace
            .iter()
            .map(|(area, steps)| v1::Pace {
                home_area_id: area.to_string(),
                days: steps.keys().copied().collect(),
                changes_ppm: steps.values().copied().collect(),
            })
            .collect(),
        temper_ppm: model.temper.0,
    }
}

/// What a model says of a source.
#[must_use]
pub fn learned_source(id: &str, learned: &LearnedSource) -> v1::LearnedSource {
    let reporting = match learned.reporting {
        None | Some(Reporting::Undeclared) => v1::Reporting::Unspecified,
        Some(Reporting::Episodic) => v1::Reporting::Episodic,
        Some(Reporting::ChangesOnly) => v1::Reporting::ChangesOnly,
        Some(Reporting::Snapshot) => v1::Reporting::Snapshot,
    };
    let track_record = learned.track_record.iter().map(|record| {
        let predicate = format!("PREDICATE_{}", record.predicate.to_uppercase());
        v1::TrackRecord {
            predicate: v1::Predicate::from_str_name(&predicate)
                .unwrap_or_default()
                .into(),
            interest: interest(record.interest).into(),
            claims: record.claims,
            true_share_ppm: record.true_share.0,
        }
    });
    v1::LearnedSource {
        source_id: id.to_owned(),
        table: learned.table.as_ref().map(table),
        reporting: reporting.into(),
        lag_hours: learned.lag_hours,
        track_record: track_record.collect(),
    }
}

fn table(table: &LearnedTable) -> v1::LearnedTable {
    let row = |cells: &[Ppm]| cells.iter().map(|cell| cell.0).collect();
    match table {
        LearnedTable::Aligned {
            own,
            foe,
            contested,
        } => v1::LearnedTable {
            own: row(own),
            foe: row(foe),
            contested: row(contested),
            ..v1::LearnedTable::default()
        },
        LearnedTable::Independent { holder, contested } => v1::LearnedTable {
            holder: row(holder),
            contested: row(contested),
            ..v1::LearnedTable::default()
        },
    }
}
