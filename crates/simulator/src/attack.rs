//! Those who claim changes only, and those who flood.

use crate::dice::{Dice, Purpose};
use crate::scenario::{Flood, NewIdentities, Scenario, Tracker};
use crate::speech::{Say, Utterance};
use crate::war::{ACTORS, CONTESTED, War, value_at};

/// How likely a tracker shows a contest at all, and sees rightly who holds a place.
const SHOWS_CONTEST: f64 = 0.8;
const SEES_RIGHTLY: f64 = 0.97;
/// Mean days until a false change is taken back.
const TAKEN_BACK: f64 = 3.0;
const OUTAGE_DAYS: f64 = 3.0;
/// The share of places that an outage gives to another.
const OUTAGE_PLACES: f64 = 0.8;
const TRACKER_DELAY: f64 = 0.05;
/// The share of a flood that lies; the rest tells the truth.
const FLOOD_LIES: f64 = 0.9;

/// What a tracker says of all quarters: each value once, until it changes.
pub(crate) fn tracked(
    scenario: &Scenario,
    seed: u64,
    war: &War,
    (tracker, source): (Tracker, usize),
) -> Vec<Utterance> {
    let mut said = Vec::new();
    for place in 0..war.all_quarters() {
        let mut dice = Dice::new(seed, Purpose::Speaks, source, place);
        let mut shown = None;
        for (at, value) in displayed(scenario, war, tracker, place, &mut dice) {
            if shown == Some(value) || at >= scenario.days {
                continue;
            }
            shown = Some(value);
            let say = if value == CONTESTED {
                Say::Fighting
            } else {
                Say::Controls(value)
            };
            let delay = dice.waits(TRACKER_DELAY);
            let told = Utterance::new(source, place, say, at, &mut dice);
            said.push(told.published_after(delay, &mut dice));
        }
    }
    said
}

/// What a map shows of a place over time; values may repeat.
fn displayed(
    scenario: &Scenario,
    war: &War,
    tracker: Tracker,
    place: usize,
    dice: &mut Dice,
) -> Vec<(f64, usize)> {
    let course = &war.courses[place];
    let mut map: Vec<(f64, usize)> = Vec::new();
    for (from, so) in course {
        let at = from
            + if *from == 0.0 {
                dice.share()
            } else {
                dice.waits(tracker.lag)
            };
        let before = map.last().map_or(*so, |(_, value)| *value);
        let value = match *so {
            CONTESTED if dice.chance(SHOWS_CONTEST) => CONTESTED,
            CONTESTED => before,
            so if dice.chance(SEES_RIGHTLY) => so,
            so => dice.other(ACTORS, so),
        };
        map.retain(|(earlier, _)| *earlier < at);
        map.push((at, value));
    }
    let mut overlays: Vec<(f64, f64, usize)> = Vec::new();
    if tracker.false_changes > 0.0 {
        let mut from = dice.waits(1.0 / tracker.false_changes);
        while from < scenario.days {
            let to = from + dice.waits(TAKEN_BACK);
            overlays.push((from, to, dice.other(ACTORS, value_at(&map, from))));
            from = to + dice.waits(1.0 / tracker.false_changes);
        }
    }
    if let Some(day) = tracker.outage {
        // All of one map fail within the hour.
        let from = day + dice.between(0.0, 0.04);
        let to = from + OUTAGE_DAYS;
        let other = dice.other(ACTORS, value_at(&map, from));
        if dice.chance(OUTAGE_PLACES) {
            overlays.push((from, to, other));
        }
    }
    let begins = map.first().map_or(0.0, |(at, _)| *at);
    let mut times: Vec<f64> = map.iter().map(|(at, _)| *at).collect();
    times.extend(overlays.iter().flat_map(|(from, to, _)| [*from, *to]));
    times.retain(|at| *at >= begins);
    times.sort_by(f64::total_cmp);
    times
        .iter()
        .map(|at| {
            let over = overlays
                .iter()
                .rev()
                .find(|(from, to, _)| from <= at && at < to);
            (
                *at,
                over.map_or_else(|| value_at(&map, *at), |(.., value)| *value),
            )
        })
        .collect()
}

/// What the accounts of a flood say; `first` is the number of the first of them.
pub(crate) fn flooded(
    scenario: &Scenario,
    seed: u64,
    war: &War,
    (flood, first): (Flood, usize),
) -> Vec<Utterance> {
    let mut places: Vec<usize> = (0..war.all_quarters()).collect();
    Dice::new(seed, Purpose::Flood, 0, 0).shuffle(&mut places);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    places.truncate(libm::ceil(flood.quarters * places.len() as f64) as usize);
    let mut said = Vec::new();
    for account in 0..flood.accounts {
        let mut dice = Dice::new(seed, Purpose::Flood, 1, account);
        let mut now = flood.from_day + dice.waits(1.0 / flood.per_day);
        while now < scenario.days && !places.is_empty() {
            let place = places[dice.below(places.len())];
            let say = match value_at(&war.courses[place], now) {
                _ if dice.chance(FLOOD_LIES) => Say::Controls(0),
                CONTESTED => Say::Fighting,
                holder => Say::Controls(holder),
            };
            said.push(Utterance::new(first + account, place, say, now, &mut dice));
            now += dice.waits(1.0 / flood.per_day);
        }
    }
    said
}

/// One lie about one quarter, once from each of many identities within a day.
pub(crate) fn invented(
    seed: u64,
    war: &War,
    (new, first): (NewIdentities, usize),
) -> Vec<Utterance> {
    let mut dice = Dice::new(seed, Purpose::Flood, 2, 0);
    let place = dice.below(war.all_quarters());
    let (lie, not) = match value_at(&war.courses[place], new.day) {
        CONTESTED => (0, 1),
        holder => (dice.other(ACTORS, holder), holder),
    };
    let mut said = Vec::new();
    for identity in 0..new.count {
        let at = new.day + dice.share();
        let say = match dice.pick(&[0.8, 0.1, 0.1]) {
            0 => Say::Controls(lie),
            1 => Say::Lost(not),
            _ => Say::DeniesControl(not),
        };
        said.push(Utterance::new(first + identity, place, say, at, &mut dice));
    }
    said
}
