//! Independence groups: what traces to one originator counts once, whoever relays
//! it. Originators that nobody registered share one group a partner, so that
//! inventing them gains nothing.

use ascertain_domain::registry::View;
use ascertain_domain::report::{Originator, Report};

/// The group's key.
pub(crate) fn group_key(report: &Report) -> String {
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
