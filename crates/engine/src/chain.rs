//! The evidence of a place in the order of slots, and what stands after it.
//!
//! One more claim costs the steps since its slot, never the whole history: what
//! stood before the last step and at the first step of each cell of 64 hours is
//! kept. Going on from a checkpoint equals going on from the start, bit for bit; a
//! fold from a changed slot on stops at the first checkpoint that it leaves as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use ascertain_domain::id::ActorId;
use ascertain_domain::time::{Slot, Timestamp};
use ascertain_fusion::dispute::Favours;
use ascertain_fusion::filter::{CELL_HOURS, Filter, FilterState, GroupId, Step, Weighed};
use ascertain_fusion::outcomes::Outcomes;
use ascertain_fusion::pace::Pace;

/// More checkpoints than these are thinned, the older ones first.
const MOST_CHECKPOINTS: usize = 128;
/// Of the newest slots what stood is kept at one of so many.
const STOP_SLOTS: usize = 8;
/// At so many of them.
const MOST_STOPS: usize = 8;

/// What was said of a siege longer ago than so many hours no longer counts: of its weight,
/// e^(−days / 4), less than a thousandth is left.
const SIEGE_HOURS: i64 = 28 * 24;

/// What a claim adds in its slot, beside the step of the filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    pub group: GroupId,
    pub entered: Timestamp,
    /// Weight and ln-likelihoods of a claim about holders.
    pub favours: Option<(f64, Vec<f64>)>,
    /// Sides that are said to besiege, with the weight of the word.
    pub sieges: Vec<(usize, f64)>,
    pub members: Vec<ActorId>,
}

/// The newest word of each group on each side's siege: its slot and weight. At the first
/// slot of a cell what no longer counts is dropped.
pub(crate) type Sieges = BTreeMap<(GroupId, usize), (Slot, f64)>;

/// Everything that moves from slot to slot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Running {
    pub filter: Arc<FilterState>,
    /// In the order of groups: it is copied far more often than it grows.
    pub favours: Vec<(GroupId, Favours)>,
    pub sieges: Sieges,
    pub members: BTreeSet<ActorId>,
    pub newest_event: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
struct Slotted {
    step: Step,
    marks: Vec<Mark>,
    /// The step as it is weighed, once it was.
    weighed: OnceLock<Weighed>,
}

/// The evidence of a place, slot by slot, and what stands after it.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    outcomes: Outcomes,
    filter: Filter,
    slots: BTreeMap<i64, Slotted>,
    running: Arc<Running>,
    /// What stood after the last step but one.
    before_last: Option<Arc<Running>>,
    /// What stood before the first step of a cell, by that step's hour.
    checkpoints: BTreeMap<i64, Arc<Running>>,
    /// What stood before some of the newest slots, by their hours: only to go on from, so
    /// that it does not matter which.
    stops: BTreeMap<i64, Arc<Running>>,
    /// How many slots were passed since the newest of them.
    since_stop: usize,
    /// The slots that changed since the chain was brought up to date: first and last.
    changed: Option<(i64, i64)>,
}

impl Chain {
    pub(crate) fn new(outcomes: Outcomes, pace: Arc<Pace>) -> Self {
        Self {
            outcomes,
            filter: Filter::new(outcomes, pace),
            slots: BTreeMap::new(),
            running: Arc::new(Running::new(outcomes)),
            before_last: None,
            checkpoints: BTreeMap::new(),
            stops: BTreeMap::new(),
            since_stop: 0,
            changed: None,
        }
    }

    pub(crate) fn outcomes(&self) -> Outcomes {
        self.outcomes
    }

    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Adds to a slot: to its step, and what else the claim leaves there.
    pub(crate) fn add(&mut self, slot: Slot, add_to: impl FnOnce(&mut Step), mark: Mark) {
        let hour = slot.0;
        let slotted = self.slots.entry(hour).or_default();
        slotted.step.hour = hour;
        add_to(&mut slotted.step);
        slotted.weighed = OnceLock::new();
        slotted.marks.push(mark);
        self.changed = Some(match self.changed {
            None => (hour, hour),
            Some((first, last)) => (first.min(hour), last.max(hour)),
        });
    }

