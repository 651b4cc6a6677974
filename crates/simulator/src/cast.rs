//! Who reports it: classes of sources, and what each of them tends to say.

use ascertain_domain::source::{Grade, SourceKind};

use crate::dice::{Dice, Purpose};
use crate::scenario::{Grades, Scenario};
use crate::war::{ACTORS, CONTESTED};

/// What a source says when each label is so: rows and columns are labels.
pub(crate) type Table = Vec<Vec<f64>>;

/// What a class has in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Class {
    pub name: &'static str,
    pub kind: SourceKind,
    pub grade: Grade,
    /// Reports per quarter and quiet day, on a place of activity 1.
    pub rate: f64,
    /// Mean days until a change is seen, and until what is said is out.
    pub lag: f64,
    pub delay: f64,
    /// How often a belief is made up anew, per day.
    pub renewal: f64,
    /// The chance to believe a rumour.
    pub credulity: f64,
    /// Whether its channel is verified to be its own.
    pub verified: bool,
}

/// How a source's words follow from what is so.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// The side it speaks for.
    pub side: Option<usize>,
    pub table: Table,
}

/// A source that speaks now and then.
#[derive(Debug, Clone)]
pub(crate) struct Speaker {
    pub name: String,
    pub class: Class,
    pub grade: Grade,
    pub manner: Manner,
    /// What it declares: its side, and whether as an organ of it.
    pub declared: Option<(usize, bool)>,
    /// From when on it speaks otherwise.
    pub after: Option<(f64, Manner)>,
    pub colludes: bool,
    /// For a clique: its number, and whether this is its leader.
    pub clique: Option<(usize, bool)>,
}

impl Speaker {
    pub(crate) fn manner_at(&self, day: f64) -> &Manner {
        match &self.after {
            Some((from, manner)) if *from <= day => manner,
            _ => &self.manner,
        }
    }

    pub(crate) fn is_wire(&self) -> bool {
        self.class.name == NEWSWIRE.name
    }
}

const fn class(name: &'static str, kind: SourceKind, grade: Grade) -> Class {
    Class {
        name,
        kind,
        grade,
        rate: 0.03,
        lag: 0.6,
        delay: 0.1,
        renewal: 0.12,
        credulity: 0.0,
        verified: true,
    }
}

const SPOKESMAN: Class = Class {
    lag: 0.3,
    ..class("spokesman", SourceKind::ArmedActorChannel, Grade::D)
};
const STATE_MEDIA: Class = Class {
    rate: 0.04,
    lag: 1.0,
    delay: 0.2,
    renewal: 0.10,
    ..class("state-media", SourceKind::StateMedia, Grade::D)
};
const ALIGNED_MONITOR: Class = Class {
    rate: 0.05,
    lag: 0.7,
    delay: 0.3,
    ..class("aligned-monitor", SourceKind::Monitor, Grade::C)
};
const MONITOR: Class = Class {
    rate: 0.06,
    lag: 0.7,
    delay: 0.5,
    renewal: 0.2,
    credulity: 0.15,
    ..class("monitor", SourceKind::Monitor, Grade::B)
};
const NEWSWIRE: Class = Class {
    rate: 0.05,
    lag: 0.8,
    delay: 0.2,
    renewal: 0.15,
    credulity: 0.5,
    ..class("newswire", SourceKind::Newswire, Grade::B)
};
const SOCIAL: Class = Class {
    credulity: 0.5,
    verified: false,
    ..class("social", SourceKind::Eyewitness, Grade::F)
};
const LEADER: Class = Class {
    rate: 0.05,
    ..class_like(SOCIAL, "clique")
};
const FOLLOWER: Class = Class {
    rate: 0.01,
    ..class_like(SOCIAL, "clique")
};
const IMAGERY: Class = Class {
    rate: 0.04,
    lag: 0.2,
    delay: 1.5,
    renewal: 5.0,
    ..class("imagery", SourceKind::Imagery, Grade::A)
};
const DISHONEST: Class = Class {
    rate: 0.06,
    lag: 0.7,
    delay: 0.5,
    renewal: 0.2,
    ..class("dishonest", SourceKind::Monitor, Grade::B)
};

const fn class_like(other: Class, name: &'static str) -> Class {
    Class { name, ..other }
}

