//! Which partition a home area belongs to. The rule is for ever: records of one
//! place never move.

use std::sync::atomic::{AtomicBool, Ordering};

use ascertain_domain::id::PlaceId;
use ascertain_domain::registry::View;
use ascertain_log::PartitionId;

/// The partitions of the report log.
#[derive(Debug)]
pub(crate) struct Partitions {
    /// For each partition, partition 0 first: whether it holds a record that was
    /// recorded when it came, not at a stated time.
    live: Vec<AtomicBool>,
}

impl Partitions {
    /// So many partitions in all, each empty.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            live: (0..count).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// All partitions, partition 0 first.
    pub(crate) fn all(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..u32::try_from(self.live.len()).unwrap_or(u32::MAX)).map(PartitionId)
    }

    /// All partitions that hold reports.
    pub(crate) fn of_places(&self) -> impl Iterator<Item = PartitionId> + use<> {
        self.all().skip(1)
    }

    /// The partition of a home area.
    pub(crate) fn of_home_area(&self, home_area: &PlaceId) -> PartitionId {
        let count = u32::try_from(self.live.len()).unwrap_or(u32::MAX);
        PartitionId::of_home_area(home_area, count.saturating_sub(1))
    }

    /// The partitions in which a report is to stand, ascending, once each: those of its
    /// places, or all where it bears on other reports. Where these stand, or will once they
    /// arrive, need not be known then, and all partitions see the same versions.
    pub(crate) fn of_report<'a>(
        &self,
        places: &'a [PlaceId],
        is_linked: bool,
        registry: View<'_>,
    ) -> Result<Vec<PartitionId>, &'a PlaceId> {
        let own = self.of(places, registry)?;
        Ok(if is_linked {
            self.of_places().collect()
        } else {
            own
        })
    }

    /// The partitions of some places, ascending, once each; `Err` names the place
    /// that the registry does not know.
    pub(crate) fn of<'a>(
        &self,
        places: impl IntoIterator<Item = &'a PlaceId>,
        registry: View<'_>,
    ) -> Result<Vec<PartitionId>, &'a PlaceId> {
        let mut partitions = Vec::new();
        for place in places {
            let found = registry.place(place).ok_or(place)?;
            partitions.push(self.of_home_area(&found.home_area));
        }
        partitions.sort();
        partitions.dedup();
        Ok(partitions)
    }

    /// Notes that a partition holds a record that was recorded when it came.
    pub(crate) fn note_live(&self, partition: PartitionId) {
        if let Some(live) = self.live.get(partition.0 as usize) {
            live.store(true, Ordering::Release);
        }
    }

    /// Whether every record of a partition stands at a stated time.
    pub(crate) fn only_reconstructed(&self, partition: PartitionId) -> bool {
        let live = self.live.get(partition.0 as usize);
        live.is_some_and(|live| !live.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_area_has_one_partition_for_ever() {
        let partitions = Partitions::new(5);
        let of = |id: &str| partitions.of_home_area(&PlaceId::new(id).unwrap()).0;
        // Written down so that a changed rule is noticed.
        assert_eq!((of("hama"), of("homs"), of("latakia")), (2, 3, 2));
    }

    #[test]
    fn reports_never_go_to_partition_zero() {
        for count in [1, 2, 9] {
            let partitions = Partitions::new(count);
            for id in ["a", "b", "c", "d", "e"] {
                assert!(partitions.of_home_area(&PlaceId::new(id).unwrap()).0 >= 1);
            }
        }
    }
}
