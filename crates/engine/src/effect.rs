//! What a claim says of the outcomes: the one table of predicate, polarity and
//! extent. Every case is written out; there is no default.

use ascertain_domain::id::ActorId;
use ascertain_domain::registry::View;
use ascertain_domain::report::{Extent, Polarity, Predicate};
use ascertain_domain::time::Timestamp;
use ascertain_fusion::dynamics::Clash;
use ascertain_fusion::outcomes::Outcomes;

/// How far a force that is said to be at the edge or around a place may hold it
/// all the same. Who besieges a place is outside of it (docs/decisions).
const OUTSIDE_BUT_HOLDS: f64 = 0.25;

/// How well it fits that a side is there, or holds a part, that it holds all: who does
/// would be said to hold it (docs/decisions).
const PRESENT_AND_HOLDS: f64 = 0.4;

/// How well it fits fighting at a place's edge that a side holds the place.
const AT_THE_GATE: f64 = 0.15;
/// A force at the edge, around or on its way to a place threatens it.
const THREAT: Clash = Clash {
    threat: 1.0,
    fighting: 0.0,
};
/// Fighting at its edge threatens it half as much.
const FIGHTING_OUTSIDE: Clash = Clash {
    threat: 0.5,
    fighting: 0.0,
};
const FIGHTING_INSIDE: Clash = Clash {
    threat: 0.0,
    fighting: 1.0,
};

/// How much the word that a side left all of a place calms the fight for it:
/// enough to end it, if the word has its full weight.
const CALM: Clash = Clash {
    threat: -2.0,
    fighting: -2.0,
};

/// What a claim says.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Effect {
    /// How well each outcome fits the claim, 0 to 1; `None`: it bears on no holder.
    pub fits: Option<Vec<f64>>,
    /// What threat and fighting it reports, or, below 0, the end of them; each -2 to 1.
    pub clash: Clash,
    /// Outcomes that are said to besiege the place (true) or not to (false).
    pub sieges: Vec<(usize, bool)>,
}

impl Effect {
    /// Whether it says anything of the place's state.
    pub(crate) fn speaks(&self) -> bool {
        self.fits.is_some() || self.clash.is_some()
    }

    /// The same for claims that say the same. Nobody keeps it, and there are as few as this
    /// file has cases, so that it takes no digest to tell them apart.
    pub(crate) fn meaning(&self) -> u64 {
        let values = self
            .fits
            .iter()
            .flatten()
            .chain([&self.clash.threat, &self.clash.fighting]);
        values.fold(0, |name: u64, value| {
            let mixed = (name ^ value.to_bits()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            mixed ^ (mixed >> 32)
        })
    }
}

/// Reads actors as outcomes: their side, or *other*.
pub(crate) struct Sides<'a> {
    pub registry: View<'a>,
    pub listed: &'a [ActorId],
    pub outcomes: Outcomes,
}