/// How strongly a source's table keeps to that of its class.
const TABLE_WEIGHT: f64 = 30.0;
/// Independent sources see contested places with so much less accuracy.
const CONTESTED_HARDER: f64 = 0.12;

/// What an aligned class says: of the rows *own holds*, *a foe holds*, *contested*
/// the cells own, right or wrong foe, contested.
struct Leaning {
    /// Own, contested; the rest is a foe.
    own: [f64; 2],
    /// Own, the foe that is so, contested; the rest is another foe.
    foe: [f64; 3],
    /// Own, contested; the rest is a foe.
    contested: [f64; 2],
}

const SPEAKS_FOR: Leaning = Leaning {
    own: [0.95, 0.03],
    foe: [0.45, 0.33, 0.20],
    contested: [0.60, 0.35],
};
const STATE: Leaning = Leaning {
    own: [0.96, 0.03],
    foe: [0.55, 0.18, 0.25],
    contested: [0.65, 0.33],
};
const LEANS: Leaning = Leaning {
    own: [0.93, 0.05],
    foe: [0.15, 0.68, 0.15],
    contested: [0.25, 0.65],
};

#[allow(clippy::cast_precision_loss)] // a handful of actors
const FOES: f64 = (ACTORS - 1) as f64;

impl Leaning {
    fn row(&self, own: usize, so: usize) -> Vec<f64> {
        let mut row = vec![0.0; ACTORS + 1];
        let [for_own, fight] = if so == CONTESTED {
            self.contested
        } else {
            self.own
        };
        if so == own || so == CONTESTED {
            row.fill((1.0 - for_own - fight) / FOES);
            row[own] = for_own;
            row[CONTESTED] = fight;
        } else {
            let [for_own, right, fight] = self.foe;
            row.fill((1.0 - for_own - right - fight) / (FOES - 1.0));
            row[own] = for_own;
            row[so] = right;
            row[CONTESTED] = fight;
        }
        row
    }

    fn manner(&self, own: usize, dice: &mut Dice) -> Manner {
        let rows = (0..=CONTESTED).map(|so| dice.dirichlet(&self.row(own, so), TABLE_WEIGHT));
        Manner {
            side: Some(own),
            table: rows.collect(),
        }
    }
}

/// A source without a side that is right so often; contested places apart.
fn independent(accuracy: f64, contested: f64, dice: &mut Dice) -> Manner {
    let row = |so: usize| {
        let right = if so == CONTESTED { contested } else { accuracy };
        let wrong = (1.0 - right) / 2.0;
        let mut row = vec![
            if so == CONTESTED {
                2.0 * wrong / (FOES + 1.0)
            } else {
                wrong / FOES
            };
            ACTORS + 1
        ];
        row[CONTESTED] = wrong;
        row[so] = right;
        row
    };
    let rows: Vec<Vec<f64>> = (0..=CONTESTED).map(row).collect();
    Manner {
        side: None,
        table: rows
            .iter()
            .map(|r| dice.dirichlet(r, TABLE_WEIGHT))
            .collect(),
    }
}

