//! How control changes while nobody reports.
//!
//! A continuous-time chain: a holder becomes contested at rate a, changes to
//! another holder outright at rate b; contested ends at rate g. Who follows is
//! drawn from the entry shares π. All rates scale with one operational time Λ,
//! which clashes speed up. The transition is exact and takes two exponentials.

use crate::outcomes::Outcomes;

/// Rates of change, per day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Holder to contested.
    pub a: f64,
    /// Holder to another holder.
    pub b: f64,
    /// Contested to a holder.
    pub g: f64,
}

impl Rates {
    /// The rates that were not learned.
    pub const DEFAULT: Self = Self {
        a: 1.0 / 300.0,
        b: 1.0 / 3000.0,
        g: 1.0 / 8.0,
    };
}

/// How clashes speed time up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClashModel {
    /// How many extra days pass in a day at clash intensity 1.
    pub kappa: f64,
    /// The most that clash intensity reaches.
    pub z_max: f64,
    /// How long clash intensity lasts, in days.
    pub tau: f64,
}

impl ClashModel {
    /// The values that were not learned.
    pub const DEFAULT: Self = Self {
        kappa: 10.0,
        z_max: 3.0,
        tau: 1.0,
    };

    /// Λ: operational days over a gap of `days` that begins at intensity `z`.
    #[must_use]
    pub fn operational_days(self, days: f64, z: f64) -> f64 {
        days + self.kappa * z * self.tau * (1.0 - libm::exp(-days / self.tau))
    }

    /// Clash intensity after a gap.
    #[must_use]
    pub fn decayed(self, z: f64, days: f64) -> f64 {
        z * libm::exp(-days / self.tau)
    }

    /// Clash intensity after reports of fighting of a total weight.
    #[must_use]
    pub fn raised(self, z: f64, weight: f64) -> f64 {
        (z + weight).min(self.z_max)
    }
}

/// The chain of one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Dynamics {
    outcomes: Outcomes,
    rates: Rates,
    shares: Vec<f64>,
}

impl Dynamics {
    /// The chain for a place's outcomes, rates and entry shares π (sum 1, none
    /// for contested).
    #[must_use]
    pub fn new(outcomes: Outcomes, rates: Rates) -> Self {
        let shares = outcomes.entry_shares();
        Self {
            outcomes,
            rates,
            shares,
        }
    }

    /// The distribution Λ operational days later:
    /// `C' = c∞ + (p_C − c∞) e^(−sΛ)`, `p_i' = π_i (1 − C') + (p_i − π_i h) e^(−(a+b)Λ)`
    /// with `s = a + g`, `c∞ = a / s`, `h = 1 − p_C`.
    #[must_use]
    pub fn forward(&self, p: &[f64], lambda: f64) -> Vec<f64> {
        let Rates { a, b, g } = self.rates;
        let c = self.outcomes.contested();
        let settled = a / (a + g);
        let contested = settled + (p[c] - settled) * libm::exp(-(a + g) * lambda);
        let keep = libm::exp(-(a + b) * lambda);
        let held = 1.0 - p[c];
        let mut next: Vec<f64> = p
            .iter()
            .zip(&self.shares)
            .map(|(p_i, pi)| (pi * (1.0 - contested) + (p_i - pi * held) * keep).max(0.0))
            .collect();
        next[c] = contested;
        next
    }

    /// The backward message Λ operational days earlier: for each outcome then, the
    /// expectation of `v` now.
    #[must_use]
    pub fn backward(&self, v: &[f64], lambda: f64) -> Vec<f64> {
        let Rates { a, b, g } = self.rates;
        let c = self.outcomes.contested();
        let settled = a / (a + g);
        let fade = libm::exp(-(a + g) * lambda);
        let from_holder = settled * (1.0 - fade);
        let from_contested = settled + (1.0 - settled) * fade;
        let keep = libm::exp(-(a + b) * lambda);
        let mean: f64 = self.shares.iter().zip(v).map(|(pi, v_i)| pi * v_i).sum();
        let mut earlier: Vec<f64> = v
            .iter()
            .map(|v_i| mean * (1.0 - from_holder) + (v_i - mean) * keep + from_holder * v[c])
            .collect();
        earlier[c] = mean * (1.0 - from_contested) + from_contested * v[c];
        earlier
    }

    /// The chance that an outcome lasts Λ operational days without a break.
    #[must_use]
    pub fn stays(&self, outcome: usize, lambda: f64) -> f64 {
        let Rates { a, b, g } = self.rates;
        let rate = if outcome == self.outcomes.contested() {
            g
        } else {
            a + b * (1.0 - self.shares[outcome])
        };
        libm::exp(-rate * lambda)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The reference vectors hold for three outcomes with π = ½, ½.
    fn reference() -> Dynamics {
        let mut dynamics = Dynamics::new(Outcomes::new(2), Rates::DEFAULT);
        dynamics.shares = vec![0.5, 0.5, 0.0, 0.0, 0.0, 0.0];
        dynamics
    }

    fn assert_near(got: &[f64], want: [f64; 3]) {
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() < 1e-15, "{got:?} is not {want:?}");
        }
    }

    #[test]
    fn the_transition_agrees_with_the_reference_vectors() {
        let p = [0.7, 0.2, 0.1, 0.0, 0.0, 0.0];
        let soon = [
            0.712_987_245_034_299,
            0.222_070_395_081_321_95,
            0.064_942_359_884_378_98,
        ];
        let late = [
            0.526_982_923_532_910_4,
            0.447_043_050_493_063_53,
            0.025_974_025_974_025_976,
        ];
        assert_near(&reference().forward(&p, 5.0), soon);
        assert_near(&reference().forward(&p, 500.0), late);
    }

    #[test]
    fn silence_leads_to_uncertainty_never_to_another_holder() {
        let dynamics = Dynamics::new(Outcomes::new(2), Rates::DEFAULT);
        let mut p = vec![0.9, 0.02, 0.05, 0.01, 0.01, 0.01];
        for _ in 0..100 {
            p = dynamics.forward(&p, 30.0);
            assert!(p[0] >= p[1]);
        }
        assert!((p[0] - p[1]).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn forward_and_backward_are_each_others_transpose(
            raw in prop::collection::vec(0.01..1.0f64, 6),
            v in prop::collection::vec(0.0..1.0f64, 6),
            lambda in 0.0..400.0f64,
        ) {
            let dynamics = Dynamics::new(Outcomes::new(2), Rates::DEFAULT);
            let mut p = raw;
            crate::outcomes::normalise(&mut p);
            let later: f64 = dynamics.forward(&p, lambda).iter().zip(&v).map(|(a, b)| a * b).sum();
            let before: f64 = dynamics.backward(&v, lambda).iter().zip(&p).map(|(a, b)| a * b).sum();
            prop_assert!((later - before).abs() < 1e-9);
            prop_assert!((dynamics.forward(&p, lambda).iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }

        #[test]
        fn two_steps_are_one(
            raw in prop::collection::vec(0.01..1.0f64, 6),
            (x, y) in (0.0..50.0f64, 0.0..50.0f64),
        ) {
            let dynamics = Dynamics::new(Outcomes::new(2), Rates::DEFAULT);
            let mut p = raw;
            crate::outcomes::normalise(&mut p);
            let twice = dynamics.forward(&dynamics.forward(&p, x), y);
            let once = dynamics.forward(&p, x + y);
            for (t, o) in twice.iter().zip(&once) {
                prop_assert!((t - o).abs() < 1e-9);
            }
        }
    }
}
