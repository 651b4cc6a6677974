//! What is simulated: a scenario is data, and these are the named ones.

use ascertain_domain::source::Grade;

/// Reports on a quarter and day at activity 1, as counted in the base scenario.
const REPORTS_A_DAY: f64 = 2.7;

/// A conflict and those who report it. Times are days, rates are per day.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name, for tables.
    pub name: &'static str,
    /// How long it lasts.
    pub days: f64,
    /// How many cities, each a home area of its own.
    pub cities: usize,
    /// How many quarters a city has.
    pub quarters: usize,
    /// Factor on how often every ordinary source speaks; 0 silences them all.
    pub activity: f64,
    /// Mean time between rumours on a quarter.
    pub rumour_gap: f64,
    /// Share of assaults that are over within hours.
    pub fast_assaults: f64,
    /// Share of reports that name a neighbouring quarter by mistake.
    pub wrong_places: f64,
    /// Whether the grades are those of the classes.
    pub grades: Grades,
    /// Maps and lists that speak when their belief changes, and only then.
    pub trackers: Vec<Tracker>,
    /// Ordinary accounts that agree on lies.
    pub colluders: Option<Colluders>,
    /// Accounts that push one side, day after day.
    pub flood: Option<Flood>,
    /// Near-copies of one statement, each from an identity of its own.
    pub new_identities: Option<NewIdentities>,
    /// Sources that speak as an organ of the first actor would, declared independent,
    /// by grade.
    pub dishonest: Vec<Grade>,
    /// Monitors and newswires say nothing in this span of days.
    pub outage: Option<(f64, f64)>,
    /// From this day on the first actor's state media and the first newswire speak
    /// for the second actor, and nobody declares it.
    pub takeover: Option<f64>,
    /// The share of long spells of one holder within which a quarter is left, and stands
    /// empty or is held by a party that no area lists, for a while.
    pub unlisted: f64,
}

/// Whether grades fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grades {
    /// Those of the classes.
    Right,
    /// Dealt out among the ordinary sources at random.
    Permuted,
    /// Each one or two letters better or worse, at random.
    Shifted,
}

/// A source that claims only changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tracker {
    /// Mean time until it sees a change.
    pub lag: f64,
    /// False changes per quarter and day, each taken back after about three days.
    pub false_changes: f64,
    /// The day on which most of its places go to another holder, for three days.
    pub outage: Option<f64>,
}

/// Accounts that agree on lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colluders {
    /// Their share of all ordinary sources.
    pub share: f64,
    /// Their grade.
    pub grade: Grade,
}

/// Accounts that say, day after day, that the first actor holds everything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flood {
    /// Their grade.
    pub grade: Grade,
    /// How many accounts.
    pub accounts: usize,
    /// How often each speaks, of one quarter or another.
    pub per_day: f64,
    /// From which day on.
    pub from_day: f64,
    /// The share of quarters that they speak of.
    pub quarters: f64,
}

/// One lie about one quarter, from ever new identities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewIdentities {
    /// How many.
    pub count: usize,
    /// On which day.
    pub day: f64,
}

impl Scenario {
    /// Nobody attacks the system.
    #[must_use]
    pub fn base() -> Self {
        Self {
            name: "base",
            days: 365.0,
            cities: 8,
            quarters: 5,
            activity: 1.0,
            rumour_gap: 60.0,
            fast_assaults: 0.0,
            wrong_places: 0.0,
            grades: Grades::Right,
            trackers: Vec::new(),
            colluders: None,
            flood: None,
            new_identities: None,
            dishonest: Vec::new(),
            outage: None,
            takeover: None,
            unlisted: 0.0,
        }
    }

    /// Few reports.
    #[must_use]
    pub fn sparse() -> Self {
        Self {
            name: "sparse",
            activity: 0.15,
            ..Self::base()
        }
    }

    /// Three times the rumours.
    #[must_use]
    pub fn rumours() -> Self {
        Self {
            name: "rumours",
            rumour_gap: 20.0,
            ..Self::base()
        }
    }

    /// A share of all sources tells the same lies.
    #[must_use]
    pub fn colluders(share: f64, grade: Grade) -> Self {
        Self {
            name: "colluders",
            colluders: Some(Colluders { share, grade }),
            ..Self::base()
        }
    }

    /// Eight accounts from day 120 on.
    #[must_use]
    pub fn flood(grade: Grade) -> Self {
        Self {
            name: "flood",
            flood: Some(Flood {
                grade,
                accounts: 8,
                per_day: 3.0,
                from_day: 120.0,
                quarters: 0.3,
            }),
            ..Self::base()
        }
    }

