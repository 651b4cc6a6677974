//! The fold of claims into a belief, slot by slot.
//!
//! Beside the belief α the filter carries, for each independence group, the belief
//! as it stands without that group, all other weights held. All pass gaps and
//! evidence alike, so that a group's weight can be told at any later time without
//! going back to the evidence. A group whose absence makes no difference any more
//! is dropped, so that the filter stays small.

mod beliefs;
mod bound;
mod evidence;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use beliefs::Beliefs;
pub use bound::Proven;
pub use evidence::Weighed;
pub use evidence::multiply;
use evidence::{factors, leave_out, proven_total, total, weighs};

use crate::dynamics::{Clash, Dynamics, Gap};
use crate::outcomes::{Outcomes, leader};
use crate::pace::Pace;
use crate::standing::{StandingClaim, next_grid_hour};
use crate::stay::Ladder;

const DAY_HOURS: f64 = 24.0;
/// The share of a slot's evidence that is taken to be no evidence at all, so that
/// no slot can rule anything out.
const EPSILON: f64 = 0.02;
/// A checkpoint is due at the first step of every so many hours since the epoch.
pub const CELL_HOURS: i64 = 64;
/// At checkpoints beliefs are rounded to this grain, so that folds which have
/// forgotten their difference are equal again, bit for bit.
const GRAIN: f64 = (1_u64 << 40) as f64;

/// Names an independence group within a place; fixed for ever, so that sums over
/// groups have an order of their own.
pub type GroupId = u64;

/// What was said of one slot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// The slot, in hours from the epoch.
    pub hour: i64,
    /// For each group that spoke: Σ w ln L(outcome).
    pub evidence: BTreeMap<GroupId, Vec<f64>>,
    /// Which of them are unproven.
    pub unproven: BTreeSet<GroupId>,
    /// What the reports of threats and fighting add.
    pub clash: Clash,
    /// What those of them add that are not by unproven sources.
    pub proven_clash: Clash,
    /// Claims that stand from here on, or, `None`, stand no more.
    pub standing: BTreeMap<GroupId, Option<StandingClaim>>,
}

/// A place's belief, standing at an hour.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterState {
    /// Where it stands; `None` before the first step.
    pub hour: Option<i64>,
    /// The hour of the last step; grid hours of silence are none.
    pub stepped: Option<i64>,
    /// When somebody said something last, or kept silent where that says something, that
    /// weighed anything; `None`: nobody has.
    pub heard: Option<i64>,
    /// The belief.
    pub alpha: Vec<f64>,
    /// The same without all that unproven sources said; `None`: no different.
    pub proven: Option<Proven>,
    /// How hard it is fought for.
    pub clash: Clash,
    /// The belief without each group that still makes a difference.
    pub without: Beliefs,
    /// Claims that stand while their sources are silent.
    pub standing: BTreeMap<GroupId, StandingClaim>,
    /// Since when, outcome by outcome.
    pub ladders: Vec<Ladder>,
    /// The last two different sides that led, the later last.
    pub led: Vec<usize>,
}

impl FilterState {
    /// Before any evidence.
    #[must_use]
    pub fn new(outcomes: Outcomes) -> Self {
        Self {
            hour: None,
            stepped: None,
            heard: None,
            alpha: outcomes.prior(),
            proven: None,
            clash: Clash::NONE,
            without: Beliefs::over(outcomes.count()),
            standing: BTreeMap::new(),
            ladders: vec![Ladder::default(); outcomes.count()],
            led: Vec::new(),
        }
    }

    /// The belief without a group; the belief itself for one that makes no difference.
    #[must_use]
    pub fn without(&self, group: GroupId) -> &[f64] {
        self.without.get(group).unwrap_or(&self.alpha)
    }

    /// The last side that led before a leading outcome.
    #[must_use]
    pub fn led_before(&self, leading: usize) -> Option<usize> {
        self.led.iter().rev().copied().find(|side| *side != leading)
    }
}

