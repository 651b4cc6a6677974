//! What a source says when each outcome is so: φ(label | outcome).
//!
//! Tables are tied by how the source stands to the sides. The mass of a cell is
//! shared among its labels in proportion to the entry shares π, so that labels
//! which are hardly ever so (mixed, vacated, other) take little of it.

use crate::outcomes::Outcomes;

/// The least that a likelihood is.
const LIKELIHOOD_FLOOR: f64 = 1e-6;
/// Of the mass on its own sides, the share that goes to the one that holds.
const OWN_EXACT: f64 = 0.9;

/// How a source stands to the sides of a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// It speaks for a side.
    OrganOf(usize),
    /// It leans to a side.
    Sympathetic(usize),
    /// It leans against a side: to all others.
    Opposed(usize),
    /// It belongs to none and is right so often, 0.34 to 0.99.
    Independent(f64),
}

impl Role {
    fn owns(self, outcomes: Outcomes, outcome: usize) -> bool {
        match self {
            Self::OrganOf(side) | Self::Sympathetic(side) => outcome == side,
            Self::Opposed(side) => outcomes.is_side(outcome) && outcome != side,
            Self::Independent(_) => false,
        }
    }
}

/// Rows of the table of an aligned source.
struct Aligned {
    /// An own side holds: own, contested, foe.
    own: [f64; 3],
    /// A foe holds: own, correct, wrong, contested.
    foe: [f64; 4],
    /// Contested: own, other, contested.
    contested: [f64; 3],
}

const ORGAN: Aligned = Aligned {
    own: [0.96, 0.03, 0.01],
    foe: [0.40, 0.33, 0.02, 0.25],
    contested: [0.50, 0.05, 0.45],
};
const SYMPATHETIC: Aligned = Aligned {
    own: [0.90, 0.07, 0.03],
    foe: [0.20, 0.58, 0.04, 0.18],
    contested: [0.28, 0.08, 0.64],
};

/// φ(· | outcome): the distribution over labels of a source in a role.
#[must_use]
pub fn row(outcomes: Outcomes, role: Role, outcome: usize) -> Vec<f64> {
    let c = outcomes.contested();
    let shares = outcomes.entry_shares();
    let owns = |label: usize| role.owns(outcomes, label);
    let holder = |label: usize| label != c;
    let mut row = vec![0.0; outcomes.count()];
    let mut spread = |mass: f64, cell: &dyn Fn(usize) -> bool| {
        let total: f64 = (0..row.len()).filter(|l| cell(*l)).map(|l| shares[l]).sum();
        for label in (0..row.len()).filter(|l| cell(*l)) {
            // A cell without labels that are ever so has its mass nowhere to go.
            if total > 0.0 {
                row[label] += mass * shares[label] / total;
            }
        }
    };
    match role {
        Role::Independent(q) if outcome == c => {
            spread(1.1 - q, &holder);
            row[c] += q - 0.1;
        }
        Role::Independent(q) => {
            spread((1.0 - q) / 2.0, &|l| holder(l) && l != outcome);
            row[outcome] += q;
            row[c] += (1.0 - q) / 2.0;
        }
        Role::OrganOf(_) | Role::Sympathetic(_) | Role::Opposed(_) => {
            let table = if matches!(role, Role::OrganOf(_)) {
                ORGAN
            } else {
                SYMPATHETIC
            };
            if outcome == c {
                let [own, other, contested] = table.contested;
                spread(own, &owns);
                spread(other, &|l| holder(l) && !owns(l));
                row[c] += contested;
            } else if owns(outcome) {
                let [own, contested, foe] = table.own;
                spread(foe, &|l| holder(l) && !owns(l));
                if (0..outcomes.count()).any(|l| owns(l) && l != outcome) {
                    spread(own * (1.0 - OWN_EXACT), &|l| owns(l) && l != outcome);
                    row[outcome] += own * OWN_EXACT;
                } else {
                    row[outcome] += own;
                }
                row[c] += contested;
            } else {
                let [own, correct, wrong, contested] = table.foe;
                spread(own, &owns);
                spread(wrong, &|l| holder(l) && !owns(l) && l != outcome);
                row[outcome] += correct;
                row[c] += contested;
            }
        }
    }
    row
}

/// ln L(outcome) for every outcome: the logarithm of Σ_l μ_l φ(l | outcome), where μ
/// is the soft set of labels that a claim fits (each 0 to 1).
#[must_use]
pub fn log_likelihoods(outcomes: Outcomes, role: Role, fits: &[f64]) -> Vec<f64> {
    (0..outcomes.count())
        .map(|outcome| {
            let row = row(outcomes, role, outcome);
            let l: f64 = row.iter().zip(fits).map(|(phi, mu)| phi * mu).sum();
            libm::log(l.max(LIKELIHOOD_FLOOR))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Outcomes = Outcomes::new(2);
    const THREE: Outcomes = Outcomes::new(3);

    fn every_role(sides: usize) -> Vec<Role> {
        let mut roles = vec![Role::Independent(0.95), Role::Independent(0.5)];
        for side in 0..sides {
            roles.extend([
                Role::OrganOf(side),
                Role::Sympathetic(side),
                Role::Opposed(side),
            ]);
        }
        roles
    }

    #[test]
    fn every_row_is_a_distribution() {
        for outcomes in [TWO, THREE] {
            for role in every_role(outcomes.sides()) {
                for outcome in 0..outcomes.count() {
                    let sum: f64 = row(outcomes, role, outcome).iter().sum();
                    assert!(
                        (sum - 1.0).abs() < 1e-12,
                        "{role:?} {outcome} sums to {sum}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_admission_weighs_more_than_a_boast() {
        let controls_own = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let controls_foe = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let organ = Role::OrganOf(0);
        let boast = log_likelihoods(TWO, organ, &controls_own);
        let admission = log_likelihoods(TWO, organ, &controls_foe);
        assert!(admission[1] - admission[0] > 3.0 * (boast[0] - boast[1]));
    }

    #[test]
    fn relabelling_the_sides_relabels_the_table() {
        let fits = [1.0, 0.3, 0.2, 0.0, 0.0, 0.0];
        let swapped = [0.3, 1.0, 0.2, 0.0, 0.0, 0.0];
        let left = log_likelihoods(TWO, Role::Sympathetic(0), &fits);
        let right = log_likelihoods(TWO, Role::Sympathetic(1), &swapped);
        assert_eq!((left[0], left[1], left[2]), (right[1], right[0], right[2]));
    }
}
