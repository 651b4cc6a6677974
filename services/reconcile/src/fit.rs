//! Fitting a source model: what was known before a cut, gathered from the log and
//! the store, and learned from place by place. A function of those records alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ascertain_domain::id::{PlaceId, ReportKey};
use ascertain_domain::marking::Audience;
use ascertain_domain::model::SourceModel;
use ascertain_domain::registry::{Registry, RegistryChange};
use ascertain_domain::report::Report;
use ascertain_domain::time::Timestamp;
use ascertain_engine::{Calibrator, Counts, Family, family_places, sort_out};
use ascertain_log::{LogReader, PartitionId, Sequence};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_replica::{ReplicaError, ReportReplica};
use futures::StreamExt as _;

/// How far a fit is, and whether anybody still waits for it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Reports read so far.
    pub reports: AtomicU64,
    /// Whether all are read.
    pub fitting: AtomicBool,
    /// Whether nobody waits any more.
    pub given_up: AtomicBool,
}

impl Progress {
    fn is_wanted(&self) -> bool {
        !self.given_up.load(Ordering::Relaxed)
    }
}

/// The registry as it was known before a cut. Source models are left out: each is
/// fitted from the priors, not from the one before.
pub(crate) async fn registry_before(
    log: &dyn LogReader,
    cut: Timestamp,
) -> Result<Registry, ReplicaError> {
    let ends = log.ends().await?;
    let end = ends.first().map_or(Sequence::ZERO, |end| end.last_sequence);
    let mut registry = Registry::default();
    let mut seen = Sequence::ZERO;
    let mut batches = log.follow(PartitionId::REGISTRY, Sequence::ZERO, None);
    while seen < end {
        let Some(batch) = batches.next().await.transpose()? else {
            return Err(ReplicaError::Unreadable("a log that ended before its end"));
        };
        for record in batch {
            seen = record.position.sequence;
            let decoded = decode_body(&record.body);
            let body = decoded.map_err(|source| ReplicaError::Decode {
                partition: 0,
                sequence: seen.0,
                source,
            })?;
            match body {
                Body::Registry(RegistryChange::SourceModel(_), ..) => {}
                Body::Registry(change, _, version) if version.first_known_at < cut => {
                    registry.apply(seen.0, version, change);
                }
                Body::Registry(..)
                | Body::Report(_)
                | Body::Adopt { .. }
                | Body::Erasure(..)
                | Body::Adjudication(_)
                | Body::Erased(..) => {}
            }
        }
    }
    Ok(registry)
}

/// Reads the reports known before a cut and learns from them; `None` where nobody
/// waits for it any more.
pub(crate) fn fit(
    reports: &ReportReplica,
    partitions: impl Iterator<Item = PartitionId>,
    registry: &Registry,
    (audience, cut): (Audience, Timestamp),
    progress: &Progress,
) -> Result<Option<SourceModel>, ReplicaError> {
    let mut known: BTreeMap<ReportKey, Arc<Report>> = BTreeMap::new();
    for partition in partitions {
        for report in reports.all(partition) {
            if !progress.is_wanted() {
                return Ok(None);
            }
            let report = report?.report;
            if report.first_known_at >= cut || !audience.sees(report.marking) {
                continue;
            }
            // It stands in each partition that its places name; of several
            // recordings that with the smallest body digest counts.
            let other = known.get(&report.key());
            if other.is_none_or(|other| report.body_digest < other.body_digest) {
                known.insert(report.key(), report);
            }
            let count = u64::try_from(known.len()).unwrap_or(u64::MAX);
            progress.reports.store(count, Ordering::Relaxed);
        }
    }
    progress.fitting.store(true, Ordering::Relaxed);
    Ok(learn(&known, registry, (audience, cut), progress))
}

fn learn(
    known: &BTreeMap<ReportKey, Arc<Report>>,
    registry: &Registry,
    (audience, cut): (Audience, Timestamp),
    progress: &Progress,
) -> Option<SourceModel> {
    // Retractions name no place: what they leave is found before it is told by place.
    let known: Vec<Arc<Report>> = known.values().cloned().collect();
    let in_force = sort_out(&known, registry.latest(), audience).in_force;
    let mut by_place: BTreeMap<PlaceId, Vec<&Arc<Report>>> = BTreeMap::new();
    for report in &in_force {
        for place in report.places() {
            by_place.entry(place).or_default().push(report);
        }
    }
    let registry = registry.latest();
    let mut calibrator = Calibrator::new(registry, audience, cut);
    let mut sites = Vec::new();
    for place in registry.places() {
        if !progress.is_wanted() {
            return None;
        }
        let family = family_places(&place.id, registry);
        let of_family = family.iter().filter_map(|id| by_place.get(id)).flatten();
        let of_family: BTreeMap<ReportKey, Arc<Report>> = of_family
            .map(|report| (report.key(), Arc::clone(report)))
            .collect();
        if of_family.is_empty() {
            continue;
        }
        let reports: Vec<Arc<Report>> = of_family.into_values().collect();
        sites.push(calibrator.site(Family {
            place,
            registry,
            audience,
            reports: &reports,
        }));
    }
    loop {
        let mut counts = Counts::default();
        for site in &sites {
            if !progress.is_wanted() {
                return None;
            }
            counts.add(calibrator.statistics(site));
        }
        if !calibrator.advance(&counts) {
            return Some(calibrator.finish());
        }
    }
}
