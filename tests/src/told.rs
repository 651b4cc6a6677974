//! A node that was told of Hama, and single reports of it.

use anyhow::Context as _;
use ascertain_proto::v1::{Report, ReportSubmission};
use ascertain_standalone::scenario::Scenario;

use crate::Node;

/// A node that was told what the scenario holds but for some reports, by the partner's
/// references; with the tokens of its writes, and its folder.
///
/// # Errors
/// Whatever fails on the way.
pub async fn told_but(left_out: &[&str]) -> anyhow::Result<(Node, Vec<String>, tempfile::TempDir)> {
    let data = tempfile::tempdir()?;
    let node = Node::start(data.path()).await?;
    let scenario = Scenario::hama()?;
    node.apply(&scenario).await?;
    let told = scenario.submissions.into_iter().filter(|submission| {
        let report = submission.report.as_ref();
        report.is_none_or(|report| !left_out.contains(&&*report.partner_reference))
    });
    let told: Vec<ReportSubmission> = told.collect();
    let acks = node.submit(&told).await?;
    let tokens = acks.into_iter().map(|ack| ack.write_token).collect();
    Ok((node, tokens, data))
}

/// A report of the scenario, by the partner's reference.
///
/// # Errors
/// There is none.
pub fn hama(reference: &str) -> anyhow::Result<Report> {
    let told = Scenario::hama()?.submissions.into_iter();
    let mut reports = told.filter_map(|submission| submission.report);
    let found = reports.find(|report| report.partner_reference == reference);
    found.with_context(|| format!("no report {reference}"))
}
