//! How a report stands to others of its partner: versions, corrections, retractions.

use ascertain_domain::id::ReportId;
use ascertain_domain::report::{Links, Retractor};
use ascertain_domain::violation::{Reason, Violations};

use super::enums;
use crate::v1;

/// The highest version.
const MOST_VERSIONS: u32 = 10_000;

/// Whether a report says nothing but that another is taken back.
pub(super) fn only_retracts(report: &v1::Report) -> bool {
    !report.retracts_report_id.is_empty() && report.claims.is_empty()
}

/// Checks the links of a report and writes each in its one form.
pub(super) fn resolve(report: &mut v1::Report, v: &mut Violations) {
    let own = ReportId::parse(&report.report_id);
    for (field, link) in [
        ("root_report_id", &mut report.root_report_id),
        ("corrects_report_id", &mut report.corrects_report_id),
        ("retracts_report_id", &mut report.retracts_report_id),
    ] {
        let Some(other) = parse(link, field, v) else {
            continue;
        };
        *link = other.to_string();
        if Some(other) == own && field != "root_report_id" {
            v.add(field, Reason::Cycle, "is the report itself; name another");
        }
    }
    if report.root_report_id == report.report_id {
        report.root_report_id.clear();
    }
    let is_first = report.root_report_id.is_empty() && report.corrects_report_id.is_empty();
    let version = report.version;
    match version {
        0 if is_first => {}
        0 => report.version = 2,
        1 if !is_first => {
            let what = "is 1, but the report names an earlier version; count on from it, or give 0";
            v.add("version", Reason::OutOfRange, what);
        }
        2.. if is_first => {
            let what = format!("is missing for version {version}; name the first version");
            v.add("root_report_id", Reason::Required, what);
        }
        _ if version > MOST_VERSIONS => {
            let what = format!("{version} is above {MOST_VERSIONS}");
            v.add("version", Reason::OutOfRange, what);
        }
        _ => {}
    }
    let by = enums::known::<v1::Retractor>(report.retracted_by, "retracted_by", v);
    if report.retracts_report_id.is_empty() && by.is_some_and(|by| by != v1::Retractor::Unspecified)
    {
        let what = "is missing; `retracted_by` says who takes it back";
        v.add("retracts_report_id", Reason::Required, what);
    }
}

/// Reads the links of a record.
pub(super) fn read(report: &v1::Report, v: &mut Violations) -> Links {
    let retracts = parse(&report.retracts_report_id, "retracts_report_id", v);
    let by = match report.retracted_by() {
        v1::Retractor::Originator => Retractor::Originator,
        v1::Retractor::Submitter | v1::Retractor::Unspecified => Retractor::Submitter,
    };
    Links {
        version: report.version,
        root: parse(&report.root_report_id, "root_report_id", v),
        corrects: parse(&report.corrects_report_id, "corrects_report_id", v),
        retracts: retracts.map(|report| (report, by)),
    }
}

fn parse(link: &str, field: &str, v: &mut Violations) -> Option<ReportId> {
    if link.is_empty() {
        return None;
    }
    let id = ReportId::parse(link);
    if id.is_none() {
        let what = format!("`{link}` is no UUID in its hyphenated form");
        v.add(field, Reason::InvalidUuid, what);
    }
    id
}