    /// What stands after the evidence of all slots.
    pub(crate) fn running(&mut self) -> &Arc<Running> {
        if let Some((first, last)) = self.changed.take() {
            self.go_on(first, last);
        }
        &self.running
    }

    /// What stood after the evidence of all slots up to one.
    pub(crate) fn at(&mut self, up_to: Slot) -> Arc<Running> {
        let newest = self.slots.keys().next_back().copied();
        if newest.is_none_or(|newest| newest <= up_to.0) {
            return Arc::clone(self.running());
        }
        self.running();
        let mut state = self.start(up_to.0);
        let from = state.filter.stepped.map_or(i64::MIN, |hour| hour + 1);
        // Nothing is said between a checkpoint's last step and its own slot.
        if from <= up_to.0 {
            for (hour, slotted) in self.slots.range(from..=up_to.0) {
                let state = Arc::make_mut(&mut state);
                state.approach(&self.filter, *hour);
                state.take(&self.filter, self.outcomes, slotted);
            }
        }
        state
    }

    /// The steps after a slot.
    pub(crate) fn later(&self, than: Slot) -> Vec<Step> {
        let later = self.slots.range(than.0.saturating_add(1)..);
        later.map(|(_, slotted)| slotted.step.clone()).collect()
    }

    /// What stood before the slots from an hour on, or before some of those before it.
    fn start(&self, hour: i64) -> Arc<Running> {
        let checkpoint = self.checkpoints.range(..=hour).next_back();
        let stop = self.stops.range(..=hour).next_back();
        // Of the two the later one.
        let nearest = checkpoint
            .into_iter()
            .chain(stop)
            .max_by_key(|(at, _)| **at);
        match nearest {
            Some((_, stood)) => Arc::clone(stood),
            None => Arc::new(Running::new(self.outcomes)),
        }
    }

    /// Folds again from a changed slot on, and stops where nothing differs any more,
    /// which is not before the last changed slot.
    fn go_on(&mut self, first: i64, last: i64) {
        let stepped = self.running.filter.stepped;
        let mut state = if stepped.is_none_or(|hour| hour < first) {
            Arc::clone(&self.running)
        } else if let (true, Some(before)) = (stepped == Some(first), &self.before_last) {
            Arc::clone(before)
        } else {
            self.start(first)
        };
        // The state stands before this slot.
        let from = match state.filter.stepped {
            None => i64::MIN,
            Some(hour) => hour + 1,
        };
        // Most often there are none: what is newest comes after all of them.
        let mut old = match self.checkpoints.last_key_value() {
            Some((last, _)) if *last >= first => self.checkpoints.split_off(&first),
            _ => BTreeMap::new(),
        };
        // What stood before the first changed slot still does.
        self.stops.retain(|hour, _| *hour <= first);
        let mut cell = state.filter.stepped.map(|hour| hour.div_euclid(CELL_HOURS));
        let newest = self.slots.keys().next_back().copied();
        let mut before_last = None;
        for (hour, slotted) in self.slots.range(from..) {
            if Some(*hour) == newest {
                before_last = Some(Arc::clone(&state));
            }
            self.since_stop += 1;
            if self.since_stop >= STOP_SLOTS {
                self.stops.insert(*hour, Arc::clone(&state));
                self.since_stop = 0;
                if self.stops.len() > MOST_STOPS {
                    self.stops.pop_first();
                }
            }
            let now = Arc::make_mut(&mut state);
            now.approach(&self.filter, *hour);
            let own_cell = hour.div_euclid(CELL_HOURS);
            if cell != Some(own_cell) {
                if let Some(was) = old.get(hour)
                    && *hour > last
                    && now.moves_as(was)
                {
                    // From here on all is as it was, but for who was named.
                    let named: Vec<ActorId> =
                        now.members.difference(&was.members).cloned().collect();
                    self.checkpoints.append(&mut old.split_off(hour));
                    // Those that stood nearest to the end are of use, not those on the way.
                    self.stops.clear();
                    self.name_from(*hour, &named);
                    return;
                }
                self.checkpoints.insert(*hour, Arc::new(now.clone()));
                cell = Some(own_cell);
                // It serves as well.
                self.since_stop = 0;
            }
            now.take(&self.filter, self.outcomes, slotted);
        }
        self.before_last = before_last;
        self.running = state;
        self.thin();
    }

