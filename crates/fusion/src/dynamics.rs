//! How control changes while nobody reports.
//!
//! A continuous-time chain: a holder becomes contested at rate a, changes to
//! another holder outright at rate b; contested ends at rate g. Who follows is
//! drawn from the entry shares π. The transition at even rates is exact and takes
//! two exponentials; clashes raise the rates for a while, hour by hour.

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
        a: 1.0 / 1000.0,
        b: 1.0 / 1000.0,
        g: 1.0 / 8.0,
    };

    /// The mean rates of a stretch, from so many days to so many after somebody was heard: that
    /// it goes on as it was is known of the time that was reported on.
    ///
    /// A place is quiet for long and fought for at times, and somebody who was heard tells
    /// which of the two it is. With every week of silence that is known less, and the rates
    /// go from those at rest towards those of all times.
    #[must_use]
    pub fn unheard(self, (from, to): (f64, f64)) -> Self {
        let (from, to) = (from.max(0.0), to.max(0.0));
        let known = |days: f64| {
            if days > 0.0 {
                libm::exp(-days / UNHEARD_DAYS)
            } else {
                1.0
            }
        };
        // What is known still, on average over the stretch.
        let still = if to > from {
            (known(from) - known(to)) * UNHEARD_DAYS / (to - from)
        } else {
            known(from)
        };
        let times = UNHEARD_TIMES - (UNHEARD_TIMES - 1.0) * still.clamp(0.0, 1.0);
        Self {
            a: self.a * times,
            b: self.b * times,
            g: self.g,
        }
    }
}

/// How hard a place is fought for.
///
/// A force that stands before a place threatens it: what follows, follows within
/// hours. Fighting in it is said by the reports of it already; that it is fought for
/// speeds control up besides, but far less (docs/decisions).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Clash {
    /// A force before the place: besieging, at the edge, on its way. 0 to 2.
    pub threat: f64,
    /// Fighting in it. 0 to 2.
    pub fighting: f64,
}

impl Clash {
    /// No fight.
    pub const NONE: Self = Self {
        threat: 0.0,
        fighting: 0.0,
    };

    /// So much of it.
    #[must_use]
    pub fn times(self, share: f64) -> Self {
        Self {
            threat: self.threat * share,
            fighting: self.fighting * share,
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            threat: self.threat + other.threat,
            fighting: self.fighting + other.fighting,
        }
    }

    /// Whether there is any.
    #[must_use]
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }

    /// After so many days.
    #[must_use]
    pub fn decayed(self, days: f64) -> Self {
        if !self.is_some() {
            return self;
        }
        self.faded(libm::exp(-days / LASTS_DAYS))
    }

    /// What is left when a share of it is kept.
    fn faded(self, kept: f64) -> Self {
        let left = |intensity: f64| {
            let left = intensity * kept;
            if left < OVER { 0.0 } else { left }
        };
        Self {
            threat: left(self.threat),
            fighting: left(self.fighting),
        }
    }

    /// After reports of a total weight; reports that it is over count against it.
    #[must_use]
    pub fn raised(self, by: Self) -> Self {
        let within = |intensity: f64| intensity.clamp(0.0, MOST);
        let Self { threat, fighting } = self.and(by);
        Self {
            threat: within(threat),
            fighting: within(fighting),
        }
    }

    /// The rates while it lasts: holders are shaken, replaced outright, and contests
    /// settled, each faster by its own factor.
    #[must_use]
    pub fn rates(self, rates: Rates) -> Rates {
        let Self { threat, fighting } = self;
        Rates {
            a: rates.a * (1.0 + 1000.0 * threat + 5.0 * fighting),
            b: rates.b * (1.0 + 100.0 * threat + 30.0 * fighting),
            g: rates.g * (1.0 + 52.0 * threat + 6.0 * fighting),
        }
    }

    /// Cuts a gap of `days` into stretches of even intensity: an hour each while it
    /// lasts, then the rest at once. Yields the length in days and the intensity of each.
    pub fn stretches(self, days: f64) -> impl Iterator<Item = (f64, Self)> {
        let (mut z, mut left) = (self.faded(1.0), days);
        let in_an_hour = if z.is_some() {
            libm::exp(-HOUR / LASTS_DAYS)
        } else {
            1.0
        };
        std::iter::from_fn(move || {
            if left <= 0.0 {
                return None;
            }
            let length = if z.is_some() { left.min(HOUR) } else { left };
            let stretch = (length, z);
            z = if left < HOUR {
                z.decayed(length)
            } else {
                z.faded(in_an_hour)
            };
            left -= length;
            // What floating point leaves of a whole number of hours is no stretch.
            if left < HOUR * 1e-9 {
                left = 0.0;
            }
            Some(stretch)
        })
    }
}

