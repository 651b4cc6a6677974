//! What happens on the ground.

use crate::dice::{Dice, Purpose};
use crate::scenario::Scenario;

/// How many actors fight.
pub(crate) const ACTORS: usize = 3;
/// The label of a contested place; labels below it are actors.
pub(crate) const CONTESTED: usize = ACTORS;

const START: [f64; ACTORS] = [0.5, 0.35, 0.15];
const FIRST_ASSAULT: f64 = 60.0;
const PAUSE: f64 = 90.0;
const ASSAULT_LEAST: f64 = 5.0;
const ASSAULT_MORE: f64 = 20.0;
const LEAVES_ATTACKED: f64 = 1.0 / 20.0;
const LEAVES_QUIET: f64 = 1.0 / 500.0;
const FALLS_OUTRIGHT: f64 = 0.2;
const SETTLES: f64 = 1.0 / 6.0;
/// Who holds after a contest: the attacker, the holder before, anybody.
const AFTER: [f64; 3] = [0.55, 0.40, 0.05];
/// The share of fast assaults that succeed.
const FAST_SUCCEEDS: f64 = 0.75;

/// A piecewise constant course: from each time on, its value; the first from 0.
pub(crate) type Course = Vec<(f64, usize)>;

/// The value of a course at a time.
pub(crate) fn value_at(course: &Course, time: f64) -> usize {
    let past = course.partition_point(|(from, _)| *from <= time);
    course[past.saturating_sub(1)].1
}

/// A city taken, or not, within hours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Battle {
    pub city: usize,
    /// When the attackers come near.
    pub approach: f64,
    /// When they enter.
    pub entry: f64,
    /// When the last quarter is settled.
    pub end: f64,
    pub attacker: usize,
    /// Who held most of the city before.
    pub defender: usize,
    pub succeeds: bool,
}

/// The whole of it. Places are numbered: the quarters of city 0, of city 1 and so
/// on, then the cities.
pub(crate) struct War {
    pub quarters: usize,
    pub cities: usize,
    pub courses: Vec<Course>,
    pub battles: Vec<Battle>,
}

impl War {
    pub(crate) fn of(scenario: &Scenario, seed: u64) -> Self {
        let mut courses = Vec::new();
        let mut battles = Vec::new();
        for city in 0..scenario.cities {
            let mut front = Front::new(scenario, seed, city);
            front.run(&mut battles);
            courses.extend(front.courses);
        }
        let mut war = Self {
            quarters: scenario.quarters,
            cities: scenario.cities,
            courses,
            battles,
        };
        let cities: Vec<Course> = (0..war.cities).map(|city| war.of_city(city)).collect();
        war.courses.extend(cities);
        war
    }

    /// How many places there are.
    pub(crate) fn places(&self) -> usize {
        self.courses.len()
    }

    /// The number of quarters in all.
    pub(crate) fn all_quarters(&self) -> usize {
        self.quarters * self.cities
    }

    /// The city that a place is or lies in.
    pub(crate) fn city_of(&self, place: usize) -> usize {
        if place < self.all_quarters() {
            place / self.quarters
        } else {
            place - self.all_quarters()
        }
    }

    /// A place and, for a city, its quarters.
    pub(crate) fn quarters_of(&self, place: usize) -> std::ops::Range<usize> {
        if place < self.all_quarters() {
            place..place + 1
        } else {
            let first = self.city_of(place) * self.quarters;
            first..first + self.quarters
        }
    }

    /// The battle for a place's city that is on at a time, until half a day after.
    pub(crate) fn battle(&self, place: usize, time: f64) -> Option<&Battle> {
        let city = self.city_of(place);
        let on = |b: &&Battle| b.city == city && b.approach <= time && time < b.end + 0.5;
        self.battles.iter().find(on)
    }

    /// A city belongs to whoever holds four fifths of it.
    fn of_city(&self, city: usize) -> Course {
        let quarters = &self.courses[city * self.quarters..(city + 1) * self.quarters];
        let mut times: Vec<f64> = quarters.iter().flatten().map(|(from, _)| *from).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let mut course = Course::new();
        for time in times {
            let mut held = [0; ACTORS + 1];
            for quarter in quarters {
                held[value_at(quarter, time)] += 1;
            }
            let holder = (0..ACTORS).find(|a| 5 * held[*a] >= 4 * self.quarters);
            push(&mut course, time, holder.unwrap_or(CONTESTED));
        }
        course
    }
}

