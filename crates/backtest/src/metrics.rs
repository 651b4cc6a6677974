//! What some known truths do for the calibration of the rest.

use ascertain_fusion::offline::{Fit, Posteriors, Temper};

/// Parts that the known truths are cut into.
const PARTS: usize = 5;
/// Scales that are tried: e^(−4) to e^2,
const SCALES: std::ops::RangeInclusive<i32> = -32..=16;
/// in so many steps to a factor e.
const STEPS: f64 = 8.0;
/// Bends that are tried.
const BENDS: [f64; 5] = [0.65, 0.8, 1.0, 1.2, 1.35];
/// How far from 1 the best scale and the best bend are expected to be: standard
/// deviations of their ln.
const EXPECTED: [f64; 2] = [0.7, 0.3];
/// Share of the uniform distribution mixed in before a log loss is taken.
const FLOOR: f64 = 0.02;

/// The posteriors of the items whose truth is known, each tempered as suits the other
/// four fifths of the known truths best (least log loss); the items' own truths have
/// no part in it. `None` stands for a truth that nobody claims of any item. Other
/// items' rows stay as fitted.
#[must_use]
pub fn with_gold(fit: &Fit, known: &[(usize, Option<u32>)]) -> Posteriors {
    let mut best = [(f64::INFINITY, Temper::default()); PARTS];
    for temper in tempers() {
        let mut losses = [0.0; PARTS];
        for (i, (item, truth)) in known.iter().enumerate() {
            losses[i % PARTS] += log_loss(&fit.answer(*item, temper), *truth);
        }
        for (part, best) in best.iter_mut().enumerate() {
            let others = losses.iter().enumerate().filter(|(p, _)| *p != part);
            let worth = others.map(|(_, loss)| loss).sum::<f64>() + strangeness(temper);
            if worth < best.0 {
                *best = (worth, temper);
            }
        }
    }
    let mut rows: Vec<Vec<(u32, f64)>> = (0..fit.posteriors.items())
        .map(|item| fit.posteriors.row(item).to_vec())
        .collect();
    for (i, (item, _)) in known.iter().enumerate() {
        if let Some(row) = rows.get_mut(*item) {
            *row = fit.answer(*item, best[i % PARTS].1);
        }
    }
    Posteriors::from_rows(rows)
}

fn tempers() -> impl Iterator<Item = Temper> {
    let scales = |bend| {
        SCALES.map(move |step| Temper {
            scale: libm::exp(f64::from(step) / STEPS),
            bend,
        })
    };
    BENDS.into_iter().flat_map(scales)
}

/// −ln of how much a temper is to be expected before any truth, up to a constant.
fn strangeness(temper: Temper) -> f64 {
    let far = |factor: f64, expected: f64| {
        let far = libm::log(factor) / expected;
        far * far / 2.0
    };
    far(temper.scale, EXPECTED[0]) + far(temper.bend, EXPECTED[1])
}

/// −ln of what an answer gives the truth, with the floor mixed in; what is missing to
/// 1 is on values that it does not name.
fn log_loss(row: &[(u32, f64)], truth: Option<u32>) -> f64 {
    let named = row.iter().find(|(value, _)| Some(*value) == truth);
    let rest = || (1.0 - row.iter().map(|(_, p)| p).sum::<f64>()).max(0.0);
    let of_truth = named.map_or_else(rest, |(_, p)| *p);
    -libm::log((1.0 - FLOOR) * of_truth + FLOOR / row.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use ascertain_fusion::offline::{Claim, Problem, fit};

    use super::*;

    /// Two hundred items that five sources agree on, every third of them wrongly.
    fn overrated() -> (Fit, Vec<(usize, Option<u32>)>) {
        let claims = (0..200_u32).flat_map(|item| {
            (0..5).map(move |source| Claim {
                item,
                source,
                value: item / 3 % 2,
            })
        });
        let problem = Problem {
            items: 200,
            sources: 5,
            values: 2,
            claims: claims.collect(),
        };
        let truth = |item: usize| {
            let said = (item / 3 % 2) as u32;
            Some(if item.is_multiple_of(3) {
                1 - said
            } else {
                said
            })
        };
        (fit(&problem), (0..200).map(|i| (i, truth(i))).collect())
    }

    #[test]
    fn a_crowd_that_errs_together_is_believed_as_far_as_it_was_right() {
        let (fit, known) = overrated();
        let confidence = |posteriors: &Posteriors| {
            let top = |i| posteriors.row(i).iter().map(|e| e.1).fold(0.0, f64::max);
            (0..200).map(top).sum::<f64>() / 200.0
        };
        assert!(confidence(&fit.posteriors) > 0.85);
        let calibrated = confidence(&with_gold(&fit, &known));
        assert!((calibrated - 2.0 / 3.0).abs() < 0.1, "{calibrated}");
    }

    #[test]
    fn an_items_own_truth_has_no_part_in_its_answer() {
        let (fit, mut known) = overrated();
        let before = with_gold(&fit, &known);
        known[7].1 = known[7].1.map(|value| 1 - value);
        assert_eq!(with_gold(&fit, &known).row(7), before.row(7));
    }

    #[test]
    fn without_truths_all_stays_as_it_was() {
        let (fit, _) = overrated();
        assert_eq!(with_gold(&fit, &[]), fit.posteriors);
    }

    #[test]
    fn a_truth_that_no_row_names_gets_what_the_row_leaves() {
        let row = [(3, 0.5), (8, 0.25)];
        // 0.98 × 0.25 + 0.02 / 2 and 0.98 × 0.5 + 0.02 / 2.
        assert!((log_loss(&row, None) + 0.255_f64.ln()).abs() < 1e-12);
        assert!((log_loss(&row, Some(3)) + 0.5_f64.ln()).abs() < 1e-12);
    }
}