/// What a place is like is known for about so many days after somebody was heard.
const UNHEARD_DAYS: f64 = 7.0;
/// Over all times change is so many times as likely as where somebody was just heard.
const UNHEARD_TIMES: f64 = 5.0;
/// The most that an intensity reaches.
const MOST: f64 = 2.0;
/// How long it lasts, in days.
const LASTS_DAYS: f64 = 1.0;
/// Below this it is over.
const OVER: f64 = 1e-3;
/// An hour, in days.
const HOUR: f64 = 1.0 / 24.0;

/// The chain of one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Dynamics {
    outcomes: Outcomes,
    shares: Vec<f64>,
}

/// A gap between two moments, ready to be passed by any number of distributions: all
/// exponentials that it takes.
///
/// At even rates what is contested after a stretch is linear in what was contested before it,
/// and how far holders are from the entry shares fades by a factor. So stretches of even
/// rates, one after the other, are one gap of the same form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Of what was held before it, how much is contested after it.
    shaken: f64,
    /// Of a difference in what was contested, how much is left.
    fade: f64,
    /// Of a departure from the entry shares, how much is left.
    keep: f64,
    /// How often each change is expected in it: rates times days.
    expected: Rates,
}

impl Gap {
    /// The gap over stretches at even rates, each of so many days, in their order.
    #[must_use]
    pub fn over(stretches: impl IntoIterator<Item = (Rates, f64)>) -> Self {
        let (mut shaken, mut fade) = (0.0, 1.0);
        let mut expected = Rates {
            a: 0.0,
            b: 0.0,
            g: 0.0,
        };
        for (Rates { a, b, g }, days) in stretches {
            let settled = a / (a + g);
            let left = libm::exp(-(a + g) * days);
            shaken = settled + (shaken - settled) * left;
            fade *= left;
            expected.a += a * days;
            expected.b += b * days;
            expected.g += g * days;
        }
        Self {
            shaken,
            fade,
            keep: libm::exp(-(expected.a + expected.b)),
            expected,
        }
    }
}

impl Dynamics {
    /// The chain for a place's outcomes, with their entry shares π.
    #[must_use]
    pub fn new(outcomes: Outcomes) -> Self {
        let shares = outcomes.entry_shares();
        Self { outcomes, shares }
    }

    /// Passes a gap, for any number of distributions, one after another.
    ///
    /// Over a stretch at even rates:
    /// `C' = c∞ + (p_C − c∞) e^(−s·days)`, `p_i' = π_i (1 − C') + (p_i − π_i h) e^(−(a+b)·days)`
    /// with `s = a + g`, `c∞ = a / s`, `h = 1 − p_C`.
    pub fn forward(&self, all: &mut [f64], gap: &Gap) {
        // Where the compiler knows how many outcomes there are, it takes several at once.
        match self.outcomes.count() {
            5 => self.forward_rows::<5>(all, gap),
            6 => self.forward_rows::<6>(all, gap),
            7 => self.forward_rows::<7>(all, gap),
            8 => self.forward_rows::<8>(all, gap),
            count => all
                .chunks_exact_mut(count)
                .for_each(|p| pass(p, &self.shares, self.outcomes.contested(), gap)),
        }
    }

    fn forward_rows<const COUNT: usize>(&self, all: &mut [f64], gap: &Gap) {
        let Ok(shares) = <&[f64; COUNT]>::try_from(&*self.shares) else {
            return;
        };
        // As `Outcomes::contested` has it, but so that the compiler knows it.
        let contested = COUNT - 4;
        for p in all.as_chunks_mut::<COUNT>().0 {
            pass(p, shares, contested, gap);
        }
    }

    /// Carries a backward message to before a gap: for each outcome then, the
    /// expectation of `v` after it.
    pub fn backward(&self, v: &mut [f64], gap: &Gap) {
        let c = self.outcomes.contested();
        let from_holder = gap.shaken;
        let from_contested = gap.shaken + gap.fade;
        let mean: f64 = self.shares.iter().zip(&*v).map(|(pi, v_i)| pi * v_i).sum();
        let v_c = v[c];
        for v_i in v.iter_mut() {
            *v_i = mean * (1.0 - from_holder) + (*v_i - mean) * gap.keep + from_holder * v_c;
        }
        v[c] = mean * (1.0 - from_contested) + from_contested * v_c;
    }

