//! What is learned of sources, on plain numbers: hindsight at many hours at once,
//! how claims fill the cells of a table, and how thin counts lean on those of their
//! class. Sums are whole numbers, so that they add up in any order.

use std::collections::{BTreeMap, BTreeSet};

use crate::filter::{Filter, FilterState, GroupId, Heard, Step, multiply};
use crate::outcomes::Outcomes;
use crate::tables::{Cells, Table};

/// A sum in units of 2⁻²⁰.
pub type Fixed = i64;
const UNIT: f64 = (1_u64 << 20) as f64;

/// So many counts of a class's prior stand beside what its sources were seen to do.
const CLASS_PRIOR: f64 = 10.0;
/// So many counts of its class stand beside what a source was seen to do; and beyond
/// so many a source adds little more to its class.
const CLASS_COUNTS: f64 = 20.0;

/// A value as a whole number.
#[must_use]
#[allow(clippy::cast_possible_truncation)] // values of one claim or moment are far below 2^43
pub fn fixed(value: f64) -> Fixed {
    // `round` is exact on every target.
    (value * UNIT).round() as Fixed
}

/// A sum as a value.
#[must_use]
#[allow(clippy::cast_precision_loss)] // sums below 2^53 units are exact
pub fn value(sum: Fixed) -> f64 {
    sum as f64 / UNIT
}

/// What is believed of an hour with all that was said, before and after it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hindsight {
    /// With all groups.
    pub all: Vec<f64>,
    /// Without each group that was asked for.
    pub without: BTreeMap<GroupId, Vec<f64>>,
}

/// What is believed, with hindsight, of each of the hours asked about, after what was
/// said in it; and what would be without some groups. In one pass forward and one back.
///
/// `steps` ascend. Silence counts up to `known_until`, in hours from the epoch.
#[must_use]
#[allow(clippy::cast_precision_loss)] // hours are exact in f64
pub fn hindsight(
    filter: &Filter,
    outcomes: Outcomes,
    steps: &[Step],
    asked: &BTreeMap<i64, BTreeSet<GroupId>>,
    known_until: f64,
) -> BTreeMap<i64, Hindsight> {
    let steps = with_empty_steps(steps, asked);
    let mut found = BTreeMap::new();
    let mut state = FilterState::new(outcomes);
    for step in &steps {
        filter.take(&mut state, step);
        if let Some(groups) = asked.get(&step.hour) {
            let without = groups.iter().map(|g| (*g, state.without(*g).to_vec()));
            let forward = Hindsight {
                all: state.alpha.clone(),
                without: without.collect(),
            };
            found.insert(step.hour, forward);
        }
    }
    let Some(first) = steps.first() else {
        return found;
    };
    let start = FilterState::new(outcomes);
    let beats = filter.beats(&start, first.hour as f64, &steps, known_until);
    let left_out: BTreeSet<GroupId> = asked.values().flatten().copied().collect();
    let mut spoke: BTreeMap<GroupId, Vec<i64>> = BTreeMap::new();
    let mut silent: BTreeSet<GroupId> = BTreeSet::new();
    for step in &steps {
        for group in step.evidence.keys().filter(|g| left_out.contains(g)) {
            spoke.entry(*group).or_default().push(step.hour);
        }
        silent.extend(step.standing.keys().filter(|g| left_out.contains(g)));
    }
    let mut message = vec![1.0; outcomes.count()];
    // What is said without a group differs only before what the group said.
    let mut messages: BTreeMap<GroupId, Vec<f64>> =
        silent.iter().map(|g| (*g, message.clone())).collect();
    let mut looked = None;
    for beat in beats.iter().rev() {
        // Of an hour, what was said comes after the silence until it.
        if looked != Some(beat.hour)
            && let Some(hindsight) = found.get_mut(&beat.hour)
        {
            multiply(&mut hindsight.all, &message);
            for (group, belief) in &mut hindsight.without {
                multiply(belief, messages.get(group).unwrap_or(&message));
            }
        }
        looked = Some(beat.hour);
        for (group, hours) in &mut spoke {
            if hours.last().is_some_and(|hour| *hour >= beat.hour) {
                hours.pop();
                if !messages.contains_key(group) {
                    messages.insert(*group, message.clone());
                }
            }
        }
        for (group, message) in &mut messages {
            filter.look_back(message, beat, beat.after, Heard::Without(*group));
        }
        filter.look_back(&mut message, beat, beat.after, Heard::All);
        messages.retain(|group, without| silent.contains(group) || differ(without, &message));
    }
    found
}

