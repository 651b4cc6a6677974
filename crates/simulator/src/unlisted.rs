//! Spells in which nobody holds a quarter, or a party that no area lists as a side.
//!
//! They lie over a war that goes on without them: who would have told rightly who
//! holds the quarter tells rightly of the spell, and who errs or lies does as before.

use crate::dice::{Dice, Purpose};
use crate::scenario::Scenario;
use crate::speech::{Say, Utterance};
use crate::war::{ACTORS, CONTESTED, Course, War, value_at};

/// The label of a quarter that nobody holds.
pub(crate) const VACATED: usize = CONTESTED + 1;
/// The label of a quarter that the unlisted party holds.
pub(crate) const OTHER: usize = CONTESTED + 2;
/// The number of the unlisted party, as a speaker names it: after the actors.
pub(crate) const STRANGER: usize = ACTORS;
/// Only within so many days of one holder there is a spell.
const LEAST_DAYS: f64 = 30.0;
/// The share of the holder's days before it, and that of its own.
const BEFORE: (f64, f64) = (0.1, 0.4);
const LASTS: (f64, f64) = (0.3, 0.5);
/// How an empty quarter is told: who held it left; an actor is not in it; an actor
/// does not control it.
const EMPTY_FORMS: [f64; 3] = [0.35, 0.35, 0.3];
/// How often of a quarter of the unlisted party it is told only who does not hold it.
const TELLS_WHO_NOT: f64 = 0.2;

/// From when to when, and what is so.
#[derive(Debug, Clone, Copy)]
struct Spell {
    from: f64,
    to: f64,
    value: usize,
}

/// The spells of a war, quarter by quarter.
pub(crate) struct Spells(Vec<Vec<Spell>>);

impl Spells {
    pub(crate) fn of(scenario: &Scenario, seed: u64, war: &War) -> Self {
        let of = |quarter: usize| {
            let mut dice = Dice::new(seed, Purpose::Unlisted, quarter, 0);
            let course = &war.courses[quarter];
            let mut spells = Vec::new();
            for (i, (from, holder)) in course.iter().enumerate() {
                let next = course.get(i + 1);
                let days = next.map_or(scenario.days, |(next, _)| *next) - from;
                let long = *holder != CONTESTED && days >= LEAST_DAYS;
                if !dice.chance(scenario.unlisted) || !long {
                    continue;
                }
                let begins = from + days * dice.between(BEFORE.0, BEFORE.1);
                spells.push(Spell {
                    from: begins,
                    to: begins + days * dice.between(LASTS.0, LASTS.1),
                    value: if dice.chance(0.5) { VACATED } else { OTHER },
                });
            }
            spells
        };
        Self((0..war.all_quarters()).map(of).collect())
    }

    /// What was so of a place, with the spells.
    pub(crate) fn course(&self, place: usize, course: &Course) -> Course {
        let mut with = course.clone();
        for spell in self.0.get(place).into_iter().flatten() {
            with.push((spell.from, spell.value));
            with.push((spell.to, value_at(course, spell.to)));
        }
        with.sort_by(|a, b| a.0.total_cmp(&b.0));
        with
    }

    /// Makes true of the spells what would have been true without them. The same is
    /// said by all who speak of the same moment: copies remain copies.
    pub(crate) fn retell(&self, seed: u64, war: &War, said: &mut [Utterance]) {
        for told in said {
            let spells = self.0.get(told.place).into_iter().flatten();
            let Some(spell) = spells
                .into_iter()
                .find(|s| s.from <= told.at && told.at < s.to)
            else {
                continue;
            };
            let holder = value_at(&war.courses[told.place], told.at);
            let is_right = match told.say {
                Say::Controls(actor) | Say::Present(actor) => actor == holder,
                Say::DeniesControl(actor) | Say::DeniesPresence(actor) | Say::Lost(actor) => {
                    actor != holder
                }
                Say::Fighting | Say::AtEdge(_) | Say::Advancing(_) | Say::Besieges(_) => false,
            };
            if is_right {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // microdays
                let moment = (told.at * 1e6) as usize;
                let mut dice = Dice::new(seed, Purpose::Unlisted, told.place, 1 + moment);
                told.say = form(spell.value, holder, &mut dice);
            }
        }
    }
}

fn form(value: usize, holder: usize, dice: &mut Dice) -> Say {
    if value == OTHER && !dice.chance(TELLS_WHO_NOT) {
        return Say::Controls(STRANGER);
    }
    match dice.pick(&EMPTY_FORMS) {
        0 => Say::Lost(holder),
        1 => Say::DeniesPresence(dice.below(ACTORS)),
        _ => Say::DeniesControl(dice.below(ACTORS)),
    }
}
