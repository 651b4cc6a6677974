//! Reports as partners send them: checked whole, resolved, and made into records.

use ascertain_domain::id::{Digest, PlaceId, ReportId};
use ascertain_domain::marking::Marking;
use ascertain_domain::registry::View;
use ascertain_domain::simhash::simhash;
use ascertain_domain::time::Timestamp;
use ascertain_domain::violation::{Reason, Violation, Violations};
use prost::Message as _;

pub use super::content::{Salt, draw_salt, join};

use super::claim::{self, Context, MOST_CLAIMS, Seen};
use super::text::{self, Limit};
use super::{content, enums, evidence, links, party, time};
use crate::{log, outward, v1};

/// So many mistakes are told at once.
const MOST_VIOLATIONS: usize = 100;

/// The flag of a report whose times contradict each other.
pub const TIME_INCONSISTENT: &str = "TIME_INCONSISTENT";

/// A report in which nothing is wrong, ready to be recorded.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Its id.
    pub id: ReportId,
    /// What goes into the body.
    pub recorded: log::v1::RecordedReport,
    /// What goes beside the body, with a salt of its own.
    pub content: log::v1::ReportContent,
    /// Every place that the claims name, sorted: these say where the record goes.
    pub places: Vec<PlaceId>,
    /// Whether it bears on other reports: then it goes to every partition of places.
    pub is_linked: bool,
    /// What was noticed and kept as it is.
    pub flags: Vec<String>,
    /// Links to other reports (`report:REPORT_UUID`), their claims
    /// (`REPORT_UUID/CLAIM_ID`) and evidence (ids) that this report does not hold itself.
    /// Whether they have arrived, only the caller knows.
    pub pending_links: Vec<String>,
}

/// Checks a report against the registry. `received_at` is now, or the stated
/// `first_known_at` of a backfill: no event lies after it.
///
/// # Errors
/// Every mistake, with its path below `report`; at most 100, and then a last one
/// that says what was not looked at.
pub fn check(
    report: &v1::Report,
    registry: View<'_>,
    received_at: Timestamp,
) -> Result<Checked, Vec<Violation>> {
    check_salted(report, registry, received_at, draw_salt())
}

/// [`check`] with a salt that is given.
///
/// # Errors
/// As for [`check`].
pub fn check_salted(
    report: &v1::Report,
    registry: View<'_>,
    received_at: Timestamp,
    salt: Salt,
) -> Result<Checked, Vec<Violation>> {
    let mut v = Violations::at("report");
    let submitted_digest = submitted_digest(report);
    let mut report = report.clone();
    report.received_at = None;

    let id = header(&mut report, &mut v);
    let only_retracts = links::only_retracts(&report);
    if only_retracts && report.published_at.is_none() {
        report.published_at = Some(outward::timestamp(received_at));
    }
    let published_at = time::required(report.published_at.as_ref(), "published_at", &mut v);
    time::not_ahead(published_at, received_at, "published_at", &mut v);
    let originators = if only_retracts { 0..=1 } else { 1..=1 };
    party::resolve_all(&mut report.attribution_chain, originators, registry, &mut v);
    let context = Context {
        registry,
        received_at,
        published_at,
    };
    let (seen, not_looked_at) = claims(&mut report, &context, &mut v);
    if v.count() < MOST_VIOLATIONS {
        evidence::resolve_all(&mut report, &context, &mut v);
    }
    v.finish().map_err(|found| bounded(found, not_looked_at))?;
    // A report without mistakes has an id.
    let Some(id) = id else { return Err(Vec::new()) };

    let is_linked = links::read(&report, &mut Violations::at("report")).are_any();
    let pending_links = all_links(&report, id);
    let text_simhash = simhash(&report.text);
    let content = content::split(&mut report, salt);
    let recorded = log::v1::RecordedReport {
        report: Some(report),
        submitted_digest: submitted_digest.0.to_vec(),
        content_commitment: Digest::of(&content.encode_to_vec()).0.to_vec(),
        time_inconsistent: seen.time_inconsistent,
        text_simhash,
    };
    let flags = seen.time_inconsistent.then(|| TIME_INCONSISTENT.to_owned());
    Ok(Checked {
        id,
        recorded,
        content,
        places: seen.places.into_iter().collect(),
        is_linked,
        flags: flags.into_iter().collect(),
        pending_links,
    })
}

/// The retry key's check: SHA-256 over the canonical bytes of the report as
/// submitted. What does not make another report does not change it: `received_at`,
/// the case of the id, WHITE for CLEAR.
#[must_use]
pub fn submitted_digest(report: &v1::Report) -> Digest {
    Digest::of(&canonical(report).encode_to_vec())
}

/// The top-level fields in which two submissions of one id differ.
#[must_use]
pub fn differing_fields(one: &v1::Report, other: &v1::Report) -> Vec<&'static str> {
    let (a, b) = (canonical(one), canonical(other));
    let same = [
        ("root_report_id", a.root_report_id == b.root_report_id),
        ("version", a.version == b.version),
        (
            "corrects_report_id",
            a.corrects_report_id == b.corrects_report_id,
        ),
        (
            "retracts_report_id",
            a.retracts_report_id == b.retracts_report_id,
        ),
        ("retracted_by", a.retracted_by == b.retracted_by),
        (
            "partner_reference",
            a.partner_reference == b.partner_reference,
        ),
        (
            "attribution_chain",
            a.attribution_chain == b.attribution_chain,
        ),
        ("published_at", a.published_at == b.published_at),
        ("language", a.language == b.language),
        ("claims", a.claims == b.claims),
        ("evidence", a.evidence == b.evidence),
        ("evidence_ids", a.evidence_ids == b.evidence_ids),
        ("submitter_grade", a.submitter_grade == b.submitter_grade),
        ("tlp", a.tlp == b.tlp),
        ("sensitivity", a.sensitivity == b.sensitivity),
        ("text", a.text == b.text),
    ];
    same.into_iter()
        .filter(|(_, same)| !same)
        .map(|(field, _)| field)
        .collect()
}

