//! How a source stands to the sides, and which way its claims cut for its own.

use ascertain_domain::id::ActorId;
use ascertain_domain::model::{LearnedSource, LearnedTable, SourceModel};
use ascertain_domain::registry::View;
use ascertain_domain::report::{Originator, Polarity, Predicate};
use ascertain_domain::source::{Alignment, Grade, Reporting, Source, SourceKind};
use ascertain_domain::state::{Interest, Ppm};
use ascertain_domain::time::{DAY_US, Timestamp};
use ascertain_fusion::standing::SNAPSHOT_DAYS;
use ascertain_fusion::tables::{Cells, Role, Table};

/// How often an independent source of a grade is right.
const fn accuracy(grade: Grade) -> f64 {
    match grade {
        Grade::A => 0.95,
        Grade::B => 0.88,
        Grade::C => 0.78,
        Grade::D => 0.68,
        Grade::E => 0.50,
        Grade::F => 0.65,
    }
}

/// The grade that stands in for a source that nobody registered.
const fn grade_of_kind(kind: SourceKind) -> Grade {
    match kind {
        SourceKind::Newswire | SourceKind::Un | SourceKind::Imagery => Grade::C,
        SourceKind::Monitor
        | SourceKind::Newsroom
        | SourceKind::Ngo
        | SourceKind::StateMedia
        | SourceKind::Aggregator => Grade::D,
        SourceKind::ArmedActorChannel => Grade::E,
        SourceKind::Eyewitness => Grade::F,
    }
}

/// How long after a change a tracker shows it, on average, in days: lists that many
/// hands keep are quicker than maps that few draw.
pub(crate) const fn lag_days(kind: SourceKind) -> f64 {
    match kind {
        SourceKind::Aggregator => 2.0,
        SourceKind::StateMedia
        | SourceKind::ArmedActorChannel
        | SourceKind::Monitor
        | SourceKind::Newswire
        | SourceKind::Newsroom
        | SourceKind::Ngo
        | SourceKind::Un
        | SourceKind::Eyewitness
        | SourceKind::Imagery => 3.0,
    }
}

/// A source as the fold sees it at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    /// What it says when each outcome is so.
    pub table: Table,
    /// Whether it is unproven: no anchor, nor a channel verified to be its own. Only
    /// such sources can be many faces of one flood.
    pub unproven: bool,
    /// For a source whose silence means *still so*: its mean lag in days.
    pub lag_days: Option<f64>,
    /// For a source that states all it knows each time: what it has not said again for so
    /// many days no longer stands.
    pub lapse_days: Option<u32>,
}

impl Standing {
    /// Whether what was said at a time stands at a later one without repetition.
    pub(crate) fn stands(&self, said: Timestamp, now: Timestamp) -> bool {
        let days = |days| i64::from(days) * DAY_US;
        self.lapse_days
            .is_none_or(|lapse| now.micros() - said.micros() <= days(lapse))
    }

    fn independent(grade: Grade, unproven: bool) -> Self {
        Self {
            table: Table {
                role: Role::Independent,
                cells: Cells::independent(accuracy(grade)),
            },
            unproven,
            lag_days: None,
            lapse_days: None,
        }
    }
}