/// Two messages that differ by less are one.
const NO_DIFFERENCE: f64 = 1e-7;

fn differ(one: &[f64], other: &[f64]) -> bool {
    let each = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    each.fold(0.0, f64::max) > NO_DIFFERENCE
}

/// The steps, and one without evidence at each hour asked about that has none.
fn with_empty_steps(steps: &[Step], asked: &BTreeMap<i64, BTreeSet<GroupId>>) -> Vec<Step> {
    let mut by_hour: BTreeMap<i64, Step> = asked
        .keys()
        .map(|hour| {
            let empty = Step {
                hour: *hour,
                ..Step::default()
            };
            (*hour, empty)
        })
        .collect();
    by_hour.extend(steps.iter().map(|step| (step.hour, step.clone())));
    by_hour.into_values().collect()
}

/// Counts of the cells of a table, row after row: ten of an aligned source, five of an
/// independent one.
pub type CellCounts = [Fixed; 10];

/// A source's table with what it takes to count its claims.
#[derive(Debug, Clone, PartialEq)]
pub struct Counter {
    table: Table,
    outcomes: Outcomes,
    /// φ(label | outcome).
    rows: Vec<Vec<f64>>,
    /// Where each row of cells begins.
    begins: Vec<usize>,
}

impl Counter {
    /// For a table among outcomes.
    #[must_use]
    pub fn new(table: Table, outcomes: Outcomes) -> Self {
        let rows = (0..outcomes.count()).map(|o| table.row(outcomes, o));
        Self {
            table,
            outcomes,
            rows: rows.collect(),
            begins: begins(&table.cells),
        }
    }

    /// Adds a claim of a weight that fits the outcomes so, where they are believed so:
    /// split over labels in proportion to μ φ(label | outcome).
    pub fn count(&self, counts: &mut CellCounts, belief: &[f64], fits: &[f64], weight: f64) {
        for (outcome, p) in belief.iter().enumerate() {
            let shares: Vec<f64> = (self.rows[outcome].iter().zip(fits))
                .map(|(phi, mu)| phi * mu)
                .collect();
            let all: f64 = shares.iter().sum();
            if all <= 0.0 {
                continue;
            }
            for (label, share) in shares.iter().enumerate().filter(|(_, s)| **s > 0.0) {
                let (row, column) = self.table.cell(self.outcomes, outcome, label);
                if let Some(count) = counts.get_mut(self.begins[row] + column) {
                    *count += fixed(weight * p * share / all);
                }
            }
        }
    }

    /// L(outcome) = Σ μ φ(label | outcome), for every outcome.
    #[must_use]
    pub fn likelihoods(&self, fits: &[f64]) -> Vec<f64> {
        let of = |row: &Vec<f64>| row.iter().zip(fits).map(|(phi, mu)| phi * mu).sum();
        self.rows.iter().map(of).collect()
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }
}

fn begins(cells: &Cells) -> Vec<usize> {
    let rows = cells.rows().into_iter();
    rows.scan(0, |next, row| {
        let begin = *next;
        *next += row.len();
        Some(begin)
    })
    .collect()
}