/// The rules by which beliefs of one place move.
#[derive(Debug, Clone)]
pub struct Filter {
    dynamics: Dynamics,
    outcomes: Outcomes,
    pace: Arc<Pace>,
}

impl Filter {
    /// The filter for a place's outcomes, where control changes at a pace.
    #[must_use]
    pub fn new(outcomes: Outcomes, pace: Arc<Pace>) -> Self {
        Self {
            dynamics: Dynamics::new(outcomes),
            outcomes,
            pace,
        }
    }

    /// How fast control changes there.
    #[must_use]
    pub fn pace(&self) -> Arc<Pace> {
        Arc::clone(&self.pace)
    }

    /// The gap between two hours (or parts of them), cut into stretches of even rates, given
    /// how hard it is fought for at its beginning, and since when nobody was heard. `None`
    /// where no time passes: then nothing moves, not by a bit, however often one stops.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // hours within 10,000 years
    fn gap(&self, mut clash: Clash, (from, to): (f64, f64), heard: Option<i64>) -> Option<Gap> {
        if to <= from {
            return None;
        }
        // Before anybody was heard there is nothing that may have gone on.
        let heard = heard.map_or(f64::INFINITY, |hour| hour as f64);
        let mut at = from;
        let paced = std::iter::from_fn(|| {
            if at >= to {
                return None;
            }
            let day = libm::floor(at / DAY_HOURS) as i64;
            let next = self.pace.next_change(day).map(|day| day as f64 * DAY_HOURS);
            let until = next.map_or(to, |next| next.min(to));
            let days = (until - at) / DAY_HOURS;
            let unheard = ((at - heard) / DAY_HOURS, (until - heard) / DAY_HOURS);
            let rates = self.pace.rates(day).unheard(unheard);
            let stretches = clash.stretches(days);
            at = until;
            if at < to {
                clash = clash.decayed(days);
            }
            Some(stretches.map(move |(length, clash)| (clash.rates(rates), length)))
        });
        Some(Gap::over(paced.flatten()))
    }

    /// Passes the time to an hour, or part of one, not before where the belief
    /// stands. Silence counts up to `known_until`: beyond it nobody knows who keeps silent.
    /// The belief is then for looking at: what comes after goes on from where it stood.
    #[allow(clippy::cast_precision_loss)] // hours are exact in f64
    pub fn pass_to(&self, state: &mut FilterState, hour: f64, known_until: f64) {
        self.pass_silence(state, hour.min(known_until));
        if let Some(from) = state.hour {
            self.pass_gap(state, from as f64, hour);
        }
    }

    /// Takes the silence of the grid hours up to an hour in, and stands at the last of
    /// them.
    #[allow(clippy::cast_precision_loss)] // hours are exact in f64
    pub fn pass_silence(&self, state: &mut FilterState, until: f64) {
        while let Some(from) = state.hour {
            let next = next_silence(&state.standing, from as f64);
            let Some(grid) = next.filter(|grid| *grid as f64 <= until) else {
                return;
            };
            self.pass_gap(state, from as f64, grid as f64);
            let evidence = silence(&state.standing, grid);
            let unproven = unproven(&state.standing);
            let weighed = Weighed::of(self.outcomes, &evidence, &unproven);
            self.weigh(state, grid, &weighed);
            state.standing.retain(|_, claim| claim.is_in_force(grid));
            state.hour = Some(grid);
        }
    }

    fn pass_gap(&self, state: &mut FilterState, from: f64, to: f64) {
        let Some(gap) = self.gap(state.clash, (from, to), state.heard) else {
            return;
        };
        self.pass_belief(state, &gap);
        self.dynamics.forward(state.without.parts_mut().1, &gap);
        if let Some(proven) = &mut state.proven {
            let gap = if proven.clash == state.clash && proven.heard == state.heard {
                gap
            } else {
                self.gap(proven.clash, (from, to), proven.heard)
                    .unwrap_or(gap)
            };
            self.dynamics.forward(&mut proven.belief, &gap);
            self.dynamics.forward(proven.without.parts_mut().1, &gap);
        }
        let days = (to - from).max(0.0) / DAY_HOURS;
        state.clash = state.clash.decayed(days);
        if let Some(proven) = &mut state.proven {
            proven.clash = proven.clash.decayed(days);
        }
    }

