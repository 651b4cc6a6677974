//! What a source says when each outcome is so: φ(label | outcome).
//!
//! Tables are tied by how the source stands to the sides: a *cell* holds the mass of
//! all labels that are alike to it, such as "claims its own side while a foe holds".
//! The mass of a cell is shared among its labels in proportion to the entry shares
//! π, so that labels which are hardly ever so (mixed, vacated, other) take little of it.

use crate::outcomes::Outcomes;

/// The least that a likelihood is.
const LIKELIHOOD_FLOOR: f64 = 1e-6;
/// Of the mass on its own sides, the share that goes to the one that holds.
const OWN_EXACT: f64 = 0.9;
/// A change that a tracker shows counts so many times what a report counts: it has
/// looked twice. That a place is contested is said more lightly, and counts once.
const SHOWN_CHANGE: f64 = 2.0;
/// How much more slowly a change out of *contested* is shown.
const OUT_OF_CONTESTED: f64 = 0.2;
/// How much more slowly a change into *contested* is shown.
const INTO_CONTESTED: f64 = 0.5;

/// How a source stands to the sides of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It speaks for a side.
    OrganOf(usize),
    /// It leans to a side.
    Sympathetic(usize),
    /// It leans against a side: to all others.
    Opposed(usize),
    /// It belongs to none.
    Independent,
}

impl Role {
    /// Whether a holder is on its side.
    #[must_use]
    pub fn owns(self, outcomes: Outcomes, outcome: usize) -> bool {
        match self {
            Self::OrganOf(side) | Self::Sympathetic(side) => outcome == side,
            Self::Opposed(side) => outcomes.is_side(outcome) && outcome != side,
            Self::Independent => false,
        }
    }
}

/// No row has more cells.
const COLUMNS: usize = 4;

/// The rows of a table, cell by cell; each row sums to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cells {
    /// Of a source with a side of its own.
    Aligned {
        /// An own side holds: own, contested, foe.
        own: [f64; 3],
        /// A foe holds: own, correct, wrong, contested.
        foe: [f64; 4],
        /// Contested: own, other, contested.
        contested: [f64; 3],
    },
    /// Of a source with none.
    Independent {
        /// Somebody holds: correct, wrong, contested.
        holder: [f64; 3],
        /// Contested: a holder, contested.
        contested: [f64; 2],
    },
}

impl Cells {
    /// The prior of a source that speaks for a side.
    pub const ORGAN: Self = Self::Aligned {
        own: [0.96, 0.03, 0.01],
        foe: [0.40, 0.33, 0.02, 0.25],
        contested: [0.50, 0.05, 0.45],
    };
    /// The prior of a source that leans to a side.
    pub const SYMPATHETIC: Self = Self::Aligned {
        own: [0.90, 0.07, 0.03],
        foe: [0.20, 0.58, 0.04, 0.18],
        contested: [0.28, 0.08, 0.64],
    };

    /// The prior of a source of no side that is right so often, 0.34 to 0.99.
    #[must_use]
    pub const fn independent(right: f64) -> Self {
        Self::Independent {
            holder: [right, (1.0 - right) / 2.0, (1.0 - right) / 2.0],
            contested: [1.1 - right, right - 0.1],
        }
    }

    /// The rows: holders that are its own (or any, for a source without a side),
    /// holders that are foes, contested.
    #[must_use]
    pub fn rows(&self) -> Vec<&[f64]> {
        match self {
            Self::Aligned {
                own,
                foe,
                contested,
            } => vec![own, foe, contested],
            Self::Independent { holder, contested } => vec![holder, contested],
        }
    }

    /// The mass of a cell, by its row and column among [`Self::rows`].
    fn mass(&self, (row, column): (usize, usize)) -> f64 {
        match (self, row) {
            (Self::Aligned { own, .. }, 0) => own[column],
            (Self::Aligned { foe, .. }, 1) => foe[column],
            (Self::Aligned { contested, .. }, _) => contested[column],
            (Self::Independent { holder, .. }, 0) => holder[column],
            (Self::Independent { contested, .. }, _) => contested[column],
        }
    }

    /// The same rows, to be written.
    pub fn rows_mut(&mut self) -> Vec<&mut [f64]> {
        match self {
            Self::Aligned {
                own,
                foe,
                contested,
            } => vec![own, foe, contested],
            Self::Independent { holder, contested } => vec![holder, contested],
        }
    }
}

/// What a source in a role says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Table {
    /// How it stands to the sides.
    pub role: Role,
    /// How often it says what; of the form that its role asks for.
    pub cells: Cells,
}

