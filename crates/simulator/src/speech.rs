//! What the ordinary sources say, and when.

use crate::cast::Speaker;
use crate::dice::{Dice, Purpose};
use crate::scenario::Scenario;
use crate::war::{ACTORS, Battle, CONTESTED, War, business, value_at};

/// The content of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Say {
    Controls(usize),
    Present(usize),
    DeniesControl(usize),
    DeniesPresence(usize),
    Lost(usize),
    Fighting,
    AtEdge(usize),
    Advancing(usize),
    Besieges(usize),
}

/// One report to be. Times are days.
#[derive(Debug, Clone)]
pub(crate) struct Utterance {
    pub source: usize,
    pub relay: Option<usize>,
    pub place: usize,
    pub say: Say,
    /// Of a city: whether only a part of it is meant, and which, if that is named.
    pub in_part: bool,
    pub parts: Vec<usize>,
    /// The moment spoken of, and whether the report tells it.
    pub at: f64,
    pub timed: bool,
    pub published: f64,
    pub known: f64,
    /// A picture that comes with it.
    pub evidence: Option<u64>,
    pub id: [u64; 2],
    /// A newswire's draw of what to relay, and whether it says so.
    relays: Option<(f64, bool)>,
}

impl Utterance {
    /// A report by a source on a place, told at once.
    pub(crate) fn new(source: usize, place: usize, say: Say, at: f64, dice: &mut Dice) -> Self {
        Self {
            source,
            relay: None,
            place,
            say,
            in_part: false,
            parts: Vec::new(),
            at,
            timed: true,
            published: at,
            known: at,
            evidence: None,
            id: [dice.bits(), dice.bits()],
            relays: None,
        }
        .published_after(0.0, dice)
    }

    /// The same, out so many days after the moment spoken of.
    pub(crate) fn published_after(mut self, days: f64, dice: &mut Dice) -> Self {
        self.published = self.at + days;
        self.known = self.published + dice.waits(UNTIL_KNOWN);
        self
    }
}

/// Mean days from publication until a report is first known.
const UNTIL_KNOWN: f64 = 0.02;
/// Activity of a place: gamma of this shape and scale, and a bit.
const ACTIVITY: (f64, f64, f64) = (2.0, 0.5, 0.2);
/// Cities are spoken of so much less than a quarter.
const CITY_RATE: f64 = 0.5;
/// How often an aligned source keeps bad news to itself.
const SILENT: f64 = 0.4;
/// How a holder is told: controls, present, another does not control, another left.
const HELD_FORMS: [f64; 4] = [0.70, 0.10, 0.12, 0.08];
const TELLS_FIGHTING: f64 = 0.7;
const TELLS_TIME: f64 = 0.6;
const RUMOUR_LEAST: f64 = 0.5;
const RUMOUR_MORE: f64 = 3.0;
/// Colluders agree anew so often, and so likely.
const LIE_DAYS: f64 = 10.0;
const LIE_CHANCE: f64 = 0.6;
const COPIES: f64 = 0.6;
const COPY_DELAY: f64 = 0.15;
/// A newswire relays, when it can, so often, and says so so often.
const RELAYS: f64 = 0.75;
const RELAYS_DECLARED: f64 = 0.75;
/// What is older than this is not relayed.
const RELAY_DAYS: f64 = 1.0;
/// How often who speaks of a part of a city names it.
const NAMES_PARTS: f64 = 0.5;
/// In a battle, news travels so much faster.
const BATTLE_LAG: f64 = 0.06;
const BATTLE_DELAY: f64 = 0.1;
/// In a battle, half of what is said before the entry is of who comes near.
const APPROACH: f64 = 0.5;
/// How likely an organ admits that a city fell.
const ADMITS: f64 = 0.5;

/// Which parts of a city are meant.
#[derive(PartialEq)]
enum Parts {
    All,
    Some,
    These(Vec<usize>),
}

/// A false belief that goes round.
struct Rumour {
    from: f64,
    to: f64,
    value: usize,
}

/// Everything that speakers react to.
struct Stage<'a> {
    scenario: &'a Scenario,
    seed: u64,
    war: &'a War,
    business: Vec<Vec<(f64, f64, f64)>>,
    activity: Vec<f64>,
    rumours: Vec<Vec<Rumour>>,
    lies: Vec<Vec<Option<usize>>>,
}

