//! A report as readers see it.

use ascertain_domain::marking::Audience;
use ascertain_engine::sort_out;
use ascertain_log::PartitionId;
use ascertain_proto::inward::submission::{TIME_INCONSISTENT, join};
use ascertain_proto::log::v1::{RecordBody, ReportContent, record_body::Content};
use ascertain_proto::outward;
use ascertain_proto::v1::{RecordedReportView, ReportSetAside};
use ascertain_replica::KnownReport;
use prost::Message as _;

use crate::error::QueryError;
use crate::follow::Replica;

impl Replica {
    /// A report as it is kept in a partition, with its texts, and whether it still counts.
    pub(crate) fn view(
        &self,
        partition: PartitionId,
        known: &KnownReport,
    ) -> Result<RecordedReportView, QueryError> {
        let body = RecordBody::decode(known.body.clone())?;
        let content = ReportContent::decode(known.content.clone())?;
        let stamp = body.stamp.unwrap_or_default();
        let Some(Content::Report(recorded)) = body.content else {
            return Err(QueryError::Unreadable("a record that is no report"));
        };
        let flags = known.report.time_inconsistent;
        Ok(RecordedReportView {
            report: Some(join(&recorded, &content, stamp.first_recorded_at)),
            partner_id: stamp.partner_id,
            first_recorded_at: stamp.first_recorded_at,
            known_at: Some(outward::timestamp(known.known_at)),
            flags: flags
                .then(|| TIME_INCONSISTENT.to_owned())
                .into_iter()
                .collect(),
            set_aside: self.set_aside(partition, known)?,
        })
    }

    fn set_aside(
        &self,
        partition: PartitionId,
        known: &KnownReport,
    ) -> Result<Option<ReportSetAside>, QueryError> {
        let linked = self.reports.linked_to(partition, &known.report)?;
        let linked: Vec<_> = linked.into_iter().map(|(_, report)| report).collect();
        let registry = self.registry.snapshot();
        let aside = sort_out(&linked, registry.latest(), Audience::Clear).set_aside;
        let own = aside
            .iter()
            .find(|aside| aside.report.key() == known.report.key());
        Ok(own.map(outward::report_set_aside))
    }
}