/// How an originator stands to the sides of a place at a time.
pub(crate) fn standing(
    originator: &Originator,
    time: Timestamp,
    sides: &[ActorId],
    (registry, model): (View<'_>, Option<&SourceModel>),
) -> Standing {
    match originator {
        Originator::Unregistered(kind) => Standing::independent(grade_of_kind(*kind), true),
        // A record resolved against a later registry than is adopted here: until the
        // adoption arrives its source cannot be judged.
        Originator::Source(id) => registry.source(id).map_or_else(
            || Standing::independent(Grade::F, true),
            |source| {
                let learned = model.and_then(|model| model.sources.get(id));
                registered(source, learned, registry.alignment(source, time, sides))
            },
        ),
    }
}

/// Whether a source is an anchor, or its channel was verified to be its own.
pub(crate) fn proven(source: &Source) -> bool {
    source.grade.is_anchor() || source.identity_verified
}

/// How a registered source stands: by what was learned of it, else by the priors.
fn registered(
    source: &Source,
    learned: Option<&LearnedSource>,
    alignment: Option<(&Alignment, usize)>,
) -> Standing {
    let role = match alignment {
        Some((Alignment::OrganOf(_), side)) => Role::OrganOf(side),
        Some((Alignment::Sympathetic(_), side)) => Role::Sympathetic(side),
        Some((Alignment::Opposed(_), side)) => Role::Opposed(side),
        Some((Alignment::Independent | Alignment::Unknown, _)) | None => Role::Independent,
    };
    Standing {
        table: table_of(source, role, learned),
        unproven: !proven(source),
        lag_days: lag_of(source, learned),
        lapse_days: (source.reporting == Reporting::Snapshot).then_some(SNAPSHOT_DAYS),
    }
}

/// What a registered source says in a role: as was learned, else as the prior has it.
pub(crate) fn table_of(source: &Source, role: Role, learned: Option<&LearnedSource>) -> Table {
    let prior = prior_cells(source, role);
    let learned = learned.and_then(|l| l.table.as_ref());
    Table {
        role,
        cells: learned.map_or(prior, |table| cells(table, prior)),
    }
}

/// The rows of a registered source before anything is learned of it.
pub(crate) fn prior_cells(source: &Source, role: Role) -> Cells {
    match role {
        Role::OrganOf(_) => Cells::ORGAN,
        Role::Sympathetic(_) | Role::Opposed(_) => Cells::SYMPATHETIC,
        Role::Independent => Cells::independent(accuracy(source.grade)),
    }
}

/// The mean lag in days of a source whose silence means *still so*; `None` for others.
pub(crate) fn lag_of(source: &Source, learned: Option<&LearnedSource>) -> Option<f64> {
    let reporting = match source.reporting {
        Reporting::Undeclared => learned.and_then(|l| l.reporting),
        declared => Some(declared),
    };
    let lag = match learned.and_then(|l| l.lag_hours) {
        Some(hours) => f64::from(hours) / 24.0,
        None => lag_days(source.kind),
    };
    match reporting {
        Some(Reporting::ChangesOnly | Reporting::Snapshot) => Some(lag),
        Some(Reporting::Episodic | Reporting::Undeclared) | None => None,
    }
}

/// The learned rows where they are of the form that the role asks for.
fn cells(learned: &LearnedTable, prior: Cells) -> Cells {
    match (*learned, prior) {
        (
            LearnedTable::Aligned {
                own,
                foe,
                contested,
            },
            Cells::Aligned { .. },
        ) => Cells::Aligned {
            own: own.map(share),
            foe: foe.map(share),
            contested: contested.map(share),
        },
        (LearnedTable::Independent { holder, contested }, Cells::Independent { .. }) => {
            Cells::Independent {
                holder: holder.map(share),
                contested: contested.map(share),
            }
        }
        (_, prior) => prior,
    }
}

fn share(ppm: Ppm) -> f64 {
    f64::from(ppm.0) / 1e6
}

/// Which way a claim cuts for the side of its originator.
pub(crate) fn interest(
    role: Role,
    predicate: &Predicate,
    polarity: Polarity,
    side_of: impl Fn(&ActorId) -> Option<usize>,
) -> Interest {
    let is_own = |actor: &ActorId| match role {
        Role::OrganOf(own) | Role::Sympathetic(own) => side_of(actor) == Some(own),
        Role::Opposed(against) => side_of(actor).is_some_and(|side| side != against),
        Role::Independent => false,
    };
    if role == Role::Independent {
        return Interest::Neutral;
    }
    let own = predicate.actors().iter().any(is_own);
    let foe = predicate.actors().iter().any(|a| !is_own(a));
    // Whether the claim, affirmed, speaks well for its subjects.
    let good_for_subject = match predicate {
        Predicate::Controls(_)
        | Predicate::Present(_)
        | Predicate::AtEdge(_)
        | Predicate::AdvancingOn(_)
        | Predicate::Besieges(_) => true,
        Predicate::Withdrew(_) | Predicate::HandedOver { .. } => false,
        // That a foe can fight here at all is no good news; that both do is neither.
        Predicate::FightingAt(_) if foe && !own => true,
        Predicate::FightingAt(_) => return Interest::Neutral,
    };
    if own == foe {
        return Interest::Neutral;
    }
    if (good_for_subject == (polarity == Polarity::Affirm)) == own {
        Interest::SelfServing
    } else {
        Interest::AgainstInterest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ascertain_domain::report::Actors;

    fn side(actor: &ActorId) -> Option<usize> {
        match actor.as_str() {
            "government" => Some(0),
            "opposition" => Some(1),
            _ => None,
        }
    }

    fn of(
        role: Role,
        make: impl Fn(Actors) -> Predicate,
        actor: &str,
        polarity: Polarity,
    ) -> Interest {
        let actors = Actors::new(vec![ActorId::new(actor).unwrap()]).unwrap();
        interest(role, &make(actors), polarity, side)
    }

    #[test]
    fn an_organ_that_admits_a_loss_speaks_against_its_interest() {
        let organ = Role::OrganOf(0);
        use Interest::{AgainstInterest, SelfServing};
        use Polarity::{Affirm, Deny};
        assert_eq!(
            of(organ, Predicate::Withdrew, "government", Affirm),
            AgainstInterest
        );
        assert_eq!(
            of(organ, Predicate::Withdrew, "government", Deny),
            SelfServing
        );
        assert_eq!(
            of(organ, Predicate::Present, "opposition", Deny),
            SelfServing
        );
        assert_eq!(
            of(organ, Predicate::Controls, "government", Affirm),
            SelfServing
        );
        let monitor = Role::Sympathetic(1);
        assert_eq!(
            of(monitor, Predicate::Controls, "government", Affirm),
            AgainstInterest
        );
        assert_eq!(
            of(monitor, Predicate::Withdrew, "government", Affirm),
            SelfServing
        );
        assert_eq!(
            of(Role::Independent, Predicate::Controls, "government", Affirm),
            Interest::Neutral
        );
    }

    #[test]
    fn fighting_cuts_against_the_side_whose_foe_is_there() {
        let foe = vec![ActorId::new("opposition").unwrap()];
        let said = |actors| {
            interest(
                Role::OrganOf(0),
                &Predicate::FightingAt(actors),
                Polarity::Affirm,
                side,
            )
        };
        assert_eq!(said(foe), Interest::AgainstInterest);
        assert_eq!(said(vec![]), Interest::Neutral);
    }
}