/// The tables of sources of one class, from the prior of each and its counts:
///
/// ```text
/// class:   G_r ∝ m_c·prior_r + Σ_s N_s,r · m_s / (m_s + N_s,r+)      m_c = 10
/// source:  φ_s,r = (N_s,r + m_s G_r) / (N_s,r+ + m_s)                m_s = 20
/// ```
///
/// The factor keeps a prolific source from owning its class. How much of a row is said
/// to be *contested* stays the prior's: when a contest began and ended is known too
/// badly to count by it.
#[must_use]
pub fn pooled(class: &[(Cells, CellCounts)]) -> Vec<Cells> {
    let counts = |(cells, counts): &(Cells, CellCounts)| -> Vec<Vec<f64>> {
        let begins = begins(cells);
        let rows = cells.rows();
        let of_row = |(row, begin): (&&[f64], usize)| {
            let of_row = counts.iter().skip(begin).take(row.len());
            of_row.map(|count| value(*count)).collect()
        };
        rows.iter().zip(begins).map(of_row).collect()
    };
    let counted: Vec<Vec<Vec<f64>>> = class.iter().map(counts).collect();
    let Some(first) = counted.first() else {
        return Vec::new();
    };
    let mut together: Vec<Vec<f64>> = first.iter().map(|row| vec![0.0; row.len()]).collect();
    for rows in &counted {
        for (sums, row) in together.iter_mut().zip(rows) {
            let all: f64 = row.iter().sum();
            let saturating = CLASS_COUNTS / (CLASS_COUNTS + all);
            sums.iter_mut()
                .zip(row)
                .for_each(|(sum, n)| *sum += n * saturating);
        }
    }
    class
        .iter()
        .zip(&counted)
        .map(|((prior, _), rows)| {
            let mut learned = *prior;
            for ((cells, row), sums) in learned.rows_mut().into_iter().zip(rows).zip(&together) {
                let of_class = CLASS_PRIOR + sums.iter().sum::<f64>();
                let of_source = CLASS_COUNTS + row.iter().sum::<f64>();
                for ((cell, n), sum) in cells.iter_mut().zip(row).zip(sums) {
                    let class = (CLASS_PRIOR * *cell + sum) / of_class;
                    *cell = (n + CLASS_COUNTS * class) / of_source;
                }
            }
            keep_contested(&mut learned, prior);
            learned
        })
        .collect()
}

/// Gives *contested* its share of each row of a prior, and scales the rest.
fn keep_contested(learned: &mut Cells, prior: &Cells) {
    let contested: &[usize] = match prior {
        Cells::Aligned { .. } => &[1, 3, 2],
        Cells::Independent { .. } => &[2, 1],
    };
    let rows = learned.rows_mut().into_iter().zip(prior.rows());
    for ((row, prior), contested) in rows.zip(contested) {
        let share = prior[*contested];
        let rest: f64 = row.iter().sum::<f64>() - row[*contested];
        row.iter_mut()
            .for_each(|cell| *cell *= (1.0 - share) / rest);
        row[*contested] = share;
    }
}

/// Who copies has, of what it says after another, this share from there.
const COPIED: f64 = crate::dependence::COPIED;
/// A likelihood below this says no more.
const LEAST_LIKELIHOOD: f64 = 1e-3;
/// ln-odds that one source copies another before anything was seen.
const PRIOR_LOG_ODDS: f64 = -2.944_438_979_166_440_5;
/// What one claim says of it; less than it would were claims independent.
const EACH: f64 = 0.35;
/// From so many claims on it is judged.
const LEAST_CLAIMS: u64 = 3;

/// How much a claim that follows another's says that it was copied: the log-likelihood
/// ratio of copying to speaking for itself, where `belief` tells what is so, and
/// `likelihoods` how likely its source says this of itself.
#[must_use]
pub fn copied(belief: &[f64], likelihoods: &[f64], same: bool) -> f64 {
    let of = |(p, l): (&f64, &f64)| {
        let by_itself = if same {
            COPIED / l.max(LEAST_LIKELIHOOD)
        } else {
            0.0
        };
        p * libm::log(by_itself + 1.0 - COPIED)
    };
    belief.iter().zip(likelihoods).map(of).sum()
}

/// How likely it is that one source copies another, from the sum of [`copied`] over its
/// claims that followed the other's.
#[must_use]
pub fn copies(claims: u64, sum: Fixed) -> f64 {
    if claims < LEAST_CLAIMS {
        return 0.0;
    }
    1.0 / (1.0 + libm::exp(-(PRIOR_LOG_ODDS + EACH * value(sum))))
}