    fn pass_belief(&self, state: &mut FilterState, gap: &Gap) {
        let mut stays = Vec::new();
        if !state.ladders.is_empty() {
            stays.clone_from(&state.alpha);
            self.dynamics.stay(&mut stays, gap);
        }
        self.dynamics.forward(&mut state.alpha, gap);
        for ((ladder, stays), next) in state.ladders.iter_mut().zip(&stays).zip(&state.alpha) {
            let kept = if *next > 0.0 { stays / next } else { 1.0 };
            ladder.shrink(kept.min(1.0));
        }
    }

    /// Takes the evidence of a slot in, not before where the belief stands.
    #[allow(clippy::cast_precision_loss)] // hours are exact in f64
    pub fn take(&self, state: &mut FilterState, step: &Step) {
        self.approach(state, step.hour);
        self.take_here(state, step, &self.weighed(step));
    }

    /// What was said of a slot, as it is weighed.
    #[must_use]
    pub fn weighed(&self, step: &Step) -> Weighed {
        Weighed::of(self.outcomes, &step.evidence, &step.unproven)
    }

    /// Passes the time to the slot of a step, and rounds what stands there if it is
    /// the first of its cell. What stands then is a checkpoint; to approach the slot
    /// again changes nothing.
    #[allow(clippy::cast_precision_loss)] // hours are exact in f64
    pub fn approach(&self, state: &mut FilterState, hour: i64) {
        self.pass_to(state, hour as f64, hour as f64);
        let cell = |hour: i64| hour.div_euclid(CELL_HOURS);
        if state.stepped.is_some_and(|last| cell(last) != cell(hour)) {
            round(&mut state.alpha);
            round(state.without.parts_mut().1);
            state.without.drop_idle(&state.alpha);
            if let Some(proven) = &mut state.proven {
                round(&mut proven.belief);
                round(proven.without.parts_mut().1);
                proven.without.drop_idle(&proven.belief);
            }
            state.drop_proven();
        }
        state.hour = Some(hour);
    }

    /// Takes the evidence of the slot in that the belief stands at, as it is weighed.
    pub fn take_here(&self, state: &mut FilterState, step: &Step, weighed: &Weighed) {
        state.stepped = Some(step.hour);
        self.weigh(state, step.hour, weighed);
        state.without.keep_most(&state.alpha);
        if let Some(proven) = &mut state.proven {
            proven.without.keep_most(&proven.belief);
        }
        if step.clash != step.proven_clash {
            state.proven_mut();
        }
        state.clash = state.clash.raised(step.clash);
        if step.clash.is_some() {
            state.heard = Some(step.hour);
        }
        if let Some(proven) = &mut state.proven {
            proven.clash = proven.clash.raised(step.proven_clash);
            if step.proven_clash.is_some() {
                proven.heard = Some(step.hour);
            }
        }
        replace_standing(&mut state.standing, step);
    }

    fn weigh(&self, state: &mut FilterState, hour: i64, weighed: &Weighed) {
        if weighed.proven.is_some() {
            state.proven_mut();
        }
        if let Some(proven) = &mut state.proven {
            let said = weighed.proven();
            said.weigh(&mut proven.belief, &mut proven.without);
            if said.weighs {
                proven.heard = Some(hour);
            }
        }
        weighed.all.weigh(&mut state.alpha, &mut state.without);
        if weighed.all.weighs {
            state.heard = Some(hour);
        }
        for ladder in &mut state.ladders {
            ladder.stand(hour);
        }
        self.note_leader(state);
    }

