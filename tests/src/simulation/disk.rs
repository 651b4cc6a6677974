//! Disks that fail, run full and forget.

use std::sync::Arc;

use ascertain_store::{Fault, MemoryMedium, Operation};

use super::chance::Chance;

/// Lets a disk fail as the weather of its world has it.
pub(crate) fn let_fail(disk: &MemoryMedium, chance: &Arc<Chance>) {
    let chance = Arc::clone(chance);
    disk.fail_when(move |operation| {
        let often = chance.weather.store;
        match operation {
            Operation::Read if chance.strikes_of("read failed", often, 40_000) => Fault::Before,
            Operation::Commit if chance.strikes_of("commit failed", often, 4_000) => Fault::Before,
            Operation::Commit if chance.strikes_of("commit failed, done", often, 4_000) => {
                Fault::After
            }
            Operation::Sync if chance.strikes_of("sync failed", often, 1_000) => Fault::Before,
            _ => Fault::None,
        }
    });
}