fn push(course: &mut Course, time: f64, value: usize) {
    if course.last().is_none_or(|(_, last)| *last != value) {
        course.push((time, value));
    }
}

/// A quarter as it stands: for a contested one also who fights for it.
#[derive(Clone, Copy)]
struct Ground {
    value: usize,
    former: usize,
    opponent: usize,
}

struct Front<'a> {
    scenario: &'a Scenario,
    city: usize,
    dice: Dice,
    ground: Vec<Ground>,
    courses: Vec<Course>,
}

impl<'a> Front<'a> {
    fn new(scenario: &'a Scenario, seed: u64, city: usize) -> Self {
        let mut dice = Dice::new(seed, Purpose::War, city, 0);
        let value = dice.pick(&START);
        let ground = Ground {
            value,
            former: value,
            opponent: value,
        };
        Self {
            scenario,
            city,
            dice,
            ground: vec![ground; scenario.quarters],
            courses: vec![vec![(0.0, value)]; scenario.quarters],
        }
    }

    fn run(&mut self, battles: &mut Vec<Battle>) {
        let end = self.scenario.days;
        let mut now = 0.0;
        let mut next = self.dice.waits(FIRST_ASSAULT);
        while now < end {
            self.walk_all(now, next.min(end), None);
            if next >= end {
                return;
            }
            let defender = self.strongest();
            let attacker = self.dice.other(ACTORS, defender);
            now = if self.dice.chance(self.scenario.fast_assaults) {
                let battle = self.battle(next, attacker, defender);
                battles.push(battle);
                battle.end
            } else {
                let over = next + ASSAULT_LEAST + self.dice.waits(ASSAULT_MORE);
                self.walk_all(next, over.min(end), Some(attacker));
                over
            };
            next = now + self.dice.waits(PAUSE);
        }
    }

    /// Who holds most quarters; of equals the first.
    fn strongest(&self) -> usize {
        let held = |actor: usize| self.ground.iter().filter(|g| g.value == actor).count();
        (0..ACTORS).rev().max_by_key(|a| held(*a)).unwrap_or(0)
    }

    fn battle(&mut self, approach: f64, attacker: usize, defender: usize) -> Battle {
        let entry = approach + self.dice.between(0.25, 0.75);
        self.walk_all(approach, entry, None);
        let succeeds = self.dice.chance(FAST_SUCCEEDS);
        let mut end = entry;
        let mut settled = Vec::new();
        for quarter in 0..self.ground.len() {
            let ground = self.ground[quarter];
            if ground.value == attacker {
                settled.push(entry);
                continue;
            }
            let enters = entry + self.dice.between(0.0, 0.15);
            let falls = enters + self.dice.between(0.1, 0.6);
            let former = if ground.value == CONTESTED {
                defender
            } else {
                ground.value
            };
            self.set(quarter, enters, CONTESTED);
            self.set(quarter, falls, if succeeds { attacker } else { former });
            settled.push(falls);
            end = end.max(falls);
        }
        for (quarter, from) in settled.into_iter().enumerate() {
            self.walk(quarter, from, end, None);
        }
        Battle {
            city: self.city,
            approach,
            entry,
            end,
            attacker,
            defender,
            succeeds,
        }
    }

    fn walk_all(&mut self, from: f64, to: f64, attacker: Option<usize>) {
        for quarter in 0..self.ground.len() {
            self.walk(quarter, from, to, attacker);
        }
    }