    fn note_leader(&self, state: &mut FilterState) {
        let led = match &state.proven {
            None => leader(&state.alpha),
            Some(proven) => {
                let mut belief = state.alpha.clone();
                self.bound(&mut belief, &proven.belief);
                leader(&belief)
            }
        };
        let Some(side) = led.filter(|o| self.outcomes.is_side(*o)) else {
            return;
        };
        if state.led.last() != Some(&side) {
            state.led.push(side);
            if state.led.len() > 2 {
                state.led.remove(0);
            }
        }
    }

    /// What is said after an hour, or part of one, where a belief stands, with the
    /// silence up to `known_until`: for looking back upon.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // hours are exact in f64
    pub fn beats<'a>(
        &self,
        state: &FilterState,
        from: f64,
        later: &'a [Step],
        known_until: f64,
    ) -> Vec<Beat<'a>> {
        let mut standing = state.standing.clone();
        let stands = state.hour.map_or(from, |h| h as f64);
        let passed = (from - stands).max(0.0) / DAY_HOURS;
        let mut clash = state.clash.decayed(passed);
        let proven = state.proven.as_ref().map_or(state.clash, |p| p.clash);
        let mut proven_clash = proven.decayed(passed);
        let mut heard = state.heard;
        let mut proven_heard = state.proven.as_ref().map_or(heard, |p| p.heard);
        let mut at = from;
        let mut beats = Vec::new();
        let mut steps = later.iter().peekable();
        loop {
            let step_at = steps.peek().map(|step| step.hour as f64);
            let silent_until = step_at.unwrap_or(known_until).min(known_until);
            let grid = next_silence(&standing, at).filter(|grid| *grid as f64 <= silent_until);
            let (hour, evidence, raised, proven_raised) = if let Some(grid) = grid {
                let evidence = silence(&standing, grid);
                let unproven = unproven(&standing);
                standing.retain(|_, claim| claim.is_in_force(grid));
                let evidence = Evidence::Silence(evidence, unproven);
                (grid, evidence, Clash::NONE, Clash::NONE)
            } else if let Some(step) = steps.next() {
                replace_standing(&mut standing, step);
                let evidence = Evidence::Said(step);
                (step.hour, evidence, step.clash, step.proven_clash)
            } else {
                return beats;
            };
            let days = (hour as f64 - at).max(0.0) / 24.0;
            beats.push(Beat {
                hour,
                after: at,
                heard,
                proven_heard,
                clash,
                proven_clash,
                evidence,
            });
            let (anybody, proven_body) = beats.last().map_or((false, false), Beat::weighs);
            if anybody || raised.is_some() {
                heard = Some(hour);
            }
            if proven_body || proven_raised.is_some() {
                proven_heard = Some(hour);
            }
            clash = clash.decayed(days).raised(raised);
            proven_clash = proven_clash.decayed(days).raised(proven_raised);
            at = hour as f64;
        }
    }

    /// Carries what is said after a beat back over the beat and to an hour (or part of
    /// one) within the gap before it: `message` is a likelihood for each outcome, after
    /// the beat and then at that hour.
    pub fn look_back(&self, message: &mut [f64], beat: &Beat<'_>, to: f64, heard: Heard) {
        let (evidence, unproven) = beat.evidence();
        let mut total = match heard {
            Heard::Proven | Heard::ProvenWithout(_) => {
                proven_total(self.outcomes, evidence, unproven)
            }
            Heard::All | Heard::Without(_) => total(self.outcomes, evidence),
        };
        let left_out = match heard {
            Heard::Without(group) => Some(group),
            Heard::ProvenWithout(group) => Some(group).filter(|g| !unproven.contains(g)),
            Heard::All | Heard::Proven => None,
        };
        if let Some(group) = left_out
            && let Some(own) = evidence.get(&group)
        {
            leave_out(&mut total, own);
        }
        factors(&mut total);
        multiply(message, &total);
        let passed = (to - beat.after).max(0.0) / DAY_HOURS;
        let (clash, last) = match heard {
            Heard::Proven | Heard::ProvenWithout(_) => (beat.proven_clash, beat.proven_heard),
            Heard::All | Heard::Without(_) => (beat.clash, beat.heard),
        };
        #[allow(clippy::cast_precision_loss)] // hours are exact in f64
        let gap = self.gap(clash.decayed(passed), (to, beat.hour as f64), last);
        if let Some(gap) = gap {
            self.dynamics.backward(message, &gap);
        }
    }

    /// What all of the beats say of the time that they were gathered from: a
    /// likelihood for each outcome.
    #[must_use]
    pub fn hindsight(&self, beats: &[Beat<'_>], heard: Heard) -> Vec<f64> {
        let mut message = vec![1.0; self.outcomes.count()];
        for beat in beats.iter().rev() {
            self.look_back(&mut message, beat, beat.after, heard);
        }
        message
    }
}

