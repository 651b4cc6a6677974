//! Chance that a seed tells.

/// A small generator of its own.
pub struct Chance(u64);

impl Chance {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut chance = Self(seed ^ 0x9E37_79B9_7F4A_7C15);
        chance.below(2);
        chance
    }

    /// The seed that `ASCERTAIN_SEED` holds, else one of the clock; printed, so that
    /// what failed can be run again.
    #[must_use]
    #[allow(clippy::print_stderr)] // for people
    pub fn seeded(test: &str) -> Self {
        let given = std::env::var("ASCERTAIN_SEED").ok();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        let seed = given.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| u64::from(now.subsec_nanos()) ^ now.as_secs() << 20);
        eprintln!("{test}: ASCERTAIN_SEED={seed}");
        Self::new(seed)
    }

    /// Evenly from 0 to below a limit, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The upper bits are the good ones.
        (self.0 >> 24) as usize % limit.max(1)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Puts items into any order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