fn canonical(report: &v1::Report) -> v1::Report {
    let mut report = report.clone();
    report.received_at = None;
    report.report_id.make_ascii_lowercase();
    if report.tlp == v1::Tlp::White as i32 {
        report.tlp = v1::Tlp::Clear as i32;
    }
    report
}

/// Everything but times, parties, claims and evidence.
fn header(report: &mut v1::Report, v: &mut Violations) -> Option<ReportId> {
    let id = ReportId::parse(&report.report_id);
    match id {
        Some(id) => report.report_id = id.to_string(),
        None => v.add(
            "report_id",
            Reason::InvalidUuid,
            "is no UUID in its hyphenated form, such as 5f0e6a9c-0000-4000-8000-000000000000",
        ),
    }
    text::check_line(&report.partner_reference, 64, "partner_reference", v);
    links::resolve(report, v);
    text::check_language(&report.language, "language", v);
    if let Some(grade) = &report.submitter_grade {
        v.within("submitter_grade", |v| {
            enums::known::<v1::ReliabilityGrade>(grade.reliability, "reliability", v);
            if grade.credibility > 6 {
                let what = format!("{} is not a digit from 0 to 6", grade.credibility);
                v.add("credibility", Reason::OutOfRange, what);
            }
        });
    }
    if let Some(tlp) = enums::required::<v1::Tlp>(report.tlp, "tlp", v) {
        match enums::marking(tlp) {
            Some(Marking::Clear) => report.tlp = v1::Tlp::Clear as i32,
            _ => v.add(
                "tlp",
                Reason::MarkingNotSupported,
                "is above what this version can protect; only CLEAR is taken",
            ),
        }
    }
    text::check_line(&report.sensitivity, 64, "sensitivity", v);
    text::check(&report.text, Limit::Bytes(16 << 10), "text", v);
    id
}

/// Looks at the claims until too much is wrong; says how many were left.
fn claims(report: &mut v1::Report, context: &Context<'_>, v: &mut Violations) -> (Seen, usize) {
    let mut seen = Seen::default();
    let count = report.claims.len();
    if count == 0 && !links::only_retracts(report) {
        v.add(
            "claims",
            Reason::NoClaims,
            "holds no claim; a report says something",
        );
    }
    text::check_count(count, MOST_CLAIMS, "claims", v);
    claim::name_all(&mut report.claims, v);
    for (i, claim) in report.claims.iter_mut().take(MOST_CLAIMS).enumerate() {
        if v.count() >= MOST_VIOLATIONS {
            return (seen, count - i);
        }
        v.within(format!("claims[{i}]"), |v| {
            claim::resolve(claim, context, &mut seen, v);
        });
    }
    (seen, count.saturating_sub(MOST_CLAIMS))
}

fn bounded(mut found: Vec<Violation>, not_looked_at: usize) -> Vec<Violation> {
    if found.len() >= MOST_VIOLATIONS {
        found.truncate(MOST_VIOLATIONS);
        found.push(Violation {
            field: "report".to_owned(),
            reason: Reason::TooLong,
            description: format!(
                "has more mistakes than the {MOST_VIOLATIONS} told here; \
                 {not_looked_at} claims were not looked at"
            ),
        });
    }
    found
}

/// What a report points at and does not hold itself.
fn all_links(report: &v1::Report, id: ReportId) -> Vec<String> {
    let own = |link: &str| {
        text::claim_link(link).is_some_and(|(of, claim)| {
            of == id && report.claims.iter().any(|c| c.claim_id == claim.as_str())
        })
    };
    let denied = report.claims.iter().map(|c| &c.denies_claim_id);
    let denied = denied.filter(|link| !link.is_empty() && !own(link));
    let evidence = report.evidence_ids.iter();
    let evidence = evidence.filter(|id| !report.evidence.iter().any(|e| e.evidence_id == **id));
    let reports = [
        &report.root_report_id,
        &report.corrects_report_id,
        &report.retracts_report_id,
    ];
    let reports = reports.into_iter().filter(|link| !link.is_empty());
    let reports = reports.map(|link| format!("{REPORT_LINK}{link}"));
    let mut links: Vec<String> = denied.chain(evidence).cloned().chain(reports).collect();
    links.dedup();
    links
}

/// Before the id of a report in a link to it.
const REPORT_LINK: &str = "report:";

/// What a link points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// A claim of a report, of whichever partner.
    ClaimOf(ReportId),
    /// A report of the same partner.
    Report(ReportId),
    /// An item of evidence.
    Evidence,
}

/// Reads a link, as [`Checked::pending_links`] has them.
#[must_use]
pub fn link(link: &str) -> Link {
    let claim = || text::claim_link(link).map(|(report, _)| Link::ClaimOf(report));
    let report = link.strip_prefix(REPORT_LINK).and_then(ReportId::parse);
    let report = report.map(Link::Report);
    report.or_else(claim).unwrap_or(Link::Evidence)
}
