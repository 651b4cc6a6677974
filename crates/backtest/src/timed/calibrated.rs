//! Confidence calibrated on history: the exponent for beliefs that known truths ask for.

use super::score::{ALL, CHANGED_PLACES, Day, Kinds, Sums};

/// Places are dealt into so many parts; each is answered as suits the truths of the others.
const PARTS: usize = 5;
/// Before so many days with a truth no exponent is told.
const LEAST_DAYS: u64 = 1_000;
/// The exponents that are tried: from so many twentieths to so many.
const STEPS: std::ops::RangeInclusive<u32> = 10..=26;
const STEPS_TO_ONE: f64 = 20.0;

/// The exponents that are tried, 0.5 to 1.3.
fn tempers() -> impl Iterator<Item = f64> {
    STEPS.map(|step| f64::from(step) / STEPS_TO_ONE)
}

/// The sums of answers taken to each exponent.
#[derive(Debug, Clone)]
pub(crate) struct Tempered(Vec<Sums>);

impl Tempered {
    pub(crate) fn new() -> Self {
        Self(tempers().map(|_| Sums::default()).collect())
    }

    /// Takes in an answer.
    pub(crate) fn add(&mut self, answer: &[f64], day: &Day, kinds: &Kinds) {
        let mut taken = vec![0.0; answer.len()];
        for (sums, temper) in self.0.iter_mut().zip(tempers()) {
            let to = |p: &f64| libm::pow(*p, temper);
            taken.iter_mut().zip(answer).for_each(|(t, p)| *t = to(p));
            let all: f64 = taken.iter().sum();
            taken.iter_mut().for_each(|p| *p /= all);
            sums.add(&taken, false, day, kinds);
        }
    }

    fn merge(&mut self, other: &Self) {
        let both = self.0.iter_mut().zip(&other.0);
        both.for_each(|(sums, others)| sums.merge(others));
    }

    /// The exponent with the least loss, floored, over the days of places that change
    /// hands: elsewhere every confidence was right. Where none does, over all days. Of
    /// equals the smaller.
    fn best(&self) -> Option<(f64, &Sums)> {
        let totals = |sums: &Sums, block: usize| sums.floored[block].totals();
        let changes = |sums: &Sums| totals(sums, CHANGED_PLACES).count > 0;
        let block = if self.0.first().is_some_and(changes) {
            CHANGED_PLACES
        } else {
            ALL
        };
        let loss = |sums: &Sums| totals(sums, block).log_loss;
        let all = tempers().zip(&self.0);
        all.min_by(|a, b| loss(a.1).total_cmp(&loss(b.1)))
    }
}

/// The same by part of the places.
#[derive(Debug, Clone)]
pub(crate) struct Calibration(Vec<Tempered>);

impl Calibration {
    pub(crate) fn new() -> Self {
        Self(vec![Tempered::new(); PARTS])
    }

    /// Takes in a place.
    pub(crate) fn add(&mut self, place: usize, of_place: &Tempered) {
        if let Some(part) = self.0.get_mut(place % PARTS) {
            part.merge(of_place);
        }
    }

    /// The sums with each part taken to the exponent that suits the others.
    pub(crate) fn cross_fitted(&self) -> Sums {
        let mut sums = Sums::default();
        for (part, of_part) in self.0.iter().enumerate() {
            let mut others = Tempered::new();
            let all = self.0.iter().enumerate();
            all.filter(|(other, _)| *other != part)
                .for_each(|(_, other)| others.merge(other));
            let chosen = others.best().map(|(temper, _)| temper);
            let own = tempers().zip(&of_part.0).find(|(t, _)| Some(*t) == chosen);
            if let Some((_, own)) = own {
                sums.merge(own);
            }
        }
        sums
    }

    /// The exponent that suits all truths: what a source model may carry.
    /// `None` where too little is known to tell.
    pub(crate) fn temper(&self) -> Option<f64> {
        let mut all = Tempered::new();
        self.0.iter().for_each(|part| all.merge(part));
        let days = |sums: &Sums| sums.said[ALL].totals().count;
        all.best()
            .filter(|(_, sums)| days(sums) >= LEAST_DAYS)
            .map(|(temper, _)| temper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many of a hundred days on which the surer side was right.
    fn history(right: usize) -> Calibration {
        let kinds = Kinds {
            in_use: vec![true; 2],
            holders: vec![true; 2],
        };
        let mut calibration = Calibration::new();
        for place in 0..10 {
            let mut of_place = Tempered::new();
            for day in 0..100 {
                let truth = usize::from(day >= right);
                let day = Day::of(0, truth, &[]);
                of_place.add(&[0.9, 0.1], &day, &kinds);
            }
            calibration.add(place, &of_place);
        }
        calibration
    }

    #[test]
    fn who_was_too_sure_is_told_to_be_less_so() {
        let calibration = history(75);
        assert_eq!(calibration.temper(), Some(0.5));
        let ece = calibration.cross_fitted().said[ALL].means().unwrap().ece;
        assert!(ece < 0.01, "{ece}");
    }

    #[test]
    fn who_was_as_sure_as_right_stays_so() {
        let temper = history(90).temper().unwrap();
        assert!((0.95..=1.05).contains(&temper), "{temper}");
    }
}
