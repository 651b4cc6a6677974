//! Independence groups: what traces to one originator counts once, whoever relays
//! it. Originators that nobody registered share one group a partner, so that
//! inventing them gains nothing.

use std::sync::Arc;

use ascertain_domain::id::{Digest, ReportKey, SourceId};
use ascertain_domain::registry::View;
use ascertain_domain::report::{Originator, Report};
use ascertain_domain::state::Interest;
use ascertain_fusion::filter::GroupId;

use crate::item::{Item, short};
use crate::statement::statement;

/// How many reports a group lists.
const LISTED_REPORTS: usize = 16;

/// The group's key.
pub(crate) fn group_key(report: &Report) -> String {
    match &report.originator {
        Originator::Source(id) => key_of_source(id),
        Originator::Unregistered(_) => format!("unregistered:{}", report.partner),
    }
}

/// The id of a group within the sums of a place: the first eight bytes of the
/// digest of its key.
#[must_use]
pub fn group_id(key: &str) -> GroupId {
    short(&Digest::of(key.as_bytes()))
}

fn key_of_source(id: &SourceId) -> String {
    format!("source:{id}")
}

/// The group of a registered source.
pub(crate) fn source_group(id: &SourceId) -> GroupId {
    group_id(&key_of_source(id))
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

/// What one independence group said, whenever that was.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupFacts {
    /// Its key.
    pub key: String,
    /// The originator's name.
    pub name: String,
    /// Whether its source is unproven.
    pub unproven: bool,
    /// Whether any of it was said of the place itself.
    pub direct: bool,
    /// How its strongest claim cuts for its side.
    pub interest: Interest,
    /// Its strongest claim, in one line.
    pub reason: String,
    /// The strength of that claim: weight times the span of its log-likelihoods;
    /// negative where it said nothing about holders.
    pub strength: f64,
    /// Its reports with the partner's references, in the order in which they were
    /// known; at most 16.
    pub reports: Vec<(ReportKey, String)>,
}

impl GroupFacts {
    pub(crate) fn new(key: String, report: &Report, registry: View<'_>, unproven: bool) -> Self {
        Self {
            key,
            name: originator_name(report, registry),
            unproven,
            direct: false,
            interest: Interest::Neutral,
            reason: String::new(),
            strength: -1.0,
            reports: Vec::new(),
        }
    }

    /// Notes a claim of the group. Points that were handed out keep what they list.
    pub(crate) fn note(self: &mut Arc<Self>, item: &Item, registry: View<'_>) {
        let strength = item.strength();
        if strength.is_some() && item.bearing.direct && !self.direct {
            Arc::make_mut(self).direct = true;
        }
        if self.reason.is_empty() || strength > Some(self.strength) {
            let facts = Arc::make_mut(self);
            facts.strength = strength.unwrap_or(facts.strength);
            facts.interest = item.interest;
            facts.reason = statement(item.claim(), registry);
        }
        if self.reports.len() < LISTED_REPORTS {
            let report = (item.report.key(), item.report.partner_reference.clone());
            if !self.reports.contains(&report) {
                Arc::make_mut(self).reports.push(report);
            }
        }
    }
}