/// All that ordinary sources say, in order of the moments spoken of.
pub(crate) fn speeches(
    scenario: &Scenario,
    seed: u64,
    war: &War,
    speakers: &[Speaker],
) -> Vec<Utterance> {
    let places = 0..war.places();
    let stage = Stage {
        scenario,
        seed,
        war,
        business: places
            .clone()
            .map(|p| business(war, p, scenario.days))
            .collect(),
        activity: places
            .clone()
            .map(|p| activity(scenario, seed, war, p))
            .collect(),
        rumours: places
            .clone()
            .map(|p| rumours(scenario, seed, war, p))
            .collect(),
        lies: places.map(|p| lies(scenario, seed, war, p)).collect(),
    };
    let mut said = Vec::new();
    for source in 0..speakers.len() {
        for place in 0..war.places() {
            stage.speak(speakers, source, place, &mut said);
        }
        stage.admit(speakers, source, &mut said);
    }
    said.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.id.cmp(&b.id)));
    relay(speakers, &mut said);
    said
}

fn activity(scenario: &Scenario, seed: u64, war: &War, place: usize) -> f64 {
    let (shape, scale, more) = ACTIVITY;
    let mut dice = Dice::new(seed, Purpose::Place, place, 0);
    let kind = if place < war.all_quarters() {
        1.0
    } else {
        CITY_RATE
    };
    (dice.gamma(shape) * scale + more) * kind * scenario.activity
}

fn rumours(scenario: &Scenario, seed: u64, war: &War, place: usize) -> Vec<Rumour> {
    let mut dice = Dice::new(seed, Purpose::Rumour, place, 0);
    let mut rumours = Vec::new();
    let mut from = dice.waits(scenario.rumour_gap);
    while place < war.all_quarters() && from < scenario.days {
        let to = from + RUMOUR_LEAST + dice.waits(RUMOUR_MORE);
        let value = dice.other(ACTORS + 1, value_at(&war.courses[place], from));
        rumours.push(Rumour { from, to, value });
        from = to + dice.waits(scenario.rumour_gap);
    }
    rumours
}

/// What colluders agreed to say of a place, by spans of ten days.
fn lies(scenario: &Scenario, seed: u64, war: &War, place: usize) -> Vec<Option<usize>> {
    let mut dice = Dice::new(seed, Purpose::Collusion, place, 0);
    let mut lies = Vec::new();
    let mut from = 0.0;
    while from < scenario.days {
        let lie = match value_at(&war.courses[place], from) {
            CONTESTED => dice.below(ACTORS),
            holder => dice.other(ACTORS, holder),
        };
        lies.push(dice.chance(LIE_CHANCE).then_some(lie));
        from += LIE_DAYS;
    }
    lies
}

