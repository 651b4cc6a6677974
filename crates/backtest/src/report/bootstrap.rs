//! How sure a difference is: places drawn anew, with replacement.

use super::table::Answers;
use crate::timed::Apart;

/// How often places are drawn.
const DRAWS: usize = 2_000;

/// A mean difference per day near a change, ours minus the vote of each source's
/// last word, and the interval that 95 % of draws lie in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Of which answers.
    pub answers: Answers,
    /// Of which score: `log_loss`, where below 0 ours is better, or `accuracy`, where
    /// above.
    pub score: &'static str,
    /// The mean over all days.
    pub mean: f64,
    /// 2.5 % of draws lie below.
    pub low: f64,
    /// 2.5 % of draws lie above.
    pub high: f64,
    /// Places drawn from.
    pub places: usize,
    /// How often they were drawn.
    pub draws: usize,
}

/// Takes one score's difference.
type Score = fn(&Apart) -> f64;

/// The differences in each score of each kind of answers; none with fewer than two
/// places.
pub(super) fn differences(places: &[[Apart; 3]]) -> Vec<Difference> {
    let kinds = [Answers::AsSaid, Answers::Floored, Answers::Renormalised];
    let scores: [(_, Score); 2] = [("log_loss", |a| a.log_loss), ("accuracy", |a| a.right)];
    let mut found = Vec::new();
    for (score, of) in scores {
        for (kind, answers) in kinds.into_iter().enumerate() {
            let sums = places.iter().map(|p| (p[kind].days, of(&p[kind])));
            // A place may have no day among holders.
            let sums: Vec<(u64, f64)> = sums.filter(|(days, _)| *days > 0).collect();
            found.extend(interval(&sums).map(|(mean, low, high)| Difference {
                answers,
                score,
                mean,
                low,
                high,
                places: sums.len(),
                draws: DRAWS,
            }));
        }
    }
    found
}

/// The mean and its interval, from days and the sum of differences on them, for each
/// place; a place is drawn whole, as the days of one place hang together.
fn interval(places: &[(u64, f64)]) -> Option<(f64, f64, f64)> {
    if places.len() < 2 {
        return None;
    }
    let mut draw = Draw(0x5eed);
    let mut means: Vec<f64> = (0..DRAWS)
        .map(|_| mean((0..places.len()).map(|_| places[draw.below(places.len())])))
        .collect();
    means.sort_by(f64::total_cmp);
    let tail = DRAWS / 40;
    let (low, high) = (means[tail], means[DRAWS - 1 - tail]);
    Some((mean(places.iter().copied()), low, high))
}

#[allow(clippy::cast_precision_loss)] // far fewer days than 2^52
fn mean(places: impl Iterator<Item = (u64, f64)>) -> f64 {
    let (days, sum) = places.fold((0, 0.0), |(d, s), (days, sum)| (d + days, s + sum));
    sum / days as f64
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the same draws on every machine.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        // The upper half of the product: even to one part in 2^64 / count.
        let product = u128::from(self.next()) * count as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_that_all_places_share_is_sure() {
        let (mean, low, high) = interval(&vec![(10, -1.0); 50]).unwrap();
        for value in [mean, low, high] {
            assert!((value + 0.1).abs() < 1e-12, "{value}");
        }
    }

    #[test]
    fn one_place_among_many_makes_no_sure_difference() {
        let mut places = vec![(10, 0.0); 50];
        places[7].1 = -100.0;
        let (mean, _, high) = interval(&places).unwrap();
        assert!(mean < 0.0 && high >= 0.0, "{mean} {high}");
    }

    #[test]
    fn one_place_tells_nothing_of_others() {
        assert_eq!(interval(&[(10, 1.0)]), None);
    }
}
