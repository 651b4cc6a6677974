//! Which of the reports that are known count: of each the last version, and nothing that
//! was taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ascertain_domain::id::{ActorId, ReportId, ReportKey, SourceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::registry::View;
use ascertain_domain::report::{Claim, Originator, Predicate, Report, Retractor};
use ascertain_domain::time::{DAY_US, Timestamp};

use crate::records::one_of_each;

/// A report that no longer counts, or not with all of its claims.
#[derive(Debug, Clone, PartialEq)]
pub struct SetAside {
    /// The report.
    pub report: Arc<Report>,
    /// Why.
    pub why: Why,
    /// The report because of which: a later version, or a retraction.
    pub by: Arc<Report>,
    /// When the first of its versions was known.
    pub since: Timestamp,
}

/// Why a report no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Another version of it counts.
    Superseded,
    /// Whoever submitted it, or passed it on, took it back.
    Retracted,
    /// Its originator took back what it says, in a report that another submitted or in
    /// this one: claims of it that say the same do not count.
    RetractedByOriginator,
}

/// The reports that are known, sorted out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sorted {
    /// Those that count, with the claims that count, in the order in which they were first
    /// known, then by key. What another version said in the same claims before was first
    /// known then: to mend a text moves no number.
    pub in_force: Vec<Arc<Report>>,
    /// Those that do not, or not wholly, in the same order.
    pub set_aside: Vec<SetAside>,
}

/// Sorts out which reports count for an audience: one recording of each, of several
/// versions the highest that nothing corrects (of equals that published last), and nothing
/// that was taken back. Order and duplicates do not matter.
#[must_use]
pub fn sort_out(reports: &[Arc<Report>], registry: View<'_>, audience: Audience) -> Sorted {
    let known = one_of_each(reports, audience);
    if known.iter().all(|report| !report.links.are_any()) {
        return Sorted {
            in_force: known.into_iter().cloned().collect(),
            set_aside: Vec::new(),
        };
    }
    let versions = Versions::of(&known, registry);
    let mut sorted = Sorted::default();
    for report in &known {
        let mut aside = |why, by: &Arc<Report>| {
            sorted.set_aside.push(SetAside {
                report: Arc::clone(report),
                why,
                by: Arc::clone(by),
                since: versions.since(report),
            });
        };
        if let Some((why, by)) = versions.set_aside(report) {
            aside(why, by);
            continue;
        }
        let (claims, taken_back) = versions.still_said(report);
        if let Some(by) = taken_back {
            aside(Why::RetractedByOriginator, by);
        }
        if claims.is_empty() {
            continue;
        }
        let first = versions.first_to_say(report);
        if claims.len() == report.claims.len() && first.key() == report.key() {
            sorted.in_force.push(Arc::clone(report));
        } else {
            sorted.in_force.push(Arc::new(Report {
                claims,
                first_known_at: first.first_known_at,
                text_simhash: first.text_simhash,
                ..Report::clone(report)
            }));
        }
    }
    sorted
        .in_force
        .sort_by_cached_key(|r| (r.first_known_at, r.key()));
    sorted
}

/// What an originator took back.
struct TakenBack<'a> {
    source: &'a SourceId,
    said: Statement<'a>,
    /// When it was said.
    published: Timestamp,
    by: &'a Arc<Report>,
}

/// The versions of reports, with what was taken back.
struct Versions<'a> {
    /// The name of the report of which each known one is a version.
    root: BTreeMap<ReportKey, ReportKey>,
    /// The version that counts, by that name.
    last: BTreeMap<ReportKey, &'a Arc<Report>>,
    /// All versions, by that name, in the order in which they were known.
    all: BTreeMap<ReportKey, Vec<&'a Arc<Report>>>,
    /// The first retraction, by that name.
    retracted: BTreeMap<ReportKey, (Retractor, &'a Arc<Report>)>,
    taken_back: Vec<TakenBack<'a>>,
    registry: View<'a>,
}

