//! Calibration over many worlds at once, and how much of it is chance.
//!
//! The answers of one world hang together: a place is asked about many times, and a city's
//! quarters change hands together. So the calibration error of one world is mostly chance
//! where little is said, and its mean over worlds does not shrink with their number. Here
//! answers are pooled first and held against the truth then, and worlds, not answers, are
//! what chance draws.

use crate::dice::{Dice, Purpose};
use crate::score::top;

/// Bins of the top probability, as [`crate::score::Figures`] has them.
const BINS: usize = 10;
/// How often worlds are drawn anew.
const DRAWS: usize = 1_000;

/// In one bin of one world: how many answers, their probabilities, how many were right.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    count: f64,
    sure: f64,
    right: f64,
}

/// Answers of many worlds.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    worlds: Vec<[Bin; BINS]>,
}

/// How well pooled answers were calibrated.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Calibration {
    /// Expected calibration error of all answers together.
    pub ece: f64,
    /// What it came to in nine of ten draws of as many worlds out of these. A draw has its
    /// own chance on top of theirs, so the whole interval lies too high by about `chance`.
    pub drawn: (f64, f64),
    /// What a forecaster who is calibrated would have come to on as many such worlds, on
    /// average: each world's errors with the mean taken off, and either sign.
    pub chance: f64,
    /// The same that one in twenty such forecasters is above.
    pub chance_most: f64,
    /// How much surer than right: mean top probability less the share that was right.
    pub gap: f64,
    /// Nine of ten draws.
    pub gap_drawn: (f64, f64),
    /// The mean of the errors of each world by itself.
    pub single: f64,
    /// The same for a forecaster who is calibrated.
    pub single_chance: f64,
}

impl Pool {
    /// Takes the answers of a world: pairs of a truth and the probabilities of all labels.
    pub fn add<'a>(&mut self, answers: impl IntoIterator<Item = (usize, &'a [f64])>) {
        let mut bins = [Bin::default(); BINS];
        for (truth, p) in answers {
            let (most, right) = top(truth, p);
            let bin = &mut bins[((most * BINS as f64) as usize).min(BINS - 1)];
            bin.count += 1.0;
            bin.sure += most;
            bin.right += right;
        }
        self.worlds.push(bins);
    }

    /// For each bin that has answers: its share of them, how sure they were on average, and
    /// how often right.
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, f64, f64)> {
        let all = self.count(self.worlds.iter());
        let bins = sum(self.worlds.iter().map(|w| (w, 1.0)));
        let told = bins.iter().filter(|bin| bin.count > 0.0);
        told.map(|bin| {
            let Bin { count, sure, right } = *bin;
            (count / all, sure / count, right / count)
        })
        .collect()
    }

    /// How well calibrated they are.
    #[must_use]
    pub fn calibration(&self) -> Calibration {
        let worlds = self.worlds.len();
        if worlds == 0 {
            return Calibration::default();
        }
        let all = self.count(self.worlds.iter());
        let bins = sum(self.worlds.iter().map(|w| (w, 1.0)));
        // The error of each world as it differs from the mean of all, bin by bin: for each
        // answer of a bin the same is taken off.
        let centred: Vec<[f64; BINS]> = self
            .worlds
            .iter()
            .map(|world| {
                std::array::from_fn(|i| {
                    let of_all = if bins[i].count > 0.0 {
                        (bins[i].sure - bins[i].right) / bins[i].count
                    } else {
                        0.0
                    };
                    world[i].sure - world[i].right - of_all * world[i].count
                })
            })
            .collect();
        let mut dice = Dice::new(0, Purpose::Score, worlds, 1);
        let (mut drawn, mut gaps, mut chance) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..DRAWS {
            let draw: Vec<&[Bin; BINS]> = (0..worlds)
                .map(|_| &self.worlds[dice.below(worlds)])
                .collect();
            let of_draw = sum(draw.iter().map(|w| (*w, 1.0)));
            let count = self.count(draw.iter().copied());
            drawn.push(error(&of_draw) / count);
            gaps.push(gap(&of_draw) / count);
            let mut signed = [0.0; BINS];
            for world in &centred {
                let sign = if dice.chance(0.5) { 1.0 } else { -1.0 };
                signed
                    .iter_mut()
                    .zip(world)
                    .for_each(|(s, e)| *s += sign * e);
            }
            chance.push(signed.iter().map(|s| s.abs()).sum::<f64>() / all);
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let single = self
            .worlds
            .iter()
            .map(|w| error(w) / self.count([w].into_iter()));
        let single_chance = centred.iter().zip(&self.worlds).map(|(errors, world)| {
            errors.iter().map(|e| e.abs()).sum::<f64>() / self.count([world].into_iter())
        });
        Calibration {
            ece: error(&bins) / all,
            drawn: (quantile(&mut drawn, 0.05), quantile(&mut drawn, 0.95)),
            chance: mean(&chance),
            chance_most: quantile(&mut chance, 0.95),
            gap: gap(&bins) / all,
            gap_drawn: (quantile(&mut gaps, 0.05), quantile(&mut gaps, 0.95)),
            single: single.sum::<f64>() / worlds as f64,
            single_chance: single_chance.sum::<f64>() / worlds as f64,
        }
    }

    fn count<'a>(&self, worlds: impl Iterator<Item = &'a [Bin; BINS]>) -> f64 {
        let all: f64 = worlds.flatten().map(|bin| bin.count).sum();
        all.max(1.0)
    }
}

