//! Truth inference over a closed problem: many sources say what each of many items
//! is, without times, and nobody says who is right.

mod closed;
mod copying;
mod layout;
mod open;
mod spread;
mod tables;
mod temper;

pub use closed::Learner;

/// One claim: a source says that an item has a value. Indices are dense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// What it is about, below [`Problem::items`].
    pub item: u32,
    /// Who says it, below [`Problem::sources`].
    pub source: u32,
    /// What is said, below [`Problem::values`].
    pub value: u32,
}

/// All claims of a set. Their order carries no meaning, nor do the indices.
/// Claims that are equal count once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Number of items.
    pub items: usize,
    /// Number of sources.
    pub sources: usize,
    /// Number of distinct values.
    pub values: usize,
    /// Who says what.
    pub claims: Vec<Claim>,
}

/// For each item a distribution over values, kept sparse: of a closed vocabulary
/// every row has all values, of an open one only those that were claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct Posteriors {
    starts: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Posteriors {
    /// From rows of (value, probability), sorted by value.
    #[must_use]
    pub fn from_rows(rows: impl IntoIterator<Item = Vec<(u32, f64)>>) -> Self {
        let mut starts = vec![0];
        let mut entries = Vec::new();
        for row in rows {
            entries.extend(row);
            starts.push(entries.len());
        }
        Self { starts, entries }
    }

    /// From probabilities in row-major order, `values` to a row.
    #[must_use]
    pub fn from_dense(values: usize, probabilities: &[f64]) -> Self {
        let row = |row: &[f64]| (0..).zip(row.iter().copied()).collect();
        Self::from_rows(probabilities.chunks(values.max(1)).map(row))
    }

    /// Number of items.
    #[must_use]
    pub fn items(&self) -> usize {
        self.starts.len() - 1
    }

    /// The distribution of an item: (value, probability), by value. Of an open
    /// vocabulary it may be empty (nobody said anything) and may sum to less than
    /// 1: the rest is on values that nobody claimed.
    #[must_use]
    pub fn row(&self, item: usize) -> &[(u32, f64)] {
        match (self.starts.get(item), self.starts.get(item + 1)) {
            (Some(&from), Some(&to)) => &self.entries[from..to],
            _ => &[],
        }
    }
}

/// What was inferred.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The distribution of every item.
    pub posteriors: Posteriors,
    /// Rounds of learning until the sources' tables stood still.
    pub rounds: u32,
    /// Whether the values were taken as open: each item has its own.
    pub open: bool,
    evidence: Evidence,
}

/// What the posteriors are made of, so that they can be tempered otherwise.
#[derive(Debug, Clone, PartialEq)]
struct Evidence {
    /// Per item (value, ln of prior × likelihood up to a constant).
    scores: Posteriors,
    /// Per item the factor on its log-odds; 0 without claims, where the prior stands.
    trust: Vec<f64>,
    /// Per value what an item is without claims; empty for an open vocabulary.
    prior: Vec<f64>,
}

/// Share of the prior in every answer: nothing is ever ruled out.
const FLOOR: f64 = 0.02;

/// How posteriors are tempered beyond what is done by itself; 1 and 1 by default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temper {
    /// Factor on the log-odds of every item with claims, above 0; below 1 is less sure.
    pub scale: f64,
    /// Factor on what they are raised to, above 0; below 1 it is the surest that lose
    /// most.
    pub bend: f64,
}

impl Default for Temper {
    fn default() -> Self {
        Self {
            scale: 1.0,
            bend: 1.0,
        }
    }
}

impl Fit {
    /// The posteriors tempered otherwise. The order of an item's values stays.
    #[must_use]
    pub fn tempered(&self, temper: Temper) -> Posteriors {
        let items = 0..self.evidence.trust.len();
        Posteriors::from_rows(items.map(|item| self.answer(item, temper)))
    }

    /// The distribution of one item, tempered otherwise: (value, probability), by
    /// value; empty beyond the last item. For calibration by known truths.
    #[must_use]
    pub fn answer(&self, item: usize, temper: Temper) -> Vec<(u32, f64)> {
        let Some(trust) = self.evidence.trust.get(item) else {
            return Vec::new();
        };
        let row = self.evidence.scores.row(item);
        let scores: Vec<f64> = row.iter().map(|(_, score)| *score).collect();
        let mut probabilities = vec![0.0; row.len()];
        let (none, kinds, bend) = if self.open {
            // Who repeats whom is known there, as far as it can be: no bend.
            (open::none(&scores), row.len() + 1, 1.0)
        } else {
            (0.0, row.len(), temper::BEND)
        };
        let factor = trust * temper.scale;
        temper::bent(&scores, factor, bend * temper.bend, &mut probabilities);
        // Without claims nothing is but the prior.
        let floor = if *trust > 0.0 { FLOOR } else { 1.0 };
        let even = 1.0 / kinds as f64;
        let prior = &self.evidence.prior;
        let floored = row.iter().zip(probabilities).map(|((value, _), p)| {
            let base = prior.get(*value as usize).copied().unwrap_or(even);
            (*value, (1.0 - floor) * (1.0 - none) * p + floor * base)
        });
        floored.collect()
    }

    fn new(open: bool, rounds: u32, evidence: Evidence) -> Self {
        let mut fit = Self {
            posteriors: Posteriors::from_rows([]),
            rounds,
            open,
            evidence,
        };
        fit.posteriors = fit.tempered(Temper::default());
        fit
    }
}

/// Infers the items' values and the sources' reliability together.
#[must_use]
pub fn fit(problem: &Problem) -> Fit {
    let layout = layout::Layout::new(problem);
    if problem.values < 2 {
        return trivial(problem);
    }
    if is_open(problem) {
        let learned = open::learn(&layout);
        let evidence = Evidence {
            trust: vec![1.0; problem.items],
            scores: learned.scores,
            prior: Vec::new(),
        };
        return Fit::new(true, learned.rounds, evidence);
    }
    let counts: Vec<usize> = (0..problem.items).map(|item| layout.count(item)).collect();
    let learned = Learner::of(layout).learn();
    let trust = |count: &usize| match count {
        0 => 0.0,
        count => temper::trust(learned.alikeness, *count),
    };
    let evidence = Evidence {
        trust: counts.iter().map(trust).collect(),
        scores: Posteriors::from_dense(problem.values, &learned.scores),
        prior: learned.prior,
    };
    Fit::new(false, learned.rounds, evidence)
}

/// More values than this are too many for a table of each source.
const MOST_CLOSED: usize = 30;
/// So many items at least must share a value, on average, for it to be one of a list.
const FEWEST_SHARING: usize = 3;

/// Whether the values of a problem are no list to choose from, but the items' own:
/// more than 30, or claimed of fewer than 3 items each on average.
#[must_use]
pub fn is_open(problem: &Problem) -> bool {
    let mut pairs: Vec<(u32, u32)> = problem.claims.iter().map(|c| (c.item, c.value)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    problem.values > MOST_CLOSED || pairs.len() < FEWEST_SHARING * problem.values
}

/// With one value there is nothing to infer.
fn trivial(problem: &Problem) -> Fit {
    let row = (0..).zip(vec![0.0; problem.values]).collect::<Vec<_>>();
    let evidence = Evidence {
        scores: Posteriors::from_rows(std::iter::repeat_n(row, problem.items)),
        trust: vec![1.0; problem.items],
        prior: vec![1.0; problem.values],
    };
    Fit::new(false, 0, evidence)
}