impl<'a> Versions<'a> {
    fn of(known: &[&'a Arc<Report>], registry: View<'a>) -> Self {
        let root = roots(known);
        let root_of = |key: &ReportKey| root.get(key).unwrap_or(key).clone();
        let corrected: BTreeSet<ReportKey> = known
            .iter()
            .filter_map(|report| Some(key_beside(report, report.links.corrects?)))
            .collect();
        let rank = |report: &Report| {
            // Those with links are in every partition, the one without in those of its places
            // alone: it may not decide which of the others counts.
            let has_links = report.links.are_any();
            let is_last = !corrected.contains(&report.key());
            let version = report.links.version.max(1);
            let times = (report.published_at, report.first_known_at);
            ((has_links, is_last), version, times, report.key())
        };
        let mut last: BTreeMap<ReportKey, &Arc<Report>> = BTreeMap::new();
        let mut all: BTreeMap<ReportKey, Vec<&Arc<Report>>> = BTreeMap::new();
        let mut retracted: BTreeMap<ReportKey, (Retractor, &Arc<Report>)> = BTreeMap::new();
        for report in known {
            let of = root_of(&report.key());
            all.entry(of.clone()).or_default().push(report);
            let last = last.entry(of).or_insert(report);
            if rank(report) > rank(last) {
                *last = report;
            }
            if let Some((target, by)) = report.links.retracts {
                let target = root_of(&key_beside(report, target));
                // They come in the order in which they were known; an originator's word
                // goes further than a submitter's.
                let first = retracted.entry(target).or_insert((by, report));
                if first.0 == Retractor::Submitter && by == Retractor::Originator {
                    *first = (by, report);
                }
            }
        }
        let mut versions = Self {
            root,
            last,
            all,
            retracted,
            taken_back: Vec::new(),
            registry,
        };
        versions.taken_back = known
            .iter()
            .filter_map(|report| {
                let (by, retraction) = versions.retraction(report)?;
                let Originator::Source(source) = &report.originator else {
                    return None;
                };
                (by == Retractor::Originator).then_some((report, source, retraction))
            })
            .flat_map(|(report, source, by)| {
                report.claims.iter().map(move |claim| TakenBack {
                    source,
                    said: Statement::of(claim, report, registry),
                    published: report.published_at,
                    by,
                })
            })
            .collect();
        versions
    }

    fn retraction(&self, report: &Report) -> Option<(Retractor, &'a Arc<Report>)> {
        self.retracted.get(self.root.get(&report.key())?).copied()
    }

    /// Why a report as a whole does not count.
    fn set_aside(&self, report: &Report) -> Option<(Why, &'a Arc<Report>)> {
        if let Some((by, retraction)) = self.retraction(report) {
            let why = match by {
                Retractor::Submitter => Why::Retracted,
                Retractor::Originator => Why::RetractedByOriginator,
            };
            return Some((why, retraction));
        }
        let last = self.last.get(self.root.get(&report.key())?)?;
        (last.key() != report.key()).then_some((Why::Superseded, *last))
    }

    /// The versions of a report, in the order in which they were known.
    fn of_same(&self, report: &Report) -> &[&'a Arc<Report>] {
        let all = self
            .root
            .get(&report.key())
            .and_then(|root| self.all.get(root));
        all.map_or(&[], Vec::as_slice)
    }

    /// When the first version of a report was known.
    fn since(&self, report: &Report) -> Timestamp {
        let first = self.of_same(report).first();
        first.map_or(report.first_known_at, |first| first.first_known_at)
    }

    /// The first version that said what a version says: of the same time, with the same
    /// evidence, passed on by the same hands. Only its words may be others.
    fn first_to_say<'r>(&'r self, report: &'r Arc<Report>) -> &'r Arc<Report> {
        let same = |one: &&&Arc<Report>| {
            one.originator == report.originator
                && one.published_at == report.published_at
                && one.claims == report.claims
                && one.evidence == report.evidence
                && one.relays == report.relays
        };
        let mut versions = self.of_same(report).iter();
        versions.find(same).map_or(report, |first| first)
    }

    /// The claims of a report that its originator did not take back elsewhere, and the
    /// retraction of the others.
    fn still_said(&self, report: &Report) -> (Vec<Claim>, Option<&'a Arc<Report>>) {
        let Originator::Source(source) = &report.originator else {
            return (report.claims.clone(), None);
        };
        let mut by = None;
        let still_said = |claim: &&Claim| {
            let mut taken_back = self.taken_back.iter().filter(|taken| {
                let while_said = taken.published..=taken.by.published_at;
                taken.source == source && while_said.contains(&report.published_at)
            });
            let said = || Statement::of(claim, report, self.registry);
            let found = taken_back.find(|taken| taken.said.is_same(&said()));
            by = by.or(found.map(|taken| taken.by));
            found.is_none()
        };
        let claims = report.claims.iter().filter(still_said).cloned().collect();
        (claims, by)
    }
}

/// What a claim says, however it names the parties: who passes a statement on may call them
/// by other names.
struct Statement<'a> {
    claim: &'a Claim,
    /// The sides of its actors, and of its receivers; actors of no side by themselves.
    parties: [BTreeSet<Party<'a>>; 2],
    happened: (Option<Timestamp>, Option<Timestamp>),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Party<'a> {
    Side(usize),
    Unlisted(&'a ActorId),
}

impl<'a> Statement<'a> {
    fn of(claim: &'a Claim, report: &Report, registry: View<'_>) -> Self {
        let happened = match &claim.event_time {
            Some(time) => time.bounds(),
            // It was said of the day.
            None => {
                let published = report.published_at;
                (Some(published.plus_micros(-DAY_US)), Some(published))
            }
        };
        let time = happened.1.or(happened.0).unwrap_or(report.published_at);
        let place = registry.place(&claim.place);
        let sides = place.map_or(&[][..], |place| registry.sides(place));
        let parties = |actors: &'a [ActorId]| {
            let party = |actor: &'a ActorId| {
                let side = registry.side_of(actor, time, sides);
                side.map_or(Party::Unlisted(actor), Party::Side)
            };
            actors.iter().map(party).collect()
        };
        let receivers = match &claim.predicate {
            Predicate::HandedOver { to, .. } => to.as_slice(),
            _ => &[],
        };
        Self {
            claim,
            parties: [parties(claim.predicate.actors()), parties(receivers)],
            happened,
        }
    }