fn sum<'a>(worlds: impl Iterator<Item = (&'a [Bin; BINS], f64)>) -> [Bin; BINS] {
    worlds.fold([Bin::default(); BINS], |mut bins, (world, times)| {
        for (bin, of_world) in bins.iter_mut().zip(world) {
            bin.count += times * of_world.count;
            bin.sure += times * of_world.sure;
            bin.right += times * of_world.right;
        }
        bins
    })
}

fn error(bins: &[Bin; BINS]) -> f64 {
    bins.iter().map(|bin| (bin.sure - bin.right).abs()).sum()
}

fn gap(bins: &[Bin; BINS]) -> f64 {
    bins.iter().map(|bin| bin.sure - bin.right).sum()
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (share * values.len() as f64) as usize;
    let at = at.min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worlds in each of which all answers of 0.8 are right together or wrong together.
    fn pool(worlds: usize, right: impl Fn(usize) -> bool) -> Pool {
        let mut pool = Pool::default();
        for world in 0..worlds {
            let truth = usize::from(!right(world));
            pool.add((0..50).map(|_| (truth, &[0.8, 0.2][..])));
        }
        pool
    }

    #[test]
    fn worlds_that_err_by_chance_alone_are_told_from_those_that_do_not() {
        let calibrated = pool(100, |world| world % 5 != 0).calibration();
        assert!(calibrated.ece < 1e-9 && calibrated.gap.abs() < 1e-9);
        // One by one each world seems far off.
        assert!((calibrated.single - 0.32).abs() < 1e-9);
        assert!((calibrated.single - calibrated.single_chance).abs() < 1e-9);
        assert!((0.02..0.06).contains(&calibrated.chance));

        let sure = pool(100, |world| world % 5 > 1).calibration();
        assert!((sure.ece - 0.2).abs() < 1e-9 && (sure.gap - 0.2).abs() < 1e-9);
        assert!(sure.chance_most < 0.12 && sure.gap_drawn.0 > 0.1);
        assert!(sure.drawn.0 <= sure.ece && sure.ece <= sure.drawn.1);
    }

    #[test]
    fn the_curve_tells_how_sure_and_how_often_right() {
        let curve = pool(4, |world| world > 0).curve();
        assert_eq!(curve.len(), 1);
        let (share, sure, right) = curve[0];
        assert!((share - 1.0).abs() + (sure - 0.8).abs() + (right - 0.75).abs() < 1e-9);
    }
}