    /// Adds members to all that stood from an hour on.
    fn name_from(&mut self, hour: i64, members: &[ActorId]) {
        if members.is_empty() {
            return;
        }
        let later = self.checkpoints.range_mut(hour..).map(|(_, state)| state);
        let last = self.before_last.as_mut().into_iter();
        for state in later.chain(last).chain([&mut self.running]) {
            let named = &mut Arc::make_mut(state).members;
            named.extend(members.iter().cloned());
        }
    }

    fn thin(&mut self) {
        if self.checkpoints.len() > MOST_CHECKPOINTS {
            let older = self.checkpoints.keys().take(MOST_CHECKPOINTS / 2);
            let dropped: Vec<i64> = older.skip(1).step_by(2).copied().collect();
            for hour in dropped {
                self.checkpoints.remove(&hour);
            }
        }
    }
}

impl Running {
    fn new(outcomes: Outcomes) -> Self {
        Self {
            filter: Arc::new(FilterState::new(outcomes)),
            favours: Vec::new(),
            sieges: BTreeMap::new(),
            members: BTreeSet::new(),
            newest_event: None,
        }
    }

    /// Whether everything goes on from here as from another: who was named is only added
    /// to, and moves nothing.
    fn moves_as(&self, other: &Self) -> bool {
        let Self {
            filter,
            favours,
            sieges,
            members: _,
            newest_event,
        } = self;
        // The belief is what differs soonest.
        *newest_event == other.newest_event
            && *filter == other.filter
            && *sieges == other.sieges
            && *favours == other.favours
    }

    fn take(&mut self, filter: &Filter, outcomes: Outcomes, slotted: &Slotted) {
        let weighed = slotted
            .weighed
            .get_or_init(|| filter.weighed(&slotted.step));
        filter.take_here(Arc::make_mut(&mut self.filter), &slotted.step, weighed);
        let hour = slotted.step.hour;
        for mark in &slotted.marks {
            if let Some((weight, log_likelihoods)) = &mark.favours {
                let found = self
                    .favours
                    .binary_search_by_key(&mark.group, |(id, _)| *id);
                let i = found.unwrap_or_else(|i| {
                    let none = Favours::none(outcomes.count());
                    self.favours.insert(i, (mark.group, none));
                    i
                });
                let favours = &mut self.favours[i].1;
                favours.add(hour, *weight, log_likelihoods, outcomes.sides() + 1);
                self.newest_event = self.newest_event.max(Some(mark.entered));
                self.members.extend(mark.members.iter().cloned());
            }
            for (side, weight) in &mark.sieges {
                let word = (Slot(hour), *weight);
                self.sieges.insert((mark.group, *side), word);
            }
        }
    }

