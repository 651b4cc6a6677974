//! What a seed decides: every draw, the time, and what is noted of the run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ascertain_domain::id::Digest;
use ascertain_domain::time::Timestamp;
use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use tokio::time::Instant;

/// When every simulated world begins: 2024-12-05T12:00:00Z, microseconds.
const BEGINNING_US: i64 = 1_733_400_000_000_000;

/// How often something happened, by name.
pub type Counts = BTreeMap<&'static str, u64>;

/// How likely faults of each kind are in a world, in thousandths.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Of a log: refusals, unknown outcomes, broken streams, unreachable.
    pub(crate) log: u64,
    /// Of the network: what is lost, doubled, given up.
    pub(crate) network: u64,
    /// Of a store: what fails to be read, committed, synced; in ten thousandths,
    /// since there are many.
    pub(crate) store: u64,
    /// Of whole machines: crashes, full disks, flipped bits.
    pub(crate) machine: u64,
}

/// One world's chance, time and trace.
pub(crate) struct Chance {
    dice: Mutex<ChaCha8Rng>,
    calm: AtomicBool,
    began: Instant,
    trace: Mutex<Trace>,
    pub(crate) weather: Weather,
}

struct Trace {
    /// Over every event so far, in order, each with its time.
    digest: Digest,
    operations: Counts,
    faults: Counts,
    /// The first thing that must never happen.
    failure: Option<String>,
    shown: bool,
}

impl Chance {
    /// The chance of a seed, from now on.
    pub(crate) fn new(seed: u64, shown: bool) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        // Some worlds have one kind of trouble, some all, some none.
        let mut level = |levels: [u64; 4]| levels[(dice.next_u64() % 4) as usize];
        let weather = Weather {
            log: level([0, 10, 40, 120]),
            network: level([0, 10, 50, 150]),
            store: level([0, 1, 2, 8]),
            machine: level([0, 250, 500, 800]),
        };
        Self {
            dice: Mutex::new(dice),
            calm: AtomicBool::new(false),
            began: Instant::now(),
            trace: Mutex::new(Trace {
                digest: Digest([0; 32]),
                operations: Counts::new(),
                faults: Counts::new(),
                failure: None,
                shown,
            }),
            weather,
        }
    }

    /// From now on nothing fails and nothing is slow.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// The world's time.
    pub(crate) fn now(&self) -> Timestamp {
        let since = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(BEGINNING_US.saturating_add(since)).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn bits(&self) -> u64 {
        self.dice().next_u64()
    }

    /// A number below another; 0 if there is none.
    pub(crate) fn below(&self, count: usize) -> usize {
        let bits = self.bits();
        usize::try_from(bits % (count.max(1) as u64)).unwrap_or(0)
    }

    pub(crate) fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// 16 bytes of chance.
    pub(crate) fn sixteen(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.dice().fill_bytes(&mut bytes);
        bytes
    }

    /// Whether something of so many thousandths happens; not a fault.
    pub(crate) fn happens(&self, thousandths: u64) -> bool {
        self.bits() % 1000 < thousandths
    }

    /// Whether a fault of so many thousandths strikes. It is counted.
    pub(crate) fn strikes(&self, fault: &'static str, thousandths: u64) -> bool {
        self.strikes_of(fault, thousandths, 1000)
    }

    pub(crate) fn strikes_of(&self, fault: &'static str, share: u64, of: u64) -> bool {
        if self.is_calm() || share == 0 || self.bits() % of >= share {
            return false;
        }
        *self.trace().faults.entry(fault).or_default() += 1;
        self.event(format_args!("fault {fault}"));
        true
    }

    /// A length of time up to so many milliseconds; mostly short, none in the calm.
    pub(crate) fn moment(&self, most_ms: u64) -> Duration {
        if self.is_calm() {
            return Duration::ZERO;
        }
        let (bits, long) = (self.bits(), self.bits().is_multiple_of(16));
        let most = if long { most_ms * 8 } else { most_ms };
        Duration::from_millis(bits % (most + 1))
    }

    pub(crate) async fn delay(&self, most_ms: u64) {
        let moment = self.moment(most_ms);
        if !moment.is_zero() {
            tokio::time::sleep(moment).await;
        }
    }

    /// Counts something that was done.
    pub(crate) fn operation(&self, name: &'static str) {
        *self.trace().operations.entry(name).or_default() += 1;
    }

    /// Notes an event.
    pub(crate) fn event(&self, what: fmt::Arguments<'_>) {
        let at = self.began.elapsed().as_micros();
        let mut trace = self.trace();
        if trace.shown {
            let line = format!("{at:>12} {what}\n");
            // Shown to whoever replays a seed; nobody else is there to be told.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
        }
        let line = format!("{at} {what}");
        trace.digest = Digest::of(&[&trace.digest.0[..], line.as_bytes()].concat());
    }

    /// Notes what must never happen; the world has failed.
    pub(crate) fn fail(&self, what: String) {
        self.event(format_args!("failure {what}"));
        self.trace().failure.get_or_insert(what);
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.trace().failure.clone()
    }

    /// What is told of the whole run: its hash, its operations and its faults.
    pub(crate) fn told(&self) -> (Digest, Counts, Counts) {
        let trace = self.trace();
        (trace.digest, trace.operations.clone(), trace.faults.clone())
    }

    fn dice(&self) -> MutexGuard<'_, ChaCha8Rng> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
