//! The source models that were adopted, and which of them is in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::Digest;
use crate::marking::Audience;
use crate::model::SourceModel;
use crate::time::Timestamp;

/// Of two models the greater is in force.
type Rank = (Timestamp, Digest);
type Ranked = (Rank, Arc<SourceModel>);

/// Models by audience.
#[derive(Debug, Clone, Default)]
pub(super) struct Adopted(BTreeMap<Audience, Line>);

#[derive(Debug, Clone, Default)]
struct Line {
    adopted: BTreeMap<u64, Ranked>,
    /// The greatest of those adopted up to each sequence.
    in_force: BTreeMap<u64, Ranked>,
}

impl Adopted {
    pub(super) fn put(&mut self, sequence: u64, model: SourceModel) {
        let line = self.0.entry(model.audience).or_default();
        let rank = (model.cut, model.digest());
        line.adopted.insert(sequence, (rank, Arc::new(model)));
        // Sequences come in order but for a replay: what is later is looked at again.
        line.in_force.split_off(&sequence);
        let mut greatest = line.in_force.values().next_back().cloned();
        for (at, ranked) in line.adopted.range(sequence..) {
            if greatest.as_ref().is_none_or(|(rank, _)| *rank < ranked.0) {
                greatest = Some(ranked.clone());
                line.in_force.insert(*at, ranked.clone());
            }
        }
    }

    pub(super) fn at(&self, audience: Audience, sequence: u64) -> Option<&Arc<SourceModel>> {
        let line = self.0.get(&audience)?;
        let (_, (_, model)) = line.in_force.range(..=sequence).next_back()?;
        Some(model)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Registry, RegistryChange, Version};
    use super::*;
    use crate::state::Ppm;
    use crate::time::DAY_US;

    fn of_day(day: i64, temper: u32) -> SourceModel {
        SourceModel {
            cut: Timestamp::MIN.plus_micros(day * DAY_US),
            audience: Audience::Clear,
            method: String::new(),
            input_digest: Digest::of(&[]),
            sources: BTreeMap::new(),
            copies: BTreeMap::new(),
            pace: BTreeMap::new(),
            temper: Ppm(temper),
        }
    }

    #[test]
    fn the_model_of_the_latest_cut_is_in_force_whenever_it_was_adopted() {
        let mut registry = Registry::default();
        let models = [of_day(3, 1), of_day(5, 2), of_day(4, 3)];
        for (sequence, model) in [(2, 1), (1, 0), (4, 2)] {
            let change = RegistryChange::SourceModel(models[model].clone());
            registry.apply(sequence, Version::LATEST, change);
        }
        let at = |sequence| {
            let model = registry.at(sequence).source_model(Audience::Clear);
            model.map(|m| m.temper.0)
        };
        assert_eq!(
            [0, 1, 2, 3, 9].map(at),
            [None, Some(1), Some(2), Some(2), Some(2)]
        );
        assert!(registry.latest().source_model(Audience::Full).is_none());
    }

    #[test]
    fn of_two_models_of_one_day_the_same_stands_in_either_order() {
        let (one, other) = (of_day(3, 1), of_day(3, 2));
        let in_force = |models: [&SourceModel; 2]| {
            let mut registry = Registry::default();
            for (sequence, model) in (1..).zip(models) {
                let change = RegistryChange::SourceModel(model.clone());
                registry.apply(sequence, Version::LATEST, change);
            }
            registry.latest().source_model(Audience::Clear).cloned()
        };
        assert!(in_force([&one, &other]).is_some());
        assert_eq!(in_force([&one, &other]), in_force([&other, &one]));
    }
}
