//! The chain of attribution, from originator to submitter.

use std::ops::RangeInclusive;

use ascertain_domain::registry::View;
use ascertain_domain::violation::{Reason, Violations};

use super::{enums, reference, text, time};
use crate::v1;

/// The most parties of a chain.
pub(super) const MOST_PARTIES: usize = 16;

/// Checks the chain and resolves its sources.
pub(super) fn resolve_all(
    parties: &mut [v1::AttributionParty],
    allowed: RangeInclusive<usize>,
    registry: View<'_>,
    v: &mut Violations,
) {
    text::check_count(parties.len(), MOST_PARTIES, "attribution_chain", v);
    let originator = v1::AttributionRole::Originator as i32;
    let originators = parties.iter().filter(|p| p.role == originator).count();
    if !allowed.contains(&originators) {
        let what = format!("names {originators} originators; exactly one said it first");
        v.add("attribution_chain", Reason::OriginatorRequired, what);
    }
    for (i, party) in parties.iter_mut().take(MOST_PARTIES).enumerate() {
        v.within(format!("attribution_chain[{i}]"), |v| {
            resolve(party, registry, v);
        });
    }
}

fn resolve(party: &mut v1::AttributionParty, registry: View<'_>, v: &mut Violations) {
    let before = v.count();
    text::check_line(&party.name, reference::NAME_CHARACTERS, "name", v);
    let name_is_good = v.count() == before;
    enums::required::<v1::AttributionRole>(party.role, "role", v);
    enums::known::<v1::AttributionMode>(party.mode, "mode", v);
    text::check_line(&party.channel, 200, "channel", v);
    text::check_line(&party.locator, 2_000, "locator", v);
    time::optional(party.time.as_ref(), "time", v);

    let kind = enums::known::<v1::SourceKind>(party.unregistered_kind, "unregistered_kind", v);
    match kind {
        Some(v1::SourceKind::Unspecified) if name_is_good => {
            if let Some(id) = reference::source(&party.source_id, &party.name, registry, v) {
                party.source_id = id.to_string();
            }
        }
        Some(v1::SourceKind::Unspecified) | None => {}
        Some(_) if party.source_id.is_empty() => {}
        Some(_) => {
            let what = "says that the party is not registered, but `source_id` is given";
            v.add("unregistered_kind", Reason::ReferenceContradicts, what);
        }
    }
}
