//! The baselines about one place. What they say changes only when somebody says
//! something, so they are worked out once for each stretch between claims.

use std::collections::BTreeMap;

use ascertain_domain::time::{DAY_US, Timestamp};

use crate::read::Claim;

/// Half-lives that the decayed vote may choose among, in days.
pub(crate) const HALF_LIVES: [f64; 10] =
    [1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 240.0, 480.0];

/// From one time at which something was said until the next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stretch {
    /// Its first moment.
    pub(crate) from: Timestamp,
    /// Which outcomes any source said last.
    pub(crate) said: Vec<bool>,
    /// The newest claims win, whoever made them.
    pub(crate) newest: Vec<f64>,
    /// Each source has one vote, for what it said last.
    pub(crate) vote: Vec<f64>,
    /// Every claim so far is a vote.
    pub(crate) majority: Vec<f64>,
    /// Every claim so far is a vote that fades, by half-life.
    pub(crate) decayed: [Vec<f64>; HALF_LIVES.len()],
}

/// What each source said last: outcomes, more than one if it said them at once.
pub(crate) type Latest = BTreeMap<u32, Vec<usize>>;

/// The stretches of a place's claims, in order; `see` is shown what each source
/// said last in each of them.
pub(crate) fn stretches(
    claims: &[Claim],
    outcomes: usize,
    outcome: impl Fn(u32) -> usize,
    mut see: impl FnMut(&Latest),
) -> Vec<Stretch> {
    let mut latest = Latest::new();
    let mut counts = vec![0.0; outcomes];
    let mut fading: [Vec<f64>; HALF_LIVES.len()] = std::array::from_fn(|_| vec![0.0; outcomes]);
    let mut last: Option<Timestamp> = None;
    let mut found = Vec::new();
    for at_once in claims.chunk_by(|a, b| a.time == b.time) {
        let now = at_once[0].time;
        let mut newest = vec![0.0; outcomes];
        let mut said = Latest::new();
        for claim in at_once {
            let value = outcome(claim.value);
            newest[value] += 1.0;
            counts[value] += 1.0;
            said.entry(claim.source).or_default().push(value);
        }
        latest.extend(said);
        #[allow(clippy::cast_precision_loss)] // microseconds within 10,000 years
        let days = last.map_or(0.0, |last| {
            (now.micros() - last.micros()) as f64 / DAY_US as f64
        });
        for (weights, half_life) in fading.iter_mut().zip(HALF_LIVES) {
            let kept = libm::exp2(-days / half_life);
            weights.iter_mut().for_each(|w| *w *= kept);
            at_once
                .iter()
                .for_each(|claim| weights[outcome(claim.value)] += 1.0);
        }
        last = Some(now);
        see(&latest);
        let votes = votes(&latest, outcomes);
        found.push(Stretch {
            from: now,
            newest: shares(newest),
            said: votes.iter().map(|v| *v > 0.0).collect(),
            vote: shares(votes),
            majority: shares(counts.clone()),
            decayed: std::array::from_fn(|i| shares(fading[i].clone())),
        });
    }
    found
}

fn votes(latest: &Latest, outcomes: usize) -> Vec<f64> {
    let mut votes = vec![0.0; outcomes];
    for values in latest.values() {
        #[allow(clippy::cast_precision_loss)] // as many as one source says at once
        let each = 1.0 / values.len() as f64;
        values.iter().for_each(|value| votes[*value] += each);
    }
    votes
}

fn shares(mut votes: Vec<f64>) -> Vec<f64> {
    let sum: f64 = votes.iter().sum();
    votes.iter_mut().for_each(|v| *v /= sum);
    votes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claims of (day, source, outcome).
    fn of(claims: &[(i64, u32, u32)]) -> Vec<Stretch> {
        let claim = |&(day, source, value): &(i64, u32, u32)| Claim {
            place: 0,
            time: Timestamp::from_micros(day * DAY_US).unwrap(),
            source,
            value,
        };
        let claims: Vec<Claim> = claims.iter().map(claim).collect();
        stretches(&claims, 2, |value| value as usize, |_| ())
    }

    #[test]
    fn a_source_has_one_vote_however_often_it_speaks() {
        let found = of(&[(0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 1, 1)]);
        let last = found.last().unwrap();
        assert_eq!(last.vote, [0.5, 0.5]);
        assert_eq!(last.majority, [0.75, 0.25]);
        assert_eq!(last.newest, [0.0, 1.0]);
    }

    #[test]
    fn who_says_two_things_at_once_has_half_a_vote_for_each() {
        let found = of(&[(0, 0, 0), (0, 0, 1), (0, 1, 1)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].vote, [0.25, 0.75]);
    }

    #[test]
    fn a_vote_weighs_half_after_its_half_life() {
        let found = of(&[(0, 0, 0), (1, 1, 1)]);
        let one_day = &found[1].decayed[0];
        assert!((one_day[0] - 1.0 / 3.0).abs() < 1e-12, "{one_day:?}");
    }
}
