//! What some known truths do for the calibration of the rest.

use ascertain_fusion::offline::{Fit, Posteriors, Temper};

/// Parts that the known truths are cut into.
const PARTS: usize = 5;
/// Scales that are tried: e^(−2) to e^2,
const SCALES: std::ops::RangeInclusive<i32> = -16..=16;
/// in so many steps to a factor e.
const STEPS: f64 = 8.0;
/// Bends that are tried.
const BENDS: [f64; 5] = [0.65, 0.8, 1.0, 1.2, 1.35];
/// How far from the default scale the truth is expected to be, a standard deviation
/// of its ln.
const EXPECTED: f64 = 0.7;
/// Share of the uniform distribution mixed in before a log loss is taken.
const FLOOR: f64 = 0.02;

/// The posteriors of the items whose truth is known, each tempered as suits the other
/// four fifths of the known truths best; the items' own truths have no part in it.
/// `None` stands for a truth that nobody claims of any item. Other items' rows stay
/// as fitted.
#[must_use]
pub fn with_gold(fit: &Fit, known: &[(usize, Option<u32>)]) -> Posteriors {
    let mut rows: Vec<Vec<(u32, f64)>> = (0..fit.posteriors.items())
        .map(|item| fit.posteriors.row(item).to_vec())
        .collect();
    for part in 0..PARTS {
        let others = known.iter().enumerate().filter(|(i, _)| i % PARTS != part);
        let others: Vec<(usize, Option<u32>)> = others.map(|(_, truth)| *truth).collect();
        let temper = best(fit, &others);
        for (item, _) in known.iter().skip(part).step_by(PARTS) {
            if let Some(row) = rows.get_mut(*item) {
                *row = fit.answer(*item, temper);
            }
        }
    }
    Posteriors::from_rows(rows)
}

/// The temper under which known truths are likeliest; the default one without any.
#[must_use]
pub fn best(fit: &Fit, known: &[(usize, Option<u32>)]) -> Temper {
    let mut best = (f64::INFINITY, Temper::default());
    for bend in BENDS {
        for step in SCALES {
            let far = f64::from(step) / STEPS;
            let temper = Temper {
                scale: libm::exp(far),
                bend,
            };
            let losses = known
                .iter()
                .map(|(item, truth)| log_loss(&fit.answer(*item, temper), *truth));
            let worth = losses.sum::<f64>() + far * far / (2.0 * EXPECTED * EXPECTED);
            if worth < best.0 {
                best = (worth, temper);
            }
        }
    }
    best.1
}

/// −ln of what an answer gives the truth, with the floor mixed in; what is missing to
/// 1 is on values that it does not name.
fn log_loss(row: &[(u32, f64)], truth: Option<u32>) -> f64 {
    let named = row.iter().find(|(value, _)| Some(*value) == truth);
    let rest = || (1.0 - row.iter().map(|(_, p)| p).sum::<f64>()).max(0.0);
    let of_truth = named.map_or_else(rest, |(_, p)| *p);
    -libm::log((1.0 - FLOOR) * of_truth + FLOOR / row.len().max(1) as f64)
}