    /// Of the probability of each outcome, leaves what lasts a gap without a break.
    pub fn stay(&self, p: &mut [f64], gap: &Gap) {
        let Rates { a, b, g } = gap.expected;
        // Outcomes with the same share change equally often.
        let mut known = [(f64::NAN, 1.0); 2];
        for (outcome, (p_i, share)) in p.iter_mut().zip(&self.shares).enumerate() {
            let changes = if outcome == self.outcomes.contested() {
                g
            } else {
                a + b * (1.0 - share)
            };
            let same = known.iter().find(|(n, _)| n.to_bits() == changes.to_bits());
            let stays = same.map_or_else(|| libm::exp(-changes), |(_, stays)| *stays);
            known = [known[1], (changes, stays)];
            *p_i *= stays;
        }
    }
}

#[inline(always)]
fn pass(p: &mut [f64], shares: &[f64], contested: usize, gap: &Gap) {
    let next = gap.shaken + p[contested] * gap.fade;
    let held = 1.0 - p[contested];
    for (p_i, pi) in p.iter_mut().zip(shares) {
        let left = pi * (1.0 - next) + (*p_i - pi * held) * gap.keep;
        *p_i = if left > 0.0 { left } else { 0.0 };
    }
    p[contested] = next;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The reference vectors hold for three outcomes with π = ½, ½.
    fn reference() -> Dynamics {
        let mut dynamics = Dynamics::new(Outcomes::new(2));
        dynamics.shares = vec![0.5, 0.5, 0.0, 0.0, 0.0, 0.0];
        dynamics
    }

    /// The rates of the reference vectors.
    const REFERENCE: Rates = Rates {
        a: 1.0 / 300.0,
        b: 1.0 / 3000.0,
        g: 1.0 / 8.0,
    };

    fn after(dynamics: &Dynamics, p: &[f64], rates: Rates, days: f64) -> Vec<f64> {
        let mut p = p.to_vec();
        dynamics.forward(&mut p, &Gap::over([(rates, days)]));
        p
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
        assert_near(&after(&reference(), &p, REFERENCE, 5.0), soon);
        assert_near(&after(&reference(), &p, REFERENCE, 500.0), late);
    }

    #[test]
    fn silence_leads_to_uncertainty_never_to_another_holder() {
        let dynamics = Dynamics::new(Outcomes::new(2));
        let mut p = vec![0.9, 0.02, 0.05, 0.01, 0.01, 0.01];
        for _ in 0..200 {
            p = after(&dynamics, &p, Rates::DEFAULT, 30.0);
            assert!(p[0] >= p[1]);
        }
        assert!((p[0] - p[1]).abs() < 0.01);
    }

    #[test]
    fn what_is_not_heard_of_changes_as_anything_does() {
        let times = |from, to| Rates::DEFAULT.unheard((from, to)).a / Rates::DEFAULT.a;
        assert!((times(0.0, 0.0) - 1.0).abs() < 1e-12);
        assert!((times(f64::NEG_INFINITY, f64::NEG_INFINITY) - 1.0).abs() < 1e-12);
        assert!((times(7.0, 7.0) - (5.0 - 4.0 / core::f64::consts::E)).abs() < 1e-9);
        assert!((times(1e6, 1e6 + 1.0) - 5.0).abs() < 1e-9);
        assert!(Rates::DEFAULT.unheard((3.0, 90.0)).g.to_bits() == Rates::DEFAULT.g.to_bits());
    }

    proptest! {
        /// However a stretch is cut, the same is expected to change in it.
        #[test]
        fn a_stretch_unheard_is_its_parts(from in 0.0..60.0f64, (x, y) in (0.01..90.0f64, 0.01..90.0f64)) {
            let expected = |from: f64, to: f64| Rates::DEFAULT.unheard((from, to)).a * (to - from);
            let parts = expected(from, from + x) + expected(from + x, from + x + y);
            prop_assert!((expected(from, from + x + y) - parts).abs() < 1e-12);
        }
    }

    #[test]
    fn a_gap_is_its_stretches() {
        for (threat, days) in [(0.0, 3.0), (2.0, 0.25), (3.0, 400.0), (0.5, 0.01)] {
            let clash = Clash {
                threat,
                fighting: threat / 2.0,
            };
            let total: f64 = clash.stretches(days).map(|(length, _)| length).sum();
            assert!((total - days).abs() < 1e-9);
            assert!(clash.stretches(days).count() < 250);
        }
    }

    proptest! {
        #[test]
        fn forward_and_backward_are_each_others_transpose(
            raw in prop::collection::vec(0.01..1.0f64, 6),
            v in prop::collection::vec(0.0..1.0f64, 6),
            lambda in 0.0..400.0f64,
        ) {
            let dynamics = Dynamics::new(Outcomes::new(2));
            let mut p = raw;
            crate::outcomes::normalise(&mut p);
            let next = after(&dynamics, &p, Rates::DEFAULT, lambda);
            let mut earlier = v.clone();
            dynamics.backward(&mut earlier, &Gap::over([(Rates::DEFAULT, lambda)]));
            let expected = |p: &[f64], v: &[f64]| p.iter().zip(v).map(|(a, b)| a * b).sum::<f64>();
            prop_assert!((expected(&next, &v) - expected(&p, &earlier)).abs() < 1e-9);
            prop_assert!((next.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }

        /// To the bit, whatever number of them is passed at once.
        #[test]
        fn many_pass_a_gap_as_each_does(
            raw in prop::collection::vec(prop_oneof![Just(0.0), 0.0..1.0f64], 0..60),
            sides in 0..6_usize,
            days in 0.0..50.0f64,
        ) {
            let outcomes = Outcomes::new(sides);
            let dynamics = Dynamics::new(outcomes);
            let gap = Gap::over([(Rates::DEFAULT, days)]);
            let mut each = raw[..raw.len() / outcomes.count() * outcomes.count()].to_vec();
            let mut at_once = each.clone();
            let rows = each.chunks_exact_mut(outcomes.count());
            rows.for_each(|p| pass(p, &dynamics.shares, outcomes.contested(), &gap));
            dynamics.forward(&mut at_once, &gap);
            let bits = |all: &[f64]| all.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&at_once), bits(&each));
        }

        /// Forth, back, and in what lasts, however rates change on the way.
        #[test]
        fn stretches_one_after_the_other_are_one_gap(
            raw in prop::collection::vec(0.01..1.0f64, 6),
            stretches in prop::collection::vec((0.0..2.0f64, 0.0..2.0f64, 0.0..9.0f64), 0..12),
        ) {
            let dynamics = Dynamics::new(Outcomes::new(2));
            let of = |(threat, fighting, days): &(f64, f64, f64)| {
                let clash = Clash { threat: *threat, fighting: *fighting };
                (clash.rates(Rates::DEFAULT), *days)
            };
            let stretches: Vec<_> = stretches.iter().map(of).collect();
            let mut p = raw;
            crate::outcomes::normalise(&mut p);
            let gap = Gap::over(stretches.iter().copied());
            let (mut forth, mut back, mut stays) = (p.clone(), p.clone(), p);
            let [mut forth_each, mut back_each, mut stays_each] =
                [&forth, &back, &stays].map(Clone::clone);
            dynamics.forward(&mut forth, &gap);
            dynamics.backward(&mut back, &gap);
            dynamics.stay(&mut stays, &gap);
            for stretch in &stretches {
                dynamics.forward(&mut forth_each, &Gap::over([*stretch]));
                dynamics.stay(&mut stays_each, &Gap::over([*stretch]));
            }
            for stretch in stretches.iter().rev() {
                dynamics.backward(&mut back_each, &Gap::over([*stretch]));
            }
            for (once, each) in [(forth, forth_each), (back, back_each), (stays, stays_each)] {
                for (o, e) in once.iter().zip(&each) {
                    prop_assert!((o - e).abs() < 1e-12, "{:?} {:?}", once, each);
                }
            }
        }

        #[test]
        fn two_steps_are_one(
            raw in prop::collection::vec(0.01..1.0f64, 6),
            (x, y) in (0.0..50.0f64, 0.0..50.0f64),
        ) {
            let dynamics = Dynamics::new(Outcomes::new(2));
            let mut p = raw;
            crate::outcomes::normalise(&mut p);
            let twice = after(&dynamics, &after(&dynamics, &p, Rates::DEFAULT, x), Rates::DEFAULT, y);
            let once = after(&dynamics, &p, Rates::DEFAULT, x + y);
            for (t, o) in twice.iter().zip(&once) {
                prop_assert!((t - o).abs() < 1e-9);
            }
        }
    }
}
