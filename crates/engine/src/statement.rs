//! A claim in one line, for people.

use ascertain_domain::id::{ActorId, PlaceId};
use ascertain_domain::registry::View;
use ascertain_domain::report::{Claim, Extent, Modality, Polarity, Predicate};

/// The claim in one line, such as `denies: Opposition present in Hama`.
pub(crate) fn statement(claim: &Claim, registry: View<'_>) -> String {
    let actor = |id: &ActorId| {
        registry
            .actor(id)
            .map_or_else(|| id.to_string(), |a| a.shown_name().to_owned())
    };
    let actors = |ids: &[ActorId]| ids.iter().map(actor).collect::<Vec<_>>().join(" and ");
    let place = |id: &PlaceId| {
        registry
            .place(id)
            .map_or_else(|| id.to_string(), |p| p.shown_name().to_owned())
    };
    let who = actors(claim.predicate.actors());
    let at = place(&claim.place);
    let said = match &claim.predicate {
        Predicate::Controls(_) => format!("{who} controls {at}"),
        Predicate::Present(_) => format!("{who} present in {at}"),
        Predicate::FightingAt(parties) if parties.is_empty() => format!("fighting at {at}"),
        Predicate::FightingAt(_) => format!("{who} fighting at {at}"),
        Predicate::AtEdge(_) => format!("{who} at the edge of {at}"),
        Predicate::AdvancingOn(_) => format!("{who} advancing on {at}"),
        Predicate::Withdrew(_) => format!("{who} withdrew from {at}"),
        Predicate::Besieges(_) => format!("{who} besieges {at}"),
        Predicate::HandedOver { to, .. } => {
            format!("{who} handed {at} over to {}", actors(to.as_slice()))
        }
    };
    let extent = match claim.extent {
        Extent::Unspecified | Extent::Whole => "",
        Extent::Most => ", most of it",
        Extent::Part => ", in part",
        Extent::Edge => ", at its edge",
        Extent::Outskirts => ", at its outskirts",
    };
    let parts = if claim.sub_places.is_empty() {
        String::new()
    } else {
        let names: Vec<String> = claim.sub_places.iter().map(place).collect();
        format!(" ({})", names.join(", "))
    };
    let modality = match claim.modality {
        Modality::Asserted => "",
        Modality::Hedged => "reportedly: ",
        Modality::Rumoured => "rumour: ",
        Modality::Conditional => "conditional: ",
        Modality::Intended => "intended: ",
    };
    let polarity = match claim.polarity {
        Polarity::Affirm => "",
        Polarity::Deny => "denies: ",
    };
    format!("{modality}{polarity}{said}{extent}{parts}")
}