impl Sides<'_> {
    fn of(&self, actors: &[ActorId], time: Timestamp) -> Vec<usize> {
        let mut sides: Vec<usize> = actors
            .iter()
            .map(|a| {
                let side = self.registry.side_of(a, time, self.listed);
                side.unwrap_or(self.outcomes.other())
            })
            .collect();
        sides.sort_unstable();
        sides.dedup();
        sides
    }

    /// What a claim says of the outcomes.
    pub(crate) fn effect(
        &self,
        predicate: &Predicate,
        polarity: Polarity,
        extent: Extent,
        time: Timestamp,
    ) -> Effect {
        let subjects = self.of(predicate.actors(), time);
        let whole = matches!(extent, Extent::Whole | Extent::Most | Extent::Unspecified);
        let outcomes = self.outcomes;
        let fits =
            |fit: &dyn Fn(usize) -> f64| Some((0..outcomes.count()).map(fit).collect::<Vec<f64>>());
        let (contested, mixed) = (outcomes.contested(), outcomes.mixed());
        let is_subject = |o: usize| subjects.contains(&o);
        let joint = subjects.len() > 1;
        match (predicate, polarity) {
            (Predicate::Controls(_), Polarity::Affirm) if whole && joint => Effect {
                fits: fits(&|o| {
                    if o == mixed {
                        1.0
                    } else if is_subject(o) {
                        0.5
                    } else {
                        0.0
                    }
                }),
                ..Effect::default()
            },
            (Predicate::Controls(_), Polarity::Affirm) if whole => Effect {
                fits: fits(&|o| if is_subject(o) { 1.0 } else { 0.0 }),
                ..Effect::default()
            },
            (Predicate::Controls(_) | Predicate::Present(_), Polarity::Affirm) => Effect {
                fits: fits(&|o| {
                    if o == contested {
                        1.0
                    } else if is_subject(o) || o == mixed {
                        PRESENT_AND_HOLDS
                    } else {
                        0.0
                    }
                }),
                ..Effect::default()
            },
            (Predicate::Controls(_), Polarity::Deny) => {
                let left = if whole { 0.0 } else { 0.5 };
                Effect {
                    fits: fits(&|o| if is_subject(o) { left } else { 1.0 }),
                    ..Effect::default()
                }
            }
            (Predicate::Present(_), Polarity::Deny) => {
                let left = if whole { 0.0 } else { 0.5 };
                Effect {
                    fits: fits(&|o| {
                        if is_subject(o) || o == contested {
                            left
                        } else if o == mixed {
                            0.5
                        } else {
                            1.0
                        }
                    }),
                    ..Effect::default()
                }
            }
            (Predicate::FightingAt(_), Polarity::Affirm) => {
                let outside = matches!(extent, Extent::Edge | Extent::Outskirts);
                let held = if outside { AT_THE_GATE } else { 0.0 };
                Effect {
                    fits: fits(&|o| {
                        if o == contested {
                            1.0
                        } else if outcomes.is_side(o) {
                            held
                        } else {
                            0.0
                        }
                    }),
                    clash: if outside {
                        FIGHTING_OUTSIDE
                    } else {
                        FIGHTING_INSIDE
                    },
                    sieges: Vec::new(),
                }
            }
            (Predicate::FightingAt(_), Polarity::Deny) => {
                let left = if whole { 0.0 } else { 0.5 };
                Effect {
                    fits: fits(&|o| if o == contested { left } else { 1.0 }),
                    ..Effect::default()
                }
            }
            (Predicate::Withdrew(_), Polarity::Affirm) => {
                let (left, fight) = if whole { (0.0, 0.2) } else { (0.5, 0.5) };
                Effect {
                    fits: fits(&|o| {
                        if is_subject(o) {
                            left
                        } else if o == contested || o == mixed {
                            fight
                        } else {
                            1.0
                        }
                    }),
                    clash: if whole { CALM } else { Clash::NONE },
                    sieges: Vec::new(),
                }
            }
            (Predicate::Withdrew(_), Polarity::Deny) => Effect {
                fits: fits(&|o| {
                    if is_subject(o) {
                        1.0
                    } else if o == contested || o == mixed {
                        0.5
                    } else {
                        0.0
                    }
                }),
                ..Effect::default()
            },
            (Predicate::HandedOver { to, .. }, polarity) => {
                let receivers = self.of(to.as_slice(), time);
                let affirmed = polarity == Polarity::Affirm;
                Effect {
                    fits: fits(&|o| {
                        if receivers.contains(&o) == affirmed {
                            1.0
                        } else {
                            0.0
                        }
                    }),
                    ..Effect::default()
                }
            }
            (Predicate::Besieges(_), Polarity::Affirm) => Effect {
                fits: fits(&|o| {
                    if is_subject(o) {
                        OUTSIDE_BUT_HOLDS
                    } else {
                        1.0
                    }
                }),
                clash: THREAT,
                sieges: subjects.iter().map(|s| (*s, true)).collect(),
            },
            (Predicate::AtEdge(_), Polarity::Affirm) => Effect {
                fits: fits(&|o| {
                    if is_subject(o) {
                        OUTSIDE_BUT_HOLDS
                    } else {
                        1.0
                    }
                }),
                clash: THREAT,
                sieges: Vec::new(),
            },
            (Predicate::Besieges(_), Polarity::Deny) => Effect {
                fits: None,
                clash: Clash::NONE,
                sieges: subjects.iter().map(|s| (*s, false)).collect(),
            },
            (Predicate::AdvancingOn(_), Polarity::Affirm) => Effect {
                clash: THREAT,
                ..Effect::default()
            },
            (Predicate::AtEdge(_) | Predicate::AdvancingOn(_), Polarity::Deny) => Effect::default(),
        }
    }
}
