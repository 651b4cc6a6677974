//! Taking erasable texts out of a report, and putting them back.
//!
//! A claim's names stand line by line in its `ClaimContent`: the place and then
//! the sub-places in `place_text`, the actors and then the receivers in
//! `actor_text`. A name is one line, so that nothing is lost.

use crate::{log, v1};

/// What keeps a content from being guessed by its commitment.
pub type Salt = [u8; 16];

/// A salt of its own for each content.
#[must_use]
pub fn draw_salt() -> Salt {
    *uuid::Uuid::new_v4().as_bytes()
}

/// Moves the erasable texts of a resolved report beside it.
pub(super) fn split(report: &mut v1::Report, salt: Salt) -> log::v1::ReportContent {
    log::v1::ReportContent {
        salt: salt.to_vec(),
        text: std::mem::take(&mut report.text),
        claims: report.claims.iter_mut().map(split_claim).collect(),
        parties: report
            .attribution_chain
            .iter_mut()
            .map(split_party)
            .collect(),
        evidence: report.evidence.iter_mut().map(split_evidence).collect(),
    }
}

fn split_claim(claim: &mut v1::Claim) -> log::v1::ClaimContent {
    log::v1::ClaimContent {
        place_text: lines(place_names(claim)),
        actor_text: lines(actor_names(claim)),
    }
}

fn split_party(party: &mut v1::AttributionParty) -> log::v1::PartyContent {
    log::v1::PartyContent {
        name: std::mem::take(&mut party.name),
        locator: std::mem::take(&mut party.locator),
    }
}

fn split_evidence(item: &mut v1::Evidence) -> log::v1::EvidenceContent {
    let captured_at = item.captured_at.as_mut();
    log::v1::EvidenceContent {
        captured_at_text: captured_at.map_or_else(String::new, |p| std::mem::take(&mut p.name)),
        original_locator: std::mem::take(&mut item.original_locator),
        archived_locator: std::mem::take(&mut item.archived_locator),
    }
}

fn place_names(claim: &mut v1::Claim) -> impl Iterator<Item = &mut String> {
    let places = claim.place.iter_mut().chain(&mut claim.sub_places);
    places.map(|place| &mut place.name)
}

fn actor_names(claim: &mut v1::Claim) -> impl Iterator<Item = &mut String> {
    let actors = claim.actors.iter_mut().chain(&mut claim.to_actors);
    actors.map(|actor| &mut actor.name)
}

/// Takes names out as lines, without empty lines at the end.
fn lines<'a>(names: impl Iterator<Item = &'a mut String>) -> String {
    let names: Vec<String> = names.map(std::mem::take).collect();
    names.join("\n").trim_end_matches('\n').to_owned()
}

fn fill<'a>(names: impl Iterator<Item = &'a mut String>, lines: &str) {
    for (name, line) in names.zip(lines.split('\n')) {
        line.clone_into(name);
    }
}

/// The full report of a record: its body, its content (empty where erased), and
/// when it was first recorded, which is its `received_at`.
#[must_use]
pub fn join(
    recorded: &log::v1::RecordedReport,
    content: &log::v1::ReportContent,
    first_recorded_at: Option<prost_types::Timestamp>,
) -> v1::Report {
    let mut report = recorded.report.clone().unwrap_or_default();
    report.received_at = first_recorded_at;
    report.text.clone_from(&content.text);
    for (claim, texts) in report.claims.iter_mut().zip(&content.claims) {
        fill(place_names(claim), &texts.place_text);
        fill(actor_names(claim), &texts.actor_text);
    }
    for (party, texts) in report.attribution_chain.iter_mut().zip(&content.parties) {
        party.name.clone_from(&texts.name);
        party.locator.clone_from(&texts.locator);
    }
    for (item, texts) in report.evidence.iter_mut().zip(&content.evidence) {
        item.original_locator.clone_from(&texts.original_locator);
        item.archived_locator.clone_from(&texts.archived_locator);
        if let Some(place) = &mut item.captured_at {
            place.name.clone_from(&texts.captured_at_text);
        }
    }
    report
}
