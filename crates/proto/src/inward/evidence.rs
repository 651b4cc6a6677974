//! Evidence: items that come with a report, and links to others.

use std::collections::BTreeSet;

use ascertain_domain::evidence::PerceptualHash;
use ascertain_domain::id::ClaimId;
use ascertain_domain::violation::{Reason, Violations};

use super::claim::Context;
use super::text::{self, Limit};
use super::{enums, reference, time};
use crate::v1;

/// The most items, and the most links, of a report.
pub(super) const MOST_ITEMS: usize = 32;
/// The most lines of a custody log.
const MOST_CUSTODY_LINES: usize = 64;

/// Checks items and links, and resolves where items were taken.
pub(super) fn resolve_all(report: &mut v1::Report, context: &Context<'_>, v: &mut Violations) {
    text::check_count(report.evidence.len(), MOST_ITEMS, "evidence", v);
    let mut ids = BTreeSet::new();
    for (i, item) in report.evidence.iter_mut().take(MOST_ITEMS).enumerate() {
        v.within(format!("evidence[{i}]"), |v| {
            check_id(&item.evidence_id, "evidence_id", &mut ids, v);
            resolve(item, context, v);
        });
    }
    text::check_count(report.evidence_ids.len(), MOST_ITEMS, "evidence_ids", v);
    let mut links = BTreeSet::new();
    for (i, id) in report.evidence_ids.iter().take(MOST_ITEMS).enumerate() {
        check_id(id, &format!("evidence_ids[{i}]"), &mut links, v);
    }
}

fn check_id(id: &str, field: &str, seen: &mut BTreeSet<String>, v: &mut Violations) {
    // Ids of evidence have the form of ids of claims.
    if let Err(error) = ClaimId::new(id) {
        text::add_id_error(&error, field, v);
    } else if !seen.insert(id.to_owned()) {
        v.add(field, Reason::Duplicate, format!("`{id}` is given twice"));
    }
}

fn resolve(item: &mut v1::Evidence, context: &Context<'_>, v: &mut Violations) {
    enums::required::<v1::EvidenceKind>(item.kind, "kind", v);
    enums::known::<v1::Verification>(item.verification, "verification", v);
    if !matches!(item.sha256.len(), 0 | 32) {
        let what = format!("has {} bytes; a SHA-256 has 32", item.sha256.len());
        v.add("sha256", Reason::Malformed, what);
    }
    text::check_line(&item.perceptual_hash, 200, "perceptual_hash", v);
    if !item.perceptual_hash.is_empty()
        && let Err(error) = PerceptualHash::parse(&item.perceptual_hash)
    {
        v.add("perceptual_hash", Reason::Malformed, error.to_string());
    }
    text::check_line(&item.original_locator, 2_000, "original_locator", v);
    text::check_line(&item.archived_locator, 2_000, "archived_locator", v);
    if let Some(captured) = &item.captured {
        v.within("captured", |v| {
            let captured = time::interval(captured, v);
            time::not_ahead(captured.earliest, context.received_at, "earliest", v);
            time::not_ahead(captured.latest, context.received_at, "latest", v);
        });
    }
    if let Some(place) = &mut item.captured_at {
        v.within("captured_at", |v| {
            reference::place(place, context.registry, v)
        });
    }
    text::check_line(&item.verified_by, 200, "verified_by", v);
    text::check(
        &item.verification_method,
        Limit::Characters(2_000),
        "verification_method",
        v,
    );
    time::optional(item.verified_at.as_ref(), "verified_at", v);
    text::check_count(item.custody_log.len(), MOST_CUSTODY_LINES, "custody_log", v);
    for (i, line) in item.custody_log.iter().take(MOST_CUSTODY_LINES).enumerate() {
        text::check_line(line, 2_000, &format!("custody_log[{i}]"), v);
    }
    text::check_line(&item.handling, 200, "handling", v);
}
