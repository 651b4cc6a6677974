//! Reports and claims as text.

use ascertain_proto::v1::{
    ActorReference, AttributionRole, Claim, Extent, Modality, PlaceReference, Polarity, Predicate,
    RecordedReportView, Report, ReportSetAside, SetAsideCause,
};

use super::state::reference;
use super::words::{time, when, word};

/// A report with its claims, one line each.
#[must_use]
pub fn report(view: &RecordedReportView) -> String {
    let report = view.report.clone().unwrap_or_default();
    let mut text = format!("report {} of {}", report.report_id, view.partner_id);
    if !report.partner_reference.is_empty() {
        text += &format!(" ({})", report.partner_reference);
    }
    text += &format!("\n  said by        {}\n", originator(&report));
    let relays = relays(&report);
    if !relays.is_empty() {
        text += &format!("  passed on by   {}\n", relays.join(", then "));
    }
    text += &format!("  published      {}\n", time(report.published_at.as_ref()));
    text += &format!(
        "  recorded       {}\n",
        time(view.first_recorded_at.as_ref())
    );
    text += &format!("  known here     {}\n", time(view.known_at.as_ref()));
    if !view.flags.is_empty() {
        text += &format!("  flags          {}\n", view.flags.join(", "));
    }
    if let Some(aside) = &view.set_aside {
        text += &format!("  does not count {}\n", set_aside(aside));
    }
    for (name, link) in [
        ("version of", &report.root_report_id),
        ("corrects", &report.corrects_report_id),
        ("takes back", &report.retracts_report_id),
    ] {
        if !link.is_empty() {
            text += &format!("  {name:<14} {link}\n");
        }
    }
    for one in &report.claims {
        text += &format!("  claim {:<8} {}\n", one.claim_id, claim(one));
    }
    if !report.text.is_empty() {
        text += &format!("\n{}\n", report.text.trim_end());
    }
    text
}

/// Why a report no longer counts, such as `superseded by R9b`.
pub(super) fn set_aside(aside: &ReportSetAside) -> String {
    let by = aside.because_of.as_ref().map(reference).unwrap_or_default();
    match aside.cause() {
        SetAsideCause::Superseded => format!("superseded by {by}"),
        SetAsideCause::Retracted => format!("retracted in {by}"),
        SetAsideCause::RetractedByOriginator => format!("retracted by its originator in {by}"),
        SetAsideCause::Unspecified => String::new(),
    }
}

/// Who said it first, as a registered source or as written.
#[must_use]
pub fn originator(report: &Report) -> String {
    party_names(report, |role| role == AttributionRole::Originator).join(", ")
}

/// Who passed it on, in order.
fn relays(report: &Report) -> Vec<String> {
    party_names(report, |role| {
        !matches!(
            role,
            AttributionRole::Originator | AttributionRole::Submitter
        )
    })
}

fn party_names(report: &Report, wanted: impl Fn(AttributionRole) -> bool) -> Vec<String> {
    let parties = report
        .attribution_chain
        .iter()
        .filter(|party| wanted(party.role()));
    parties
        .map(|party| either(&party.source_id, &party.name))
        .collect()
}

/// A claim in one line, such as `deny: opposition present at hama-city (part: kaso)`.
#[must_use]
pub fn claim(claim: &Claim) -> String {
    let mut text = match claim.polarity() {
        Polarity::Deny => "deny: ".to_owned(),
        Polarity::Affirm | Polarity::Unspecified => String::new(),
    };
    let actors: Vec<String> = claim.actors.iter().map(actor).collect();
    if !actors.is_empty() {
        text += &format!("{} ", actors.join(" and "));
    }
    text += &match claim.predicate() {
        Predicate::Controls => "controls".to_owned(),
        Predicate::Present => "present at".to_owned(),
        Predicate::HandedOver => {
            let receivers: Vec<String> = claim.to_actors.iter().map(actor).collect();
            format!("handed over to {}:", receivers.join(" and "))
        }
        Predicate::AtEdge => "at the edge of".to_owned(),
        Predicate::Withdrew => "withdrew from".to_owned(),
        other => word(other.as_str_name(), "PREDICATE_"),
    };
    text += &format!(" {}", claim.place.as_ref().map(place).unwrap_or_default());
    let parts: Vec<String> = claim.sub_places.iter().map(place).collect();
    let extent = claim.extent();
    match (extent, parts.is_empty()) {
        (Extent::Unspecified | Extent::Whole, true) => {}
        (_, true) => text += &format!(" ({})", word(extent.as_str_name(), "EXTENT_")),
        (Extent::Unspecified, false) => text += &format!(" ({})", parts.join(", ")),
        (_, false) => {
            let extent = word(extent.as_str_name(), "EXTENT_");
            text += &format!(" ({extent}: {})", parts.join(", "));
        }
    }
    let modality = claim.modality();
    if !matches!(modality, Modality::Asserted | Modality::Unspecified) {
        text += &format!(", {}", word(modality.as_str_name(), "MODALITY_"));
    }
    if let Some(interval) = &claim.event_time {
        text += &format!(", {}", when(interval));
    }
    text
}

fn actor(actor: &ActorReference) -> String {
    either(&actor.actor_id, &actor.name)
}

fn place(place: &PlaceReference) -> String {
    let named = either(&place.place_id, &place.name);
    either(&named, &place.pcode)
}

fn either(first: &str, second: &str) -> String {
    if first.is_empty() { second } else { first }.to_owned()
}
