//! Truth inference over a closed problem: many sources say what each of many items
//! is, without times, and nobody says who is right.

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
}

/// Infers the items' values and the sources' reliability together.
#[must_use]
pub fn fit(problem: &Problem) -> Fit {
    // The share of each value among an item's claims, for now.
    let mut counts = vec![1.0; problem.items * problem.values];
    for claim in &problem.claims {
        counts[claim.item as usize * problem.values + claim.value as usize] += 1.0;
    }
    for row in counts.chunks_mut(problem.values.max(1)) {
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|c| *c /= sum);
    }
    Fit {
        posteriors: Posteriors::from_dense(problem.values, &counts),
        rounds: 0,
    }
}