impl Stage<'_> {
    fn speak(&self, speakers: &[Speaker], source: usize, place: usize, said: &mut Vec<Utterance>) {
        let speaker = &speakers[source];
        let mut dice = Dice::new(self.seed, Purpose::Speaks, source, place);
        let seen = self.seen(speaker, place, &mut dice);
        let believes: Vec<bool> = self.rumours[place]
            .iter()
            .map(|_| dice.chance(speaker.class.credulity))
            .collect();
        let mut belief = None;
        let rate = speaker.class.rate * self.activity[place];
        // The integral of the rate up to the next report.
        let mut left = dice.waits(1.0);
        for (from, to, factor) in &self.business[place] {
            let rate = rate * factor;
            let mut now = *from;
            while rate > 0.0 && left < rate * (to - now) {
                now += left / rate;
                left = dice.waits(1.0);
                let label = self.believes(speaker, &seen, now, &mut belief, &mut dice);
                let rumour = self.rumours[place]
                    .iter()
                    .zip(&believes)
                    .find(|(r, believed)| **believed && r.from <= now && now < r.to);
                let label = rumour.map_or(label, |(r, _)| r.value);
                let label = self.lie(speaker, place, now).unwrap_or(label);
                self.report(speakers, source, (place, now, label), &mut dice, said);
            }
            left -= (rate * (to - now)).min(left);
        }
    }

    /// What a source has seen of a place: the course, each change late.
    fn seen(&self, speaker: &Speaker, place: usize, dice: &mut Dice) -> Vec<(f64, usize)> {
        let course = &self.war.courses[place];
        let mut seen: Vec<(f64, usize)> = Vec::with_capacity(course.len());
        for (from, value) in course {
            let fast = self.war.battle(place, *from).is_some();
            let scale = if fast { BATTLE_LAG } else { 1.0 };
            let lag = dice.waits(speaker.class.lag * scale);
            let at = if *from == 0.0 { 0.0 } else { from + lag };
            // Who sees the later change has no eye for the earlier any more.
            seen.retain(|(earlier, _)| *earlier < at);
            seen.push((at, *value));
        }
        seen
    }

    /// What a source believes now: what it believed before, unless things changed or
    /// it made up its mind anew.
    fn believes(
        &self,
        speaker: &Speaker,
        seen: &Vec<(f64, usize)>,
        now: f64,
        belief: &mut Option<(f64, usize, usize)>,
        dice: &mut Dice,
    ) -> usize {
        let so = value_at(seen, now);
        if let Some((when, of, label)) = *belief {
            let kept = libm::exp(-speaker.class.renewal * (now - when));
            let spoke_otherwise = speaker.manner_at(when).side != speaker.manner_at(now).side;
            if of == so && !spoke_otherwise && dice.chance(kept) {
                *belief = Some((now, of, label));
                return label;
            }
        }
        let label = dice.pick(&speaker.manner_at(now).table[so]);
        *belief = Some((now, so, label));
        label
    }

    fn lie(&self, speaker: &Speaker, place: usize, now: f64) -> Option<usize> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 on
        let span = (now / LIE_DAYS) as usize;
        let lie = self.lies[place].get(span).copied().flatten();
        lie.filter(|_| speaker.colludes)
    }

    fn report(
        &self,
        speakers: &[Speaker],
        source: usize,
        (place, now, label): (usize, f64, usize),
        dice: &mut Dice,
        said: &mut Vec<Utterance>,
    ) {
        let speaker = &speakers[source];
        let side = speaker.manner_at(now).side;
        let battle = self.war.battle(place, now);
        let (say, parts) = match battle {
            Some(b) if now < b.entry && dice.chance(APPROACH) => {
                (approach(b, side, dice), Parts::All)
            }
            _ if label == CONTESTED => self.divided(place, now, dice),
            _ => (form(label, battle.is_some(), dice), Parts::All),
        };
        let bad_news = side.is_some_and(|own| label != own && label != CONTESTED);
        let delay = speaker.class.delay * if battle.is_some() { BATTLE_DELAY } else { 1.0 };
        let delay = dice.waits(delay);
        let place = self.as_told(place, dice);
        let mut told = Utterance::new(source, place, say, now, dice).published_after(delay, dice);
        told.timed = dice.chance(TELLS_TIME);
        told.in_part = parts != Parts::All;
        if let Parts::These(parts) = parts {
            told.parts = parts;
        }
        if speaker.class.kind == ascertain_domain::source::SourceKind::Imagery {
            told.evidence = Some(dice.bits());
        }
        if speaker.is_wire() && dice.chance(RELAYS) {
            told.relays = Some((dice.share(), dice.chance(RELAYS_DECLARED)));
        }
        if bad_news && dice.chance(SILENT) || self.is_out(speaker, told.published) {
            return;
        }
        if let Some((clique, true)) = speaker.clique {
            let followers =
                (0..speakers.len()).filter(|f| speakers[*f].clique == Some((clique, false)));
            for follower in followers
                .filter(|_| dice.chance(COPIES))
                .collect::<Vec<_>>()
            {
                let late = told.published - now + dice.waits(COPY_DELAY);
                let copy = Utterance::new(follower, place, say, now, dice);
                let copy = copy.published_after(late, dice);
                said.push(Utterance {
                    timed: told.timed,
                    in_part: told.in_part,
                    parts: told.parts.clone(),
                    ..copy
                });
            }
        }
        said.push(told);
    }

    /// How somebody puts it who takes a place for contested. Of a city that is divided
    /// it may be told who is where.
    fn divided(&self, place: usize, now: f64, dice: &mut Dice) -> (Say, Parts) {
        let of = |quarter: usize| value_at(&self.war.courses[quarter], now);
        let quarters = self.war.quarters_of(place);
        let first = of(quarters.start);
        if place < self.war.all_quarters() || quarters.clone().all(|q| of(q) == first) {
            return (form(CONTESTED, false, dice), Parts::All);
        }
        let fought: Vec<usize> = quarters.clone().filter(|q| of(*q) == CONTESTED).collect();
        let named = dice.chance(NAMES_PARTS);
        if !fought.is_empty() {
            let say = form(CONTESTED, false, dice);
            let parts = if named && say == Say::Fighting {
                Parts::These(fought)
            } else {
                Parts::All
            };
            return (say, parts);
        }
        let holder = of(quarters.start + dice.below(quarters.len()));
        if named {
            let held = quarters.filter(|q| of(*q) == holder).collect();
            (Say::Controls(holder), Parts::These(held))
        } else {
            (Say::Present(holder), Parts::Some)
        }
    }

    /// The place that a report names: now and then a neighbouring quarter.
    fn as_told(&self, place: usize, dice: &mut Dice) -> usize {
        let near = self
            .war
            .quarters_of(self.war.all_quarters() + self.war.city_of(place));
        let wrong = dice.chance(self.scenario.wrong_places);
        if wrong && near.contains(&place) && near.len() > 1 {
            return near.start + dice.other(near.len(), place - near.start);
        }
        place
    }

    fn is_out(&self, speaker: &Speaker, day: f64) -> bool {
        let silenced = ["monitor", "newswire"].contains(&speaker.class.name);
        let (from, to) = self.scenario.outage.unwrap_or((0.0, 0.0));
        silenced && from <= day && day < to
    }

    /// After a city fell within hours, the organs of those who lost it may say so.
    fn admit(&self, speakers: &[Speaker], source: usize, said: &mut Vec<Utterance>) {
        let speaker = &speakers[source];
        let Some((own, true)) = speaker.declared else {
            return;
        };
        let mut dice = Dice::new(self.seed, Purpose::Speaks, source, self.war.places());
        for battle in self
            .war
            .battles
            .iter()
            .filter(|b| b.succeeds && b.defender == own)
        {
            let at = battle.end + dice.between(0.08, 0.25);
            let city = self.war.all_quarters() + battle.city;
            let admission = Utterance::new(source, city, Say::Lost(own), at, &mut dice);
            let speaks = dice.chance(ADMITS) && self.scenario.activity > 0.0;
            let still = speaker.manner_at(at).side == Some(own) && at < self.scenario.days;
            if speaks && still {
                said.push(admission);
            }
        }
    }
}

