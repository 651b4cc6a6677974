//! Source models.

use std::collections::BTreeMap;

use ascertain_domain::id::{Digest, PlaceId, SourceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::model::{LearnedSource, LearnedTable, SourceModel, TrackRecord};
use ascertain_domain::state::{Interest, Ppm};
use ascertain_domain::time::Timestamp;
use ascertain_domain::violation::{Reason, Violations};

use super::id;
use crate::inward::{enums, text, time};
use crate::v1;

/// The most characters of a method's name.
const METHOD_CHARACTERS: usize = 64;

/// Reads a model. Where something is wrong that is added under the path of `v`, and
/// what can be read is read all the same; `None`: it has no cut.
pub fn source_model(wire: &v1::SourceModel, v: &mut Violations) -> Option<SourceModel> {
    let cut = time::required(wire.cut.as_ref(), "cut", v);
    enums::known::<v1::Audience>(wire.audience, "audience", v);
    let audience = enums::audience(wire.audience).unwrap_or(Audience::Clear);
    if wire.method.is_empty() {
        v.add("method", Reason::Required, "is empty; name the method");
    }
    text::check_line(&wire.method, METHOD_CHARACTERS, "method", v);
    let input_digest = <[u8; 32]>::try_from(wire.input_digest.as_slice()).map(Digest);
    if input_digest.is_err() {
        let what = format!("has {} bytes; a SHA-256 has 32", wire.input_digest.len());
        v.add("input_digest", Reason::Malformed, what);
    }
    let sources = keyed("sources", &wire.sources, v, |wire, v| {
        let source: Option<SourceId> = id(&wire.source_id, "source_id", v);
        Some((source?, learned(wire, v)))
    });
    let copies = keyed("copies", &wire.copies, v, |wire, v| {
        let copier: Option<SourceId> = id(&wire.copier_id, "copier_id", v);
        let origin: Option<SourceId> = id(&wire.origin_id, "origin_id", v);
        Some(((copier?, origin?), Ppm(wire.chance_ppm)))
    });
    let pace = keyed("pace", &wire.pace, v, |wire, v| {
        let area: Option<PlaceId> = id(&wire.home_area_id, "home_area_id", v);
        let steps = steps(wire, v);
        Some((area?, steps))
    });
    Some(SourceModel {
        cut: cut?,
        audience,
        method: wire.method.clone(),
        input_digest: input_digest.unwrap_or(Digest([0; 32])),
        sources,
        copies,
        pace,
        temper: Ppm(wire.temper_ppm),
    })
}

/// Entries with their keys, which stand in ascending order: a model has one form.
fn keyed<W, K: Ord + Clone, T>(
    field: &str,
    wires: &[W],
    v: &mut Violations,
    read: impl Fn(&W, &mut Violations) -> Option<(K, T)>,
) -> BTreeMap<K, T> {
    let mut entries = BTreeMap::new();
    let mut last: Option<K> = None;
    for (i, wire) in wires.iter().enumerate() {
        let entry = v.within(format!("{field}[{i}]"), |v| {
            let entry = read(wire, v);
            if let (Some((key, _)), Some(last)) = (&entry, &last)
                && key <= last
            {
                let what = "does not come after the one before in the order of ids";
                v.add("", Reason::Malformed, what);
            }
            entry
        });
        if let Some((key, entry)) = entry {
            last = Some(key.clone());
            entries.insert(key, entry);
        }
    }
    entries
}

fn learned(wire: &v1::LearnedSource, v: &mut Violations) -> LearnedSource {
    let reporting =
        enums::known(wire.reporting, "reporting", v).unwrap_or(v1::Reporting::Unspecified);
    let reporting = match reporting {
        v1::Reporting::Unspecified => None,
        stated => Some(enums::reporting(stated)),
    };
    let track_record = wire.track_record.iter().enumerate();
    let track_record = track_record
        .filter_map(|(i, wire)| v.within(format!("track_record[{i}]"), |v| fared(wire, v)));
    let track_record = track_record.collect();
    LearnedSource {
        table: wire
            .table
            .as_ref()
            .and_then(|wire| v.within("table", |v| table(wire, v))),
        reporting,
        lag_hours: wire.lag_hours,
        track_record,
    }
}

fn table(wire: &v1::LearnedTable, v: &mut Violations) -> Option<LearnedTable> {
    if wire.holder.is_empty() {
        let own = row(&wire.own, "own", v);
        let foe = row(&wire.foe, "foe", v);
        let contested = row(&wire.contested, "contested", v);
        return Some(LearnedTable::Aligned {
            own: own?,
            foe: foe?,
            contested: contested?,
        });
    }
    for (field, cells) in [("own", &wire.own), ("foe", &wire.foe)] {
        if !cells.is_empty() {
            let what = "is of a source with a side, and `holder` of one with none";
            v.add(field, Reason::Malformed, what);
        }
    }
    let holder = row(&wire.holder, "holder", v);
    let contested = row(&wire.contested, "contested", v);
    Some(LearnedTable::Independent {
        holder: holder?,
        contested: contested?,
    })
}

fn row<const N: usize>(cells: &[u32], field: &str, v: &mut Violations) -> Option<[Ppm; N]> {
    let Ok(cells) = <[u32; N]>::try_from(cells) else {
        let what = format!("has {} shares; it has {N}", cells.len());
        v.add(field, Reason::Malformed, what);
        return None;
    };
    Some(cells.map(Ppm))
}

fn fared(wire: &v1::TrackRecord, v: &mut Violations) -> Option<TrackRecord> {
    let predicate = enums::required::<v1::Predicate>(wire.predicate, "predicate", v);
    let interest = enums::required::<v1::Interest>(wire.interest, "interest", v);
    Some(TrackRecord {
        predicate: word(predicate?),
        interest: match interest? {
            v1::Interest::SelfServing => Interest::SelfServing,
            v1::Interest::AgainstInterest => Interest::AgainstInterest,
            v1::Interest::Neutral | v1::Interest::Unspecified => Interest::Neutral,
        },
        claims: wire.claims,
        true_share: Ppm(wire.true_share_ppm),
    })
}

/// The field's word for a predicate.
fn word(predicate: v1::Predicate) -> String {
    let name = predicate.as_str_name();
    name.strip_prefix("PREDICATE_")
        .unwrap_or(name)
        .to_lowercase()
}

fn steps(wire: &v1::Pace, v: &mut Violations) -> BTreeMap<i32, u32> {
    if wire.days.is_empty() || !wire.days.is_sorted_by(|a, b| a < b) {
        let what = "is not one day or more, ascending";
        v.add("days", Reason::Malformed, what);
    }
    if wire.days.len() != wire.changes_ppm.len() {
        let (days, changes) = (wire.days.len(), wire.changes_ppm.len());
        let what = format!("has {changes} values for {days} days; it has one for each");
        v.add("changes_ppm", Reason::Malformed, what);
    }
    let days = wire.days.iter().copied();
    days.zip(wire.changes_ppm.iter().copied()).collect()
}

/// What must hold of a request to adopt a model, beside what holds of the model.
pub(super) fn check_known(
    wire: &v1::SourceModel,
    model: &SourceModel,
    known_at: Timestamp,
    v: &mut Violations,
) {
    let model_id = crate::outward::model_id(model);
    if !wire.model_id.is_empty() && wire.model_id != model_id {
        let what = format!(
            "is `{}`, and what follows is `{model_id}`: it was changed since it was fitted; \
             fit it again, or leave the id out",
            wire.model_id
        );
        v.add("model_id", Reason::Malformed, what);
    }
    if model.cut > known_at {
        let what = format!("is {}, after the model was known, {known_at}", model.cut);
        v.add("cut", Reason::OutOfRange, what);
    }
}