    /// Passes the time to a slot. At the first of a cell what groups said and nobody
    /// remembers is dropped.
    fn approach(&mut self, filter: &Filter, hour: i64) {
        let last = self.filter.stepped;
        filter.approach(Arc::make_mut(&mut self.filter), hour);
        if last.is_some_and(|last| last.div_euclid(CELL_HOURS) != hour.div_euclid(CELL_HOURS)) {
            #[allow(clippy::cast_precision_loss)] // hours are exact in f64
            self.favours
                .retain(|(_, favours)| favours.is_in_force(hour as f64));
            self.sieges
                .retain(|_, (said, _)| hour - said.0 <= SIEGE_HOURS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAYS: i64 = 400;

    fn mark(group: u64, hour: i64) -> Mark {
        Mark {
            group,
            entered: Slot(hour).start(),
            favours: Some((1.0, vec![0.0, -2.0, -2.0, -2.0, -2.0, -2.0])),
            sieges: Vec::new(),
            members: Vec::new(),
        }
    }

    /// A word of a group in an hour, and what else it says.
    fn say(chain: &mut Chain, (group, hour): (u64, i64), also: impl FnOnce(&mut Mark)) {
        let mut mark = mark(group, hour);
        also(&mut mark);
        let add_to = |step: &mut Step| {
            let evidence = vec![0.0, -1.0, -1.0, -1.0, -1.0, -1.0];
            step.evidence.insert(group, evidence);
        };
        chain.add(Slot(hour), add_to, mark);
    }

    fn daily() -> Chain {
        let mut chain = Chain::new(Outcomes::new(2), Arc::new(Pace::new(Vec::new())));
        for day in 0..DAYS {
            say(&mut chain, (1, day * 24), |_| {});
        }
        chain
    }

    /// Whether what a late word adds is folded in without folding all that came after it
    /// again, and leaves what folding all at once does.
    fn stops_early(late: (u64, i64), also: impl Fn(&mut Mark)) {
        let (mut chain, mut at_once) = (daily(), daily());
        let before = Arc::clone(&chain.running().filter);
        // The same evidence again: only what it says beside that is new.
        say(&mut chain, late, &also);
        say(&mut at_once, late, &also);
        assert!(Arc::ptr_eq(&chain.running().filter, &before));
        assert_eq!(chain.running(), at_once.running());
        for day in [late.1 / 24, late.1 / 24 + 40, DAYS / 2, DAYS - 1, DAYS] {
            assert_eq!(
                chain.at(Slot(day * 24)),
                at_once.at(Slot(day * 24)),
                "{day}"
            );
        }
        for chain in [&mut chain, &mut at_once] {
            // Once more in the newest slot, which starts from before the last step.
            say(chain, (1, (DAYS - 1) * 24), |_| {});
        }
        assert_eq!(chain.running(), at_once.running());
    }

    #[test]
    fn what_comes_late_goes_on_from_near_its_slot() {
        let mut chain = daily();
        chain.running();
        // Hour after hour, so that a cell holds many slots.
        let hours = DAYS * 24..DAYS * 24 + 120;
        for hour in hours.clone() {
            say(&mut chain, (2, hour), |_| {});
            chain.running();
        }
        assert!(chain.stops.len() <= MOST_STOPS);
        for late in [1, 7, 20, 50] {
            let hour = hours.end - 1 - late;
            let stood = chain.start(hour).filter.stepped;
            assert!(
                stood.is_some_and(|at| hour - at <= STOP_SLOTS as i64 + 1),
                "{late}"
            );
        }
        let mut at_once = daily();
        for hour in hours.clone() {
            say(&mut at_once, (2, hour), |_| {});
        }
        for late in [50, 3, 20, 119] {
            for chain in [&mut chain, &mut at_once] {
                say(chain, (3, hours.end - 1 - late), |_| {});
            }
            let one = Arc::clone(chain.running());
            let mut anew = at_once.clone();
            assert_eq!(&one, anew.running());
            for back in [0, 2, 30, 60, 100] {
                let slot = Slot(hours.end - back);
                assert_eq!(chain.at(slot), anew.at(slot), "{late} {back}");
            }
        }
    }

    #[test]
    fn a_late_word_of_a_siege_costs_the_weeks_in_which_it_counts() {
        stops_early((1, 24), |mark| mark.sieges.push((0, 1.0)));
    }

    #[test]
    fn who_is_named_late_is_named_without_folding_all_again() {
        stops_early((1, 24), |mark| {
            mark.members.push(ActorId::new("brigade").unwrap());
        });
    }
}