/// All ordinary sources of a scenario.
pub(crate) fn speakers(scenario: &Scenario, seed: u64) -> Vec<Speaker> {
    let mut speakers: Vec<Speaker> = Vec::new();
    let mut add = |class: Class, number: usize, declared, make: &dyn Fn(&mut Dice) -> Manner| {
        let mut dice = Dice::new(seed, Purpose::Cast, speakers.len(), 0);
        speakers.push(Speaker {
            name: format!("{}-{}", class.name, number + 1),
            class,
            grade: class.grade,
            manner: make(&mut dice),
            declared,
            after: None,
            colludes: false,
            clique: None,
        });
    };
    let plain = |accuracy: f64| {
        move |dice: &mut Dice| independent(accuracy, accuracy - CONTESTED_HARDER, dice)
    };
    let somebody = |dice: &mut Dice| {
        let accuracy = dice.beta(7.0, 3.0);
        independent(accuracy, (accuracy - CONTESTED_HARDER).max(0.0), dice)
    };
    for side in 0..ACTORS {
        add(SPOKESMAN, side, Some((side, true)), &|d| {
            SPEAKS_FOR.manner(side, d)
        });
    }
    for side in 0..ACTORS {
        add(STATE_MEDIA, side, Some((side, true)), &|d| {
            STATE.manner(side, d)
        });
    }
    for side in 0..2 {
        add(ALIGNED_MONITOR, side, Some((side, false)), &|d| {
            LEANS.manner(side, d)
        });
    }
    for number in 0..2 {
        add(MONITOR, number, None, &plain(0.92));
    }
    for number in 0..4 {
        add(NEWSWIRE, number, None, &plain(0.88));
    }
    for number in 0..12 {
        add(SOCIAL, number, None, &somebody);
    }
    for number in 0..15 {
        let class = if number % 5 == 0 { LEADER } else { FOLLOWER };
        add(class, number, None, &somebody);
    }
    add(IMAGERY, 0, None, &|d| independent(0.975, 0.95, d));
    for (number, grade) in scenario.dishonest.iter().enumerate() {
        let class = Class {
            grade: *grade,
            ..DISHONEST
        };
        add(class, number, None, &|d| STATE.manner(0, d));
    }
    let cliques = speakers.iter_mut().filter(|s| s.class.name == LEADER.name);
    for (number, speaker) in cliques.enumerate() {
        speaker.clique = Some((number / 5, number % 5 == 0));
    }
    let mut dice = Dice::new(seed, Purpose::Cast, 0, 1);
    collude(scenario, &mut speakers, &mut dice);
    regrade(scenario, &mut speakers, &mut dice);
    if let Some(day) = scenario.takeover {
        let taken = ["state-media-1", "newswire-1"];
        for speaker in speakers.iter_mut().filter(|s| taken.contains(&&*s.name)) {
            speaker.after = Some((day, STATE.manner(1, &mut dice)));
        }
    }
    speakers
}

/// Accounts that nobody verified agree on lies, so many that they are the share of
/// all.
fn collude(scenario: &Scenario, speakers: &mut [Speaker], dice: &mut Dice) {
    let Some(colluders) = scenario.colluders else {
        return;
    };
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    let count = libm::round(colluders.share * speakers.len() as f64) as usize;
    let mut open: Vec<usize> = (0..speakers.len())
        .filter(|i| !speakers[*i].class.verified)
        .collect();
    dice.shuffle(&mut open);
    for i in open.into_iter().take(count) {
        let speaker = &mut speakers[i];
        speaker.colludes = true;
        speaker.clique = None;
        speaker.class = SOCIAL;
        speaker.grade = colluders.grade;
    }
}

fn regrade(scenario: &Scenario, speakers: &mut [Speaker], dice: &mut Dice) {
    const LETTERS: [Grade; 5] = [Grade::A, Grade::B, Grade::C, Grade::D, Grade::E];
    match scenario.grades {
        Grades::Right => {}
        Grades::Permuted => {
            let mut grades: Vec<Grade> = speakers.iter().map(|s| s.grade).collect();
            dice.shuffle(&mut grades);
            for (speaker, grade) in speakers.iter_mut().zip(grades) {
                speaker.grade = grade;
            }
        }
        Grades::Shifted => {
            for speaker in speakers {
                // F is no letter of the ladder; it is read as C here.
                let at = LETTERS
                    .iter()
                    .position(|g| *g == speaker.grade)
                    .unwrap_or(2);
                let by = dice.below(2) + 1;
                let to = if dice.chance(0.5) {
                    at + by
                } else {
                    at.saturating_sub(by)
                };
                speaker.grade = LETTERS[to.min(LETTERS.len() - 1)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_every_table_is_a_distribution() {
        for speaker in speakers(&Scenario::takeover(), 5) {
            let after = speaker.after.iter().map(|(_, manner)| manner);
            for row in after.chain([&speaker.manner]).flat_map(|m| &m.table) {
                assert!(
                    (row.iter().sum::<f64>() - 1.0).abs() < 1e-9,
                    "{}",
                    speaker.name
                );
            }
        }
        for so in 0..=CONTESTED {
            for leaning in [SPEAKS_FOR, STATE, LEANS] {
                assert!((leaning.row(1, so).iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn colluders_are_the_share_of_all_that_was_asked_for() {
        for (share, count) in [(0.3, 13), (0.45, 19)] {
            let all = speakers(&Scenario::colluders(share, Grade::C), 1);
            assert_eq!(all.iter().filter(|s| s.colludes).count(), count);
        }
    }
}