/// A shown change of a tracker, and what its silence says from then on.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// ln-likelihood of the change under each outcome.
    pub log_likelihoods: Vec<f64>,
    /// ln-likelihood of each day of silence after it.
    pub doubts: Vec<f64>,
}

impl Table {
    /// The row and the column among [`Cells::rows`] in which a label stands when an
    /// outcome is so.
    #[must_use]
    pub fn cell(&self, outcomes: Outcomes, outcome: usize, label: usize) -> (usize, usize) {
        let c = outcomes.contested();
        let owns = |outcome| self.role.owns(outcomes, outcome);
        match self.cells {
            Cells::Independent { .. } if outcome == c => (1, usize::from(label == c)),
            Cells::Independent { .. } if label == outcome => (0, 0),
            Cells::Independent { .. } => (0, 1 + usize::from(label == c)),
            Cells::Aligned { .. } => {
                let row = match outcome {
                    o if o == c => 2,
                    o if owns(o) => 0,
                    _ => 1,
                };
                let column = match (row, label) {
                    (0, l) if l == c => 1,
                    (0, l) if owns(l) => 0,
                    (0, _) => 2,
                    (1, l) if l == c => 3,
                    (1, l) if owns(l) => 0,
                    (1, l) => 2 - usize::from(l == outcome),
                    (_, l) if l == c => 2,
                    (_, l) => 1 - usize::from(owns(l)),
                };
                (row, column)
            }
        }
    }

    /// φ(· | outcome): the distribution over labels.
    #[must_use]
    pub fn row(&self, outcomes: Outcomes, outcome: usize) -> Vec<f64> {
        let shares = outcomes.entry_shares();
        self.row_of(outcomes, outcome, &shares).collect()
    }

    /// φ(· | outcome), label by label, by the entry shares: who goes through a table finds
    /// them once, so that it costs no more than its size, (n + 4)².
    fn row_of(
        &self,
        outcomes: Outcomes,
        outcome: usize,
        shares: &[f64],
    ) -> impl Iterator<Item = f64> {
        // The label that is so stands in its cell alone, or with others of its side.
        let (own_cell, alone) = (self.cell(outcomes, outcome, outcome), OWN_EXACT);
        // What the others in each of the row's cells have of the entry shares.
        let mut totals = [0.0; COLUMNS];
        let mut with_others = false;
        for label in (0..outcomes.count()).filter(|label| *label != outcome) {
            let cell = self.cell(outcomes, outcome, label);
            totals[cell.1] += shares[label];
            with_others |= cell == own_cell;
        }
        (0..outcomes.count()).map(move |label| {
            let cell = self.cell(outcomes, outcome, label);
            let mass = self.cells.mass(cell);
            let total = totals[cell.1];
            if label == outcome {
                mass * if with_others { alone } else { 1.0 }
            } else if cell == own_cell {
                mass * (1.0 - alone) * shares[label] / total
            } else if label == outcomes.contested() {
                mass
            } else if total > 0.0 {
                mass * shares[label] / total
            } else {
                // A cell without labels that are ever so has its mass nowhere to go.
                0.0
            }
        })
    }

    /// ln L(outcome) for every outcome: the logarithm of Σ_l μ_l φ(l | outcome), where μ
    /// is the soft set of labels that a claim fits (each 0 to 1).
    #[must_use]
    pub fn log_likelihoods(&self, outcomes: Outcomes, fits: &[f64]) -> Vec<f64> {
        let shares = outcomes.entry_shares();
        let likelihood = |outcome| -> f64 {
            let row = self.row_of(outcomes, outcome, &shares);
            row.zip(fits).map(|(phi, mu)| phi * mu).sum()
        };
        (0..outcomes.count())
            .map(|outcome| libm::log(likelihood(outcome).max(LIKELIHOOD_FLOOR)))
            .collect()
    }

