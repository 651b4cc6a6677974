//! Independence groups: what traces to one originator, or to one item of evidence,
//! counts once.

use std::collections::{BTreeMap, BTreeSet};

use ascertain_domain::registry::View;
use ascertain_domain::report::{EvidenceKey, Originator, Report};

/// Assigns reports to groups.
///
/// Reports belong to the group of their originator, whoever relays them. An item
/// of evidence that several originators bring makes their reports that carry it
/// one group. Originators that nobody registered share one group a partner, so
/// that inventing them gains nothing.
pub(crate) struct Groups<'a> {
    shared: BTreeSet<&'a EvidenceKey>,
}

impl<'a> Groups<'a> {
    pub(crate) fn of(reports: &[&'a Report]) -> Self {
        let mut brought: BTreeMap<&EvidenceKey, BTreeSet<String>> = BTreeMap::new();
        for report in reports {
            for item in &report.evidence {
                brought
                    .entry(item)
                    .or_default()
                    .insert(originator_key(report));
            }
        }
        let shared = brought
            .into_iter()
            .filter(|(_, by)| by.len() > 1)
            .map(|(item, _)| item);
        Self {
            shared: shared.collect(),
        }
    }

    /// The group's key.
    pub(crate) fn key(&self, report: &Report) -> String {
        match report
            .evidence
            .iter()
            .find(|item| self.shared.contains(item))
        {
            Some(EvidenceKey::Sha256(digest)) => format!("evidence:{digest}"),
            Some(EvidenceKey::Id(partner, id)) => format!("evidence:{partner}:{id}"),
            None => originator_key(report),
        }
    }
}

fn originator_key(report: &Report) -> String {
    match &report.originator {
        Originator::Source(id) => format!("source:{id}"),
        Originator::Unregistered(_) => format!("unregistered:{}", report.partner),
    }
}

/// The originator's name, for people.
pub(crate) fn originator_name(report: &Report, registry: View<'_>) -> String {
    match &report.originator {
        Originator::Source(id) => registry
            .source(id)
            .map_or_else(|| id.to_string(), |s| s.shown_name().to_owned()),
        Originator::Unregistered(_) => format!("unregistered sources of {}", report.partner),
    }
}