/// Whom one listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Everybody.
    All,
    /// Everybody but a group.
    Without(GroupId),
    /// Everybody who is not unproven.
    Proven,
    /// Everybody who is not unproven, but a group.
    ProvenWithout(GroupId),
}

/// Something said, or kept silent about, as one looks back upon it.
#[derive(Debug)]
pub struct Beat<'a> {
    /// When, in hours from the epoch.
    pub hour: i64,
    /// Where the gap before it begins, in hours from the epoch.
    pub after: f64,
    /// When somebody was heard last before it.
    heard: Option<i64>,
    /// The same of those who are not unproven.
    proven_heard: Option<i64>,
    /// How hard it is fought for there.
    clash: Clash,
    /// The same by what is said by those who are not unproven.
    proven_clash: Clash,
    evidence: Evidence<'a>,
}

impl Beat<'_> {
    /// What was said, and which groups are unproven.
    fn evidence(&self) -> (&BTreeMap<GroupId, Vec<f64>>, &BTreeSet<GroupId>) {
        match &self.evidence {
            Evidence::Silence(evidence, unproven) => (evidence, unproven),
            Evidence::Said(step) => (&step.evidence, &step.unproven),
        }
    }

    fn weighs(&self) -> (bool, bool) {
        let (evidence, unproven) = self.evidence();
        weighs(evidence, unproven)
    }
}

#[derive(Debug)]
enum Evidence<'a> {
    Said(&'a Step),
    Silence(BTreeMap<GroupId, Vec<f64>>, BTreeSet<GroupId>),
}

/// The next grid hour after an hour (or part of one) at which a silence says something.
#[allow(clippy::cast_possible_truncation)] // hours within 10,000 years
fn next_silence(standing: &BTreeMap<GroupId, StandingClaim>, hour: f64) -> Option<i64> {
    let after = libm::floor(hour) as i64;
    // A claim of the future is not yet silent.
    let from = standing
        .values()
        .map(|claim| claim.since.max(after))
        .min()?;
    let grid = next_grid_hour(from);
    let speaks = standing.values().any(|claim| claim.is_in_force(grid));
    speaks.then_some(grid)
}

fn silence(standing: &BTreeMap<GroupId, StandingClaim>, grid: i64) -> BTreeMap<GroupId, Vec<f64>> {
    standing
        .iter()
        .map(|(group, claim)| (*group, claim.force(grid), claim))
        .filter(|(_, force, _)| *force > 0.0)
        .map(|(group, force, claim)| (group, claim.doubts.iter().map(|d| d * force).collect()))
        .collect()
}

fn unproven(standing: &BTreeMap<GroupId, StandingClaim>) -> BTreeSet<GroupId> {
    let unproven = standing.iter().filter(|(_, claim)| claim.unproven);
    unproven.map(|(group, _)| *group).collect()
}

fn replace_standing(standing: &mut BTreeMap<GroupId, StandingClaim>, step: &Step) {
    for (group, claim) in &step.standing {
        match claim {
            Some(claim) => standing.insert(*group, claim.clone()),
            None => standing.remove(group),
        };
    }
}

fn round(belief: &mut [f64]) {
    // `round` is exact on every target.
    belief
        .iter_mut()
        .for_each(|p| *p = (*p * GRAIN).round().max(1.0) / GRAIN);
}

#[cfg(test)]
mod tests;
