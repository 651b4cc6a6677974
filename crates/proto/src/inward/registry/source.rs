//! Sources.

use ascertain_domain::actor::Dated;
use ascertain_domain::id::SourceId;
use ascertain_domain::source::{Alignment, Source, SourceKind};
use ascertain_domain::violation::{Reason, Violations};

use super::{id, names, validity};
use crate::inward::{enums, text};
use crate::v1;

/// The most alignments of a source.
const MOST_ALIGNMENTS: usize = 32;

/// Reads a source. Where something is wrong that is added under the path of `v`,
/// and what can be read is read all the same; `None`: it has no id.
pub fn source(wire: &v1::Source, v: &mut Violations) -> Option<Source> {
    let source_id: Option<SourceId> = id(&wire.source_id, "source_id", v);
    let kind = enums::required(wire.kind, "kind", v).and_then(enums::source_kind);
    enums::known::<v1::SourceScale>(wire.scale, "scale", v);
    let names = names(&wire.names, v);
    let reporting =
        enums::known(wire.reporting, "reporting", v).unwrap_or(v1::Reporting::Unspecified);
    let grade = enums::known(wire.reliability_prior, "reliability_prior", v)
        .unwrap_or(v1::ReliabilityGrade::Unspecified);
    let protection = enums::known(wire.protection_class, "protection_class", v);
    if protection == Some(v1::ProtectionClass::Protected) {
        let what = "is above what this version can protect; only PUBLIC is taken";
        v.add("protection_class", Reason::MarkingNotSupported, what);
    }
    text::check_count(wire.alignments.len(), MOST_ALIGNMENTS, "alignments", v);
    let alignments = wire.alignments.iter().take(MOST_ALIGNMENTS).enumerate();
    let alignments = alignments
        .map(|(i, wire)| v.within(format!("alignments[{i}]"), |v| alignment(wire, v)))
        .collect();
    Some(Source {
        id: source_id?,
        names,
        kind: kind.unwrap_or(SourceKind::Aggregator),
        reporting: enums::reporting(reporting),
        alignments,
        identity_verified: wire.identity_verified,
        grade: enums::grade(grade),
    })
}

fn alignment(wire: &v1::Alignment, v: &mut Violations) -> Dated<Alignment> {
    let kind = enums::required::<v1::AlignmentKind>(wire.kind, "kind", v);
    let (from, until) = validity(wire.valid_from.as_ref(), wire.valid_to.as_ref(), v);
    let with_actor: Option<fn(_) -> Alignment> = match kind {
        Some(v1::AlignmentKind::OrganOf) => Some(Alignment::OrganOf),
        Some(v1::AlignmentKind::Sympathetic) => Some(Alignment::Sympathetic),
        Some(v1::AlignmentKind::Opposed) => Some(Alignment::Opposed),
        _ => None,
    };
    let value = match with_actor {
        Some(with_actor) => id(&wire.actor_id, "actor_id", v).map(with_actor),
        None => {
            if kind.is_some() && !wire.actor_id.is_empty() {
                let what = "is only for ORGAN_OF, SYMPATHETIC and OPPOSED";
                v.add("actor_id", Reason::ActorNotAllowed, what);
            }
            (kind == Some(v1::AlignmentKind::Independent)).then_some(Alignment::Independent)
        }
    };
    Dated {
        value: value.unwrap_or(Alignment::Unknown),
        from,
        until,
    }
}
