//! Chance that is the same everywhere: a `ChaCha` stream for each purpose, and
//! distributions through libm only.
//!
//! Every source on every place has a stream of its own, so that what is added to a
//! scenario leaves what was there before as it was.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// What a stream is for; part of its number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    War = 1,
    Place,
    Rumour,
    Collusion,
    Cast,
    Speaks,
    Flood,
    Score,
    Unlisted,
}

/// A stream of chance.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of a seed for a purpose and up to two things.
    pub(crate) fn new(seed: u64, purpose: Purpose, first: usize, second: usize) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
        key[16..24].copy_from_slice(&(first as u64).to_le_bytes());
        key[24..].copy_from_slice(&(second as u64).to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Evenly from 0 to below 1.
    #[allow(clippy::cast_precision_loss)] // 53 bits are exact in f64
    pub(crate) fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.share() < p
    }

    pub(crate) fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.share()
    }

    /// Exponential with a mean.
    pub(crate) fn waits(&mut self, mean: f64) -> f64 {
        -mean * libm::log1p(-self.share())
    }

    /// An index below a count; 0 if there is none.
    #[allow(clippy::cast_precision_loss)] // counts are small
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // in range
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((self.share() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// An index below a count other than one; the count must be at least 2.
    pub(crate) fn other(&mut self, count: usize, than: usize) -> usize {
        let drawn = self.below(count - 1);
        if drawn < than { drawn } else { drawn + 1 }
    }

    /// An index by weights that sum to about 1.
    pub(crate) fn pick(&mut self, weights: &[f64]) -> usize {
        let mut left = self.share() * weights.iter().sum::<f64>();
        for (i, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return i;
            }
        }
        weights.len().saturating_sub(1)
    }

    fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(2.0 * self.waits(1.0));
        radius * libm::cos(core::f64::consts::TAU * self.share())
    }

    /// Gamma of scale 1 (Marsaglia and Tsang, ACM TOMS 26, 2000).
    pub(crate) fn gamma(&mut self, shape: f64) -> f64 {
        if shape <= 0.0 {
            return 0.0;
        }
        if shape < 1.0 {
            let boost = libm::pow(1.0 - self.share(), 1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            let v = v * v * v;
            if v > 0.0 {
                let u = 1.0 - self.share();
                if libm::log(u) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                    return d * v;
                }
            }
        }
    }

    pub(crate) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }

    /// Dirichlet with a mean and a weight behind it.
    pub(crate) fn dirichlet(&mut self, mean: &[f64], weight: f64) -> Vec<f64> {
        let mut drawn: Vec<f64> = mean.iter().map(|m| self.gamma(m * weight)).collect();
        let sum: f64 = drawn.iter().sum();
        if sum > 0.0 {
            drawn.iter_mut().for_each(|d| *d /= sum);
            return drawn;
        }
        mean.to_vec()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dice() -> Dice {
        Dice::new(7, Purpose::War, 0, 0)
    }

    fn mean(count: u32, mut draw: impl FnMut() -> f64) -> f64 {
        (0..count).map(|_| draw()).sum::<f64>() / f64::from(count)
    }

    #[test]
    fn distributions_have_their_means() {
        let mut d = dice();
        assert!((mean(40_000, || d.waits(3.0)) - 3.0).abs() < 0.08);
        for shape in [0.3, 2.0, 17.0] {
            assert!((mean(40_000, || d.gamma(shape)) / shape - 1.0).abs() < 0.04);
        }
        assert!((mean(40_000, || d.beta(7.0, 3.0)) - 0.7).abs() < 0.01);
        let share = mean(40_000, || d.dirichlet(&[0.5, 0.3, 0.2], 30.0)[1]);
        assert!((share - 0.3).abs() < 0.01);
    }

    #[test]
    fn another_is_never_the_same_and_any_of_the_rest() {
        let mut d = dice();
        let mut seen = [0; 4];
        (0..400).for_each(|_| seen[d.other(4, 2)] += 1);
        assert_eq!(seen[2], 0);
        assert!(seen.iter().filter(|n| **n > 80).count() == 3);
    }

    #[test]
    fn streams_differ_by_what_they_are_for() {
        let first = |mut d: Dice| d.bits();
        assert_ne!(
            first(Dice::new(7, Purpose::War, 0, 1)),
            first(Dice::new(7, Purpose::War, 1, 0))
        );
        assert_eq!(first(dice()), first(dice()));
    }
}