    /// Ten thousand new identities on one quarter in one day.
    #[must_use]
    pub fn flood_of_new_identities() -> Self {
        Self {
            name: "new identities",
            new_identities: Some(NewIdentities {
                count: 10_000,
                day: 200.0,
            }),
            ..Self::base()
        }
    }

    /// Three trackers and nobody else.
    #[must_use]
    pub fn trackers_alone() -> Self {
        Self {
            name: "trackers alone",
            activity: 0.0,
            ..Self::changes_only()
        }
    }

    /// Three trackers beside few other reports.
    #[must_use]
    pub fn changes_only() -> Self {
        let tracker = |lag, false_changes| Tracker {
            lag,
            false_changes,
            outage: None,
        };
        Self {
            name: "changes only",
            trackers: vec![
                tracker(0.3, 0.004),
                tracker(2.0, 0.002),
                tracker(5.0, 0.001),
            ],
            ..Self::sparse()
        }
    }

    /// The same, and the fastest tracker is off for three days.
    #[must_use]
    pub fn tracker_outage() -> Self {
        let mut scenario = Self::changes_only();
        scenario.name = "tracker outage";
        if let Some(first) = scenario.trackers.first_mut() {
            first.outage = Some(180.0);
        }
        scenario
    }

    /// Two sources graded A and B lie for the first actor.
    #[must_use]
    pub fn dishonest_anchors() -> Self {
        Self {
            name: "dishonest anchors",
            dishonest: vec![Grade::A, Grade::B],
            ..Self::base()
        }
    }

    /// Cities fall within hours, and everybody speaks at once.
    #[must_use]
    pub fn hour_battles() -> Self {
        Self {
            name: "hour battles",
            fast_assaults: 0.7,
            ..Self::base()
        }
    }

    /// Grades say nothing.
    #[must_use]
    pub fn permuted_grades() -> Self {
        Self {
            name: "permuted grades",
            grades: Grades::Permuted,
            ..Self::base()
        }
    }

    /// Grades are off by one or two.
    #[must_use]
    pub fn shifted_grades() -> Self {
        Self {
            name: "shifted grades",
            grades: Grades::Shifted,
            ..Self::base()
        }
    }

    /// One report in twenty names a neighbouring quarter.
    #[must_use]
    pub fn wrong_places() -> Self {
        Self {
            name: "wrong places",
            wrong_places: 0.05,
            ..Self::base()
        }
    }

    /// The best sources are silent for two months.
    #[must_use]
    pub fn silence() -> Self {
        Self {
            name: "silence",
            outage: Some((150.0, 210.0)),
            ..Self::base()
        }
    }

    /// Two sources change hands and do not say so.
    #[must_use]
    pub fn takeover() -> Self {
        Self {
            name: "takeover",
            takeover: Some(180.0),
            ..Self::base()
        }
    }

    /// Now and then nobody holds a quarter, or a party does that no area lists.
    #[must_use]
    pub fn unlisted() -> Self {
        Self {
            name: "unlisted",
            unlisted: 0.5,
            ..Self::base()
        }
    }

    /// The same scenario with so many times the reports.
    #[must_use]
    pub fn with_activity(mut self, factor: f64) -> Self {
        self.activity *= factor;
        self
    }

    /// The same scenario with about so many reports on each quarter in all, its city's
    /// not counted. It is the mean over wars; quarters differ by their activity.
    #[must_use]
    pub fn with_reports_per_place(mut self, reports: f64) -> Self {
        self.activity = reports / (REPORTS_A_DAY * self.days);
        self
    }

    /// The same scenario under another name.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Every scenario that results are told of, the attackers graded C.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let sparse_colluders = Self {
            activity: 0.15,
            ..Self::colluders(0.3, Grade::C)
        };
        vec![
            Self::base(),
            Self::sparse(),
            // The base scenario has about a thousand.
            Self::base()
                .with_reports_per_place(100.0)
                .named("100 a place"),
            Self::base()
                .with_reports_per_place(10.0)
                .named("10 a place"),
            Self::base().with_reports_per_place(1.0).named("1 a place"),
            Self::rumours(),
            Self::colluders(0.3, Grade::C).named("30 % colluders"),
            Self::colluders(0.45, Grade::C).named("45 % colluders"),
            sparse_colluders.named("sparse, 30 % coll."),
            Self::flood(Grade::C),
            Self::flood_of_new_identities(),
            Self::changes_only(),
            Self::trackers_alone(),
            Self::tracker_outage(),
            Self::dishonest_anchors(),
            Self::hour_battles(),
            Self::permuted_grades(),
            Self::shifted_grades(),
            Self::wrong_places(),
            Self::silence(),
            Self::takeover(),
            Self::unlisted(),
        ]
    }
}