/// What is said before the attackers are in.
fn approach(battle: &Battle, side: Option<usize>, dice: &mut Dice) -> Say {
    if side == Some(battle.defender) {
        return Say::DeniesPresence(battle.attacker);
    }
    match dice.pick(&[0.5, 0.3, 0.2]) {
        0 => Say::Advancing(battle.attacker),
        1 => Say::AtEdge(battle.attacker),
        _ => Say::Besieges(battle.attacker),
    }
}

/// How a belief is put.
fn form(label: usize, in_battle: bool, dice: &mut Dice) -> Say {
    if label == CONTESTED {
        return if dice.chance(TELLS_FIGHTING) {
            Say::Fighting
        } else {
            Say::Present(dice.below(ACTORS))
        };
    }
    let another = dice.other(ACTORS, label);
    match dice.pick(&HELD_FORMS) {
        0 => Say::Controls(label),
        1 => Say::Present(label),
        2 if in_battle => Say::DeniesPresence(another),
        2 => Say::DeniesControl(another),
        _ => Say::Lost(another),
    }
}

/// Newswires relay what others said of the place within the last day.
fn relay(speakers: &[Speaker], said: &mut [Utterance]) {
    let mut heard: std::collections::BTreeMap<usize, Vec<usize>> =
        std::collections::BTreeMap::new();
    for i in 0..said.len() {
        let (place, now) = (said[i].place, said[i].at);
        let heard = heard.entry(place).or_default();
        if !speakers[said[i].source].is_wire() {
            heard.push(i);
            continue;
        }
        let Some((draw, declared)) = said[i].relays else {
            continue;
        };
        heard.retain(|h| said[*h].published > now - RELAY_DAYS);
        let out: Vec<usize> = heard
            .iter()
            .copied()
            .filter(|h| said[*h].published <= now)
            .collect();
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let Some(original) = out
            .get((draw * out.len() as f64) as usize)
            .map(|h| said[*h].clone())
        else {
            continue;
        };
        let wire = &mut said[i];
        wire.say = original.say;
        wire.in_part = original.in_part;
        wire.parts = original.parts;
        wire.at = original.at;
        wire.timed = original.timed;
        if declared {
            wire.relay = Some(wire.source);
            wire.source = original.source;
            wire.evidence = original.evidence;
        }
    }
}
