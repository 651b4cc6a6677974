//! Reading all that query keeps: its store, with the reports and the states.

use std::sync::Arc;

use ascertain_log::{PartitionId, Sequence};
use ascertain_proto::v1::{LogPosition, RoleVerification};
use ascertain_replica::SetDigest;
use ascertain_runtime::{Checking, of_other_methods};
use ascertain_store::StoreError;
use tonic::Status;

use crate::error::QueryError;
use crate::follow::Replica;
use crate::read::see;

/// Verifies query; reports and states are condensed up to these positions.
pub(crate) async fn verify(
    replica: &Arc<Replica>,
    up_to: &[LogPosition],
) -> Result<RoleVerification, Status> {
    let waiting = async {
        for at in up_to {
            see(
                replica,
                PartitionId(at.partition),
                at.sequence,
                replica.patience,
            )
            .await?;
        }
        Ok::<(), QueryError>(())
    };
    match tokio::time::timeout(replica.patience, waiting).await {
        Ok(seen) => seen?,
        Err(_) => Err(QueryError::NotCaughtUp(replica.patience))?,
    }
    let positions = up_to.to_vec();
    let verified = replica.blocking(move |replica| {
        let mut values = Checking::new("query store: checksums");
        match replica.store.verify() {
            Ok(count) => values.read(count),
            Err(StoreError::Damaged(what)) => {
                // It answers nothing more.
                values.problem(what);
                return Ok(RoleVerification {
                    role: "query".to_owned(),
                    checks: vec![values.done()],
                    ..RoleVerification::default()
                });
            }
            Err(error) => return Err(error.into()),
        }
        let (mut reports, mut states) = (SetDigest::default(), SetDigest::default());
        for at in &positions {
            let (partition, sequence) = (PartitionId(at.partition), Sequence(at.sequence));
            replica
                .reports
                .condense(partition, sequence, &mut reports)?;
        }
        let mut entries = Checking::new("query store: states of places that are registered");
        let methods = replica.states.condense(
            |place| {
                // As it is now: places come while this runs.
                let registry = replica.registry.snapshot();
                let place = registry.latest().place(place)?;
                let partition =
                    PartitionId::of_home_area(&place.home_area, replica.place_partitions());
                let at = positions.iter().find(|at| at.partition == partition.0);
                Some(at.map_or(0, |at| at.sequence))
            },
            &mut states,
            &mut entries,
        )?;
        let mut listed = Checking::new("query store: an index entry for every report");
        // Reports come while this counts.
        let before = replica.reports.count()?;
        let (by_time, by_id) = replica.listing.counts()?;
        let stored = replica.reports.count()?;
        listed.read(stored);
        let counted = before..=stored;
        if !counted.contains(&by_time) || !counted.contains(&by_id) {
            listed.problem(format!(
                "of {stored} reports {by_time} are listed by time and {by_id} by id"
            ));
        }
        let ((reports, report_count), (states, state_count)) = (reports.finish(), states.finish());
        Ok(RoleVerification {
            role: "query".to_owned(),
            checks: [values.done(), entries.done(), listed.done()]
                .into_iter()
                .chain(of_other_methods(
                    "query store",
                    methods,
                    replica.method_version,
                ))
                .collect(),
            reports,
            report_count,
            states,
            state_count,
        })
    });
    Ok(verified.await?)
}