    fn walk(&mut self, quarter: usize, from: f64, to: f64, attacker: Option<usize>) {
        let mut now = from;
        loop {
            let ground = self.ground[quarter];
            let foe = attacker.filter(|a| *a != ground.value);
            let rate = match (ground.value, foe) {
                (CONTESTED, _) => SETTLES,
                (_, Some(_)) => LEAVES_ATTACKED,
                (_, None) => LEAVES_QUIET,
            };
            now += self.dice.waits(1.0 / rate);
            if now >= to {
                return;
            }
            let next = if ground.value == CONTESTED {
                match self.dice.pick(&AFTER) {
                    0 => ground.opponent,
                    1 => ground.former,
                    _ => self.dice.below(ACTORS),
                }
            } else {
                let foe = foe.unwrap_or_else(|| self.dice.other(ACTORS, ground.value));
                self.ground[quarter].former = ground.value;
                self.ground[quarter].opponent = foe;
                if self.dice.chance(FALLS_OUTRIGHT) {
                    foe
                } else {
                    CONTESTED
                }
            };
            self.set(quarter, now, next);
        }
    }

    fn set(&mut self, quarter: usize, time: f64, value: usize) {
        self.ground[quarter].value = value;
        if time < self.scenario.days {
            push(&mut self.courses[quarter], time, value);
        }
    }
}

/// How busy a place's reporters are: spans of days with a factor, without gaps.
pub(crate) fn business(war: &War, place: usize, days: f64) -> Vec<(f64, f64, f64)> {
    // The rates of the classes are those of quiet times; a fifth of busy ones.
    const QUIET: f64 = 1.0;
    const BUSY: f64 = 5.0;
    const BATTLE: f64 = 20.0;
    const BEFORE: f64 = 1.0;
    const AFTERWARDS: f64 = 4.0;
    let mut busy = Vec::new();
    for quarter in war.quarters_of(place) {
        let course = &war.courses[quarter];
        for (i, (from, value)) in course.iter().enumerate() {
            let until = course.get(i + 1).map_or(days, |(next, _)| *next);
            if i > 0 {
                busy.push((from - BEFORE, from + AFTERWARDS, BUSY));
            }
            if *value == CONTESTED {
                busy.push((*from, until, BUSY));
            }
        }
    }
    let city = war.city_of(place);
    for battle in war.battles.iter().filter(|b| b.city == city) {
        busy.push((battle.approach, battle.end + 0.5, BATTLE));
    }
    let mut bounds = vec![0.0, days];
    for (from, to, _) in &busy {
        bounds.extend([from.clamp(0.0, days), to.clamp(0.0, days)]);
    }
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    let spans = bounds.windows(2).map(|span| {
        let middle = f64::midpoint(span[0], span[1]);
        let on = busy.iter().filter(|(f, t, _)| *f <= middle && middle < *t);
        let factor = on.map(|(.., factor)| *factor).fold(QUIET, f64::max);
        (span[0], span[1], factor)
    });
    spans.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contest_lasts_six_days_on_average() {
        let mut lengths = Vec::new();
        for seed in 0..40 {
            let war = War::of(&Scenario::base(), seed);
            for course in &war.courses[..war.all_quarters()] {
                let pairs = course.windows(2).filter(|w| w[0].1 == CONTESTED);
                lengths.extend(pairs.map(|w| w[1].0 - w[0].0));
            }
        }
        #[allow(clippy::cast_precision_loss)]
        let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
        assert!(lengths.len() > 1_000 && (mean - 6.0).abs() < 0.5, "{mean}");
    }

    #[test]
    fn a_fast_battle_is_over_within_a_day() {
        let mut seen = 0;
        for seed in 0..20 {
            for battle in War::of(&Scenario::hour_battles(), seed).battles {
                let hours = (battle.end - battle.entry) * 24.0;
                assert!(hours <= 18.1 && battle.attacker != battle.defender);
                seen += 1;
            }
        }
        assert!(seen > 100);
    }

    #[test]
    fn a_city_is_held_by_who_holds_four_of_five() {
        let war = War::of(&Scenario::base(), 3);
        for day in (0..365).map(f64::from) {
            for place in war.all_quarters()..war.places() {
                let holders = war.quarters_of(place);
                let of = |label| {
                    let held = holders
                        .clone()
                        .filter(|q| value_at(&war.courses[*q], day) == label);
                    held.count()
                };
                let value = value_at(&war.courses[place], day);
                assert_eq!(value < CONTESTED, (0..ACTORS).any(|a| of(a) >= 4));
                assert!(value == CONTESTED || of(value) >= 4);
            }
        }
    }
}
