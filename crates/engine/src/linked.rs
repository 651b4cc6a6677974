//! Which reports ask for a new fold, since reports say something of each other.

use std::collections::BTreeSet;
use std::sync::Arc;

use ascertain_domain::id::{PartnerId, ReportId, SourceId};
use ascertain_domain::report::{Originator, Report, Retractor};

/// What reports say of each other: whatever these names touch asks for a new fold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Linked {
    reports: BTreeSet<(ReportId, PartnerId)>,
    /// The sources of which a word was taken back.
    taken_back: BTreeSet<SourceId>,
}

impl Linked {
    /// Of reports that are known.
    pub(crate) fn of<'a>(reports: impl Iterator<Item = &'a Arc<Report>> + Clone) -> Self {
        let mut linked = Self::default();
        let mut by_originators = BTreeSet::new();
        for report in reports.clone() {
            let names = report.links.to().chain(std::iter::once(report.id));
            if report.links.are_any() {
                let names = names.map(|id| (id, report.partner.clone()));
                linked.reports.extend(names);
            }
            if let Some((id, Retractor::Originator)) = report.links.retracts {
                by_originators.insert((id, report.partner.clone()));
            }
        }
        // Which version of a report was named does not matter: its originator is one.
        let touched = reports.filter(|report| {
            !by_originators.is_empty()
                && linked
                    .reports
                    .contains(&(report.id, report.partner.clone()))
        });
        linked.taken_back = touched
            .filter_map(|report| match &report.originator {
                Originator::Source(id) => Some(id.clone()),
                Originator::Unregistered(_) => None,
            })
            .collect();
        linked
    }

    /// Whether a report is among them, or adds to them.
    pub(crate) fn bear_on(&self, report: &Report) -> bool {
        let is_taken_back = || match &report.originator {
            Originator::Source(id) => self.taken_back.contains(id),
            Originator::Unregistered(_) => false,
        };
        report.links.are_any()
            || (!self.reports.is_empty()
                && self.reports.contains(&(report.id, report.partner.clone())))
            || is_taken_back()
    }
}
