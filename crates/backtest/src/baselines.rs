//! What a static method has to beat: the usual ways of aggregating claims.

use ascertain_fusion::offline::{Posteriors, Problem};

/// A way of aggregating.
pub type Baseline = fn(&Problem) -> Posteriors;

/// Every baseline under the name that the literature gives it.
pub const STATIC: &[(&str, Baseline)] = &[("majority", majority)];

/// The share of each value among an item's claims; uniform without any.
#[must_use]
pub fn majority(problem: &Problem) -> Posteriors {
    let mut rows = vec![Vec::<(u32, f64)>::new(); problem.items];
    for claim in &problem.claims {
        rows[claim.item as usize].push((claim.value, 1.0));
    }
    Posteriors::from_rows(rows.into_iter().map(|mut row| {
        row.sort_unstable_by_key(|entry| entry.0);
        let sum = row.len() as f64;
        let mut shares: Vec<(u32, f64)> = Vec::new();
        for (value, _) in row {
            match shares.last_mut() {
                Some(last) if last.0 == value => last.1 += 1.0 / sum,
                _ => shares.push((value, 1.0 / sum)),
            }
        }
        shares
    }))
}