    /// Whether it is the same statement about the same time.
    fn is_same(&self, other: &Self) -> bool {
        let before = |end: Option<Timestamp>, start: Option<Timestamp>| {
            end.zip(start).is_some_and(|(end, start)| end < start)
        };
        let (one, two) = (self.claim, other.claim);
        one.place == two.place
            && one.predicate.word() == two.predicate.word()
            && one.polarity == two.polarity
            && self.parties == other.parties
            && !before(self.happened.1, other.happened.0)
            && !before(other.happened.1, self.happened.0)
    }
}

/// The key of another report of the same partner.
fn key_beside(report: &Report, other: ReportId) -> ReportKey {
    ReportKey {
        partner: report.partner.clone(),
        report: other,
    }
}

/// For each report, and each that one names as a version of itself, one name for all of
/// its versions: the least of their keys.
fn roots(known: &[&Arc<Report>]) -> BTreeMap<ReportKey, ReportKey> {
    let mut root: BTreeMap<ReportKey, ReportKey> = BTreeMap::new();
    for report in known {
        root.entry(report.key()).or_insert_with(|| report.key());
        let links = report.links;
        for other in [links.root, links.corrects].into_iter().flatten() {
            let other = key_beside(report, other);
            root.entry(other.clone()).or_insert_with(|| other.clone());
            let (one, two) = (find(&root, &report.key()), find(&root, &other));
            let (low, high) = if one <= two { (one, two) } else { (two, one) };
            root.insert(high, low);
        }
    }
    let keys: Vec<ReportKey> = root.keys().cloned().collect();
    keys.into_iter()
        .map(|key| {
            let found = find(&root, &key);
            (key, found)
        })
        .collect()
}

fn find(root: &BTreeMap<ReportKey, ReportKey>, key: &ReportKey) -> ReportKey {
    let mut at = key;
    while let Some(up) = root.get(at).filter(|up| *up != at) {
        at = up;
    }
    at.clone()
}
