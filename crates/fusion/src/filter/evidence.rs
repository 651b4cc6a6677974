//! What was said in a slot, put together and weighed into beliefs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Beliefs, EPSILON, GroupId};
use crate::outcomes::{Outcomes, normalise};

/// What was said of a slot as it is weighed into beliefs, with all exponentials that it takes.
///
/// It follows from what was said alone: who takes a slot in again need not find it again.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighed {
    /// By everybody who spoke.
    pub(super) all: Factors,
    /// By those who are not unproven; `None`: that is everybody.
    pub(super) proven: Option<Factors>,
}

impl Weighed {
    pub(super) fn of(
        outcomes: Outcomes,
        evidence: &BTreeMap<GroupId, Vec<f64>>,
        unproven: &BTreeSet<GroupId>,
    ) -> Self {
        let proven = || {
            let proven = evidence.iter().filter(|(id, _)| !unproven.contains(id));
            Factors::of(outcomes, proven)
        };
        Self {
            all: Factors::of(outcomes, evidence.iter()),
            proven: (!unproven.is_empty()).then(proven),
        }
    }

    /// By those who are not unproven.
    pub(super) fn proven(&self) -> &Factors {
        self.proven.as_ref().unwrap_or(&self.all)
    }
}

/// What some groups said together, and what all of them but one did.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Factors {
    /// The likelihoods of all.
    all: Vec<f64>,
    /// Who spoke, in the order of ids.
    groups: Vec<GroupId>,
    /// For each of them the likelihoods of all others, one after another.
    others: Vec<f64>,
    /// Whether it weighs anything.
    pub(super) weighs: bool,
}

impl Factors {
    fn of<'a>(
        outcomes: Outcomes,
        mut said: impl Iterator<Item = (&'a GroupId, &'a Vec<f64>)> + Clone,
    ) -> Self {
        let mut all = sum(outcomes, said.clone().map(|(_, own)| own));
        let groups: Vec<GroupId> = said.clone().map(|(group, _)| *group).collect();
        let mut others = Vec::with_capacity(groups.len() * all.len());
        for (_, own) in said.clone() {
            let at = others.len();
            others.extend_from_slice(&all);
            leave_out(&mut others[at..], own);
            factors(&mut others[at..]);
        }
        factors(&mut all);
        Self {
            all,
            groups,
            others,
            weighs: said.any(|(_, own)| says(own)),
        }
    }

    /// Weighs it into a belief, and into those without each group, which get one for each
    /// that spoke.
    pub(super) fn weigh(&self, belief: &mut [f64], without: &mut Beliefs) {
        self.groups.iter().for_each(|id| without.add(*id, belief));
        // Both in the order of ids.
        let others = self.others.chunks_exact(self.all.len());
        let mut spoke = self.groups.iter().zip(others).peekable();
        let (groups, without) = without.parts_mut();
        for (group, belief) in groups.iter().zip(without.chunks_exact_mut(self.all.len())) {
            let own = spoke.next_if(|(id, _)| *id == group);
            multiply(belief, own.map_or(&self.all, |(_, others)| others));
        }
        multiply(belief, &self.all);
    }
}

fn says(said: &[f64]) -> bool {
    said.iter().any(|l| *l != 0.0)
}

/// Whether evidence weighs anything: all of it, and what is not of unproven sources.
pub(super) fn weighs(
    evidence: &BTreeMap<GroupId, Vec<f64>>,
    unproven: &BTreeSet<GroupId>,
) -> (bool, bool) {
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