    /// A change that a source shows which reports changes only, with a mean lag in
    /// days, above 0.
    ///
    /// With rate φ(x | x) / lag it shows that x is so once it is; with rates smaller by
    /// (φ(l | x) / φ(x | x))², that l is so while x is. The change has the likelihood of
    /// these rates, and a day without one that of no such event.
    #[must_use]
    pub fn change(&self, outcomes: Outcomes, fits: &[f64], lag_days: f64) -> Change {
        let c = outcomes.contested();
        let for_contested = fits
            .iter()
            .enumerate()
            .all(|(l, mu)| (l == c) == (*mu > 0.0));
        let shares = outcomes.entry_shares();
        let (log_likelihoods, doubts) = (0..outcomes.count())
            .map(|outcome| {
                let row: Vec<f64> = self.row_of(outcomes, outcome, &shares).collect();
                let shown = row[outcome].max(LIKELIHOOD_FLOOR);
                let rates = row.iter().enumerate().map(|(label, phi)| {
                    let share = (phi / shown).min(1.0);
                    if label == c || label == outcome {
                        share
                    } else {
                        libm::pow(share, SHOWN_CHANGE)
                    }
                });
                let rate: f64 = rates.zip(fits).map(|(rate, mu)| rate * mu).sum();
                let slow = if for_contested {
                    OUT_OF_CONTESTED
                } else if outcome == c {
                    INTO_CONTESTED
                } else {
                    1.0
                };
                let doubt = shown / lag_days * slow * (1.0 - fits[outcome]);
                (libm::log(rate.max(LIKELIHOOD_FLOOR)), -doubt)
            })
            .unzip();
        Change {
            log_likelihoods,
            doubts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Outcomes = Outcomes::new(2);
    const THREE: Outcomes = Outcomes::new(3);

    fn every_table(sides: usize) -> Vec<Table> {
        let independent = |right| Table {
            role: Role::Independent,
            cells: Cells::independent(right),
        };
        let mut tables = vec![independent(0.95), independent(0.5)];
        for side in 0..sides {
            for (role, cells) in [
                (Role::OrganOf(side), Cells::ORGAN),
                (Role::Sympathetic(side), Cells::SYMPATHETIC),
                (Role::Opposed(side), Cells::SYMPATHETIC),
            ] {
                tables.push(Table { role, cells });
            }
        }
        tables
    }

    fn organ() -> Table {
        Table {
            role: Role::OrganOf(0),
            cells: Cells::ORGAN,
        }
    }

    #[test]
    fn every_row_is_a_distribution() {
        for outcomes in [TWO, THREE] {
            for table in every_table(outcomes.sides()) {
                for outcome in 0..outcomes.count() {
                    let sum: f64 = table.row(outcomes, outcome).iter().sum();
                    assert!(
                        (sum - 1.0).abs() < 1e-12,
                        "{table:?} {outcome} sums to {sum}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_admission_weighs_more_than_a_boast() {
        let controls_own = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let controls_foe = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let boast = organ().log_likelihoods(TWO, &controls_own);
        let admission = organ().log_likelihoods(TWO, &controls_foe);
        assert!(admission[1] - admission[0] > 3.0 * (boast[0] - boast[1]));
    }

    #[test]
    fn relabelling_the_sides_relabels_the_table() {
        let fits = [1.0, 0.3, 0.2, 0.0, 0.0, 0.0];
        let swapped = [0.3, 1.0, 0.2, 0.0, 0.0, 0.0];
        let leaning = |side| Table {
            role: Role::Sympathetic(side),
            cells: Cells::SYMPATHETIC,
        };
        let left = leaning(0).log_likelihoods(TWO, &fits);
        let right = leaning(1).log_likelihoods(TWO, &swapped);
        assert_eq!((left[0], left[1], left[2]), (right[1], right[0], right[2]));
    }

    #[test]
    fn a_change_that_a_tracker_shows_is_more_than_a_report() {
        let fits = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let tracker = Table {
            role: Role::Independent,
            cells: Cells::independent(0.88),
        };
        let report = tracker.log_likelihoods(TWO, &fits);
        let change = tracker.change(TWO, &fits, 3.0);
        let odds = |ll: &[f64]| ll[1] - ll[0];
        assert!(odds(&change.log_likelihoods) > 1.9 * odds(&report));
        // Its silence afterwards speaks against all else, and never against itself.
        assert_eq!(change.doubts[1], 0.0);
        assert!(change.doubts[0] < -0.2 && change.doubts[0] > -1.0 / 3.0);
        assert!(change.doubts[TWO.contested()] > change.doubts[0]);
    }

    #[test]
    fn a_partisan_tracker_is_slow_to_show_what_hurts_and_quick_to_boast() {
        let [own, foe] = [
            [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        ];
        let boast = organ().change(TWO, &own, 3.0);
        let admission = organ().change(TWO, &foe, 3.0);
        let boasts = boast.log_likelihoods[0] - boast.log_likelihoods[1];
        let admits = admission.log_likelihoods[1] - admission.log_likelihoods[0];
        assert!(boasts < 0.5 && admits > 5.0, "{boasts} {admits}");
        // While it says that its own side holds, its silence means little.
        assert!(boast.doubts[1] > 0.5 * admission.doubts[0]);
    }
}
