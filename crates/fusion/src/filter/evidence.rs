//! What was said in a slot, put together and weighed into beliefs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Beliefs, EPSILON, GroupId};
use crate::outcomes::{Outcomes, normalise};

/// Weighs evidence of a total into a belief, and into those without each group.
pub(super) fn weigh_each(
    belief: &mut [f64],
    without: &mut Beliefs,
    evidence: &BTreeMap<GroupId, Vec<f64>>,
    total: &[f64],
) {
    let mut all = total.to_vec();
    factors(&mut all);
    let mut others = total.to_vec();
    // Both in the order of ids.
    let mut spoke = evidence.iter().peekable();
    let (groups, without) = without.parts_mut();
    for (group, belief) in groups.iter().zip(without.chunks_exact_mut(total.len())) {
        while spoke.next_if(|(id, _)| *id < group).is_some() {}
        if let Some((_, own)) = spoke.next_if(|(id, _)| *id == group) {
            others.copy_from_slice(total);
            leave_out(&mut others, own);
            factors(&mut others);
            multiply(belief, &others);
        } else {
            multiply(belief, &all);
        }
    }
    multiply(belief, &all);
}

/// Whether evidence weighs anything: all of it, and what is not of unproven sources.
pub(super) fn weighs(
    evidence: &BTreeMap<GroupId, Vec<f64>>,
    unproven: &BTreeSet<GroupId>,
) -> (bool, bool) {
    let says = |said: &[f64]| said.iter().any(|l| *l != 0.0);
    let proven = evidence
        .iter()
        .any(|(group, said)| !unproven.contains(group) && says(said));
    let anybody = proven
        || unproven
            .iter()
            .filter_map(|g| evidence.get(g))
            .any(|s| says(s));
    (anybody, proven)
}

/// Multiplies a belief by likelihoods of as many outcomes.
pub fn multiply(belief: &mut [f64], likelihoods: &[f64]) {
    // Where the compiler knows how many outcomes there are, it takes several at once.
    match belief.len() {
        5 => multiply_known::<5>(belief, likelihoods),
        6 => multiply_known::<6>(belief, likelihoods),
        7 => multiply_known::<7>(belief, likelihoods),
        8 => multiply_known::<8>(belief, likelihoods),
        _ => multiply_any(belief, likelihoods),
    }
}

fn multiply_known<const COUNT: usize>(belief: &mut [f64], likelihoods: &[f64]) {
    if let (Some(belief), Some(likelihoods)) = (
        belief.first_chunk_mut::<COUNT>(),
        likelihoods.first_chunk::<COUNT>(),
    ) {
        multiply_any(belief, likelihoods);
    }
}

#[inline(always)]
fn multiply_any(belief: &mut [f64], likelihoods: &[f64]) {
    belief
        .iter_mut()
        .zip(likelihoods)
        .for_each(|(b, l)| *b *= l);
    normalise(belief);
}

/// Σ ln L(outcome) over all groups, in their order.
pub(super) fn total(outcomes: Outcomes, evidence: &BTreeMap<GroupId, Vec<f64>>) -> Vec<f64> {
    sum(outcomes, evidence.values())
}

fn sum<'a>(outcomes: Outcomes, said: impl Iterator<Item = &'a Vec<f64>>) -> Vec<f64> {
    let mut sum = vec![0.0; outcomes.count()];
    for log_likelihoods in said {
        sum.iter_mut()
            .zip(log_likelihoods)
            .for_each(|(s, l)| *s += l);
    }
    sum
}

/// The same over the groups that are not unproven.
pub(super) fn proven_total(
    outcomes: Outcomes,
    evidence: &BTreeMap<GroupId, Vec<f64>>,
    unproven: &BTreeSet<GroupId>,
) -> Vec<f64> {
    let proven = evidence
        .iter()
        .filter(|(group, _)| !unproven.contains(group));
    sum(outcomes, proven.map(|(_, said)| said))
}

/// Takes what one group said out of the sum over all.
pub(super) fn leave_out(total: &mut [f64], own: &[f64]) {
    total.iter_mut().zip(own).for_each(|(t, o)| *t -= o);
}

/// The floored likelihoods of a slot, largest about 1, in place of their logarithms.
pub(super) fn factors(total: &mut [f64]) {
    let most = total.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    total.iter_mut().for_each(|s| *s = libm::exp(*s - most));
    #[allow(clippy::cast_precision_loss)] // K is small
    let mean = total.iter().sum::<f64>() / total.len() as f64;
    total
        .iter_mut()
        .for_each(|r| *r = (1.0 - EPSILON) * *r + EPSILON * mean);
}
