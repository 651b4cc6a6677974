//! Errata: what corrections, retractions and erasures changed in what had been published.

use std::sync::Arc;

use ascertain_access::visible_to;
use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::registry::Registry;
use ascertain_domain::report::Report;
use ascertain_domain::state::ControlState;
use ascertain_domain::time::Timestamp;
use ascertain_engine::{
    Folded, SetAside, Why, changes, distance, family_places, has_moved, sort_out, taken_back,
};
use ascertain_log::{PartitionId, Sequence};
use ascertain_proto::outward::{self, report_reference};
use ascertain_proto::page::PageToken;
use ascertain_proto::v1::{
    Erratum, ErratumCause, ListErrataRequest, ListErrataResponse, Reason, ReportReference,
};

use crate::answer::{Answer, Resolved, Seen, family, find};
use crate::error::QueryError;
use crate::follow::Replica;
use crate::grpc::{Handler, fingerprint, page_size_of, page_token_invalid};
use crate::read::{Asked, audience, known_at, see_all_known, see_registry, see_writes, time};
use crate::states::{ErratumAt, Published};

/// Errata a page where none are asked for.
const DEFAULT_PAGE: usize = 20;
/// The most errata a page: each costs two folds.
const MAX_PAGE: usize = 100;
/// The most errata that a page looks at.
const MAX_LOOKED_AT: usize = 200;
/// The most published states that an erratum looks at.
const MAX_STATES: usize = 200;
/// The most reports that are named as taken back.
const MAX_TAKEN_BACK: usize = 16;

/// What is asked for of each page.
struct Page {
    within: String,
    only_moved: bool,
    size: usize,
    after: (Option<ErratumAt>, Option<Timestamp>),
    asked: Asked,
}

/// Why something counts no longer.
struct Taken {
    cause: ErratumCause,
    report: Option<ReportReference>,
    back: Vec<SetAside>,
    /// When the first of it was known; `None` where that is not known any more.
    since: Option<Timestamp>,
}

/// What one moment was believed to be, and is.
struct Moment {
    before: Answer<ControlState>,
    after: Answer<ControlState>,
    has_moved: bool,
}

impl Handler {
    /// A page of errata.
    pub(crate) async fn errata(
        &self,
        request: ListErrataRequest,
    ) -> Result<ListErrataResponse, QueryError> {
        let (now, frontier) = (self.now(), self.replica.frontier());
        let size = page_size_of(request.page_size, DEFAULT_PAGE, MAX_PAGE)?;
        let known_after = time("known_after", request.known_after.as_ref())?;
        let asked = known_at("as_known_at", request.as_known_at.as_ref(), (now, frontier))?;
        if let (Some(after), Some(by)) = (known_after, asked)
            && by < after
        {
            let what = format!("{by} is before `known_after`, {after}");
            let field = "as_known_at";
            return Err(QueryError::field(field, Reason::IntervalReversed, what));
        }
        let audience = audience("audience", request.audience)?;
        let bound = fingerprint(&ListErrataRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        });
        let token = match request.page_token.as_str() {
            "" => None,
            token => Some(PageToken::read(token, bound).ok_or_else(page_token_invalid)?),
        };
        see_writes(&self.replica, "at_least", &request.at_least, self.patience).await?;
        see_registry(&self.replica, self.patience).await?;
        // The end of the first page is that of all.
        let known_by = token.as_ref().map(|token| token.first);
        let known_by = known_by.or(asked).or(self.replica.frontier());
        let known_by = known_by.unwrap_or(now);
        see_all_known(&self.replica, known_by, self.patience).await?;
        let after = token.as_ref().map(place_of).transpose()?;
        let page = Page {
            within: request.within_place_id,
            only_moved: request.only_moved,
            size,
            after: (after, known_after),
            asked: Asked {
                as_of: None,
                as_known_at: Some(known_by),
                audience,
                now,
            },
        };
        let read = move |replica: &Replica| replica.errata(&page);
        let (errata, last) = self.replica.blocking(read).await?;
        let next = last.map(|last| {
            let token = PageToken {
                first: known_by,
                second: last.known_at,
                rest: format!("{}/{}/{}", last.partition.0, last.sequence, last.place),
            };
            token.write(bound)
        });
        Ok(ListErrataResponse {
            errata,
            next_page_token: next.unwrap_or_default(),
            known_up_to: Some(outward::timestamp(known_by)),
        })
    }
}

impl Replica {
    /// A page, and the last erratum that was looked at where there are more.
    fn errata(&self, page: &Page) -> Result<(Vec<Erratum>, Option<ErratumAt>), QueryError> {
        let (seen, registry) = self.seen();
        let latest = registry.latest();
        let area = match page.within.as_str() {
            "" => None,
            within => Some(find("within_place_id", within, latest)?),
        };
        let known_by = page.asked.as_known_at.unwrap_or(Timestamp::MAX);
        let after = (page.after.0.as_ref(), page.after.1);
        let all = self.states.errata(after, known_by, MAX_LOOKED_AT + 1)?;
        let mut errata = Vec::new();
        let mut last = None;
        for (looked_at, at) in all.iter().enumerate() {
            if errata.len() == page.size || looked_at == MAX_LOOKED_AT {
                return Ok((errata, last));
            }
            last = Some(at.clone());
            let area = area.as_ref();
            if area.is_some_and(|area| !latest.is_within(&at.place, &area.id)) {
                continue;
            }
            let erratum = self.erratum(at, (&seen, &registry), &page.asked)?;
            errata.extend(erratum.filter(|erratum| !page.only_moved || erratum.states_moved > 0));
        }
        Ok((errata, None))
    }

    /// One erratum; `None` where its place was not registered by then, which is no place of
    /// which anything was published.
    fn erratum(
        &self,
        at: &ErratumAt,
        (seen, registry): (&Seen, &Registry),
        asked: &Asked,
    ) -> Result<Option<Erratum>, QueryError> {
        let Some(place) = registry.latest().place(&at.place) else {
            return Ok(None);
        };
        // As its record left what was known.
        let mut seen = seen.clone();
        if let Some(up_to) = seen.get_mut(&at.partition) {
            up_to.report_sequence = at.sequence;
        }
        let asked = Asked {
            as_known_at: Some(at.known_at),
            ..*asked
        };
        let mut resolved = self.resolve(place, (&seen, registry), &asked)?;
        let after = self.known(&resolved)?;
        let before = self.known_up_to(&resolved, at.sequence.saturating_sub(1))?;
        let taken = self.taken(at, &resolved, (&before, &after), asked.audience)?;
        let published = match taken.since {
            Some(since) => {
                let end = (at.known_at, at.sequence);
                self.states.publications(&at.place, since, end)?
            }
            None => Vec::new(),
        };
        let places = family_places(&at.place, resolved.registry);
        let of_erasure = taken.cause == ErratumCause::Erasure;
        let mut folded_before = Folded::of(family(&resolved, &asked, &before));
        let mut folded_after = Folded::of(family(&resolved, &asked, &after));
        let mut moment = |moment: Published| -> Result<Moment, QueryError> {
            resolved.as_of = moment.0;
            let entry = match of_erasure {
                true => self.states.published_by(&at.place, moment)?,
                false => None,
            };
            let before = match entry {
                Some(entry) => self.as_published(entry, (&at.place, &places), moment.0)?,
                None => {
                    let state = folded_before.evaluate(moment.0, at.known_at);
                    self.answer(state, &resolved, &asked)?
                }
            };
            let after = folded_after.evaluate(moment.0, at.known_at);
            let after = self.answer(after, &resolved, &asked)?;
            Ok(Moment {
                has_moved: has_moved(&changes(&before.found, &after.found)),
                before,
                after,
            })
        };
        let mut erratum = Erratum {
            place_id: at.place.to_string(),
            known_at: Some(outward::timestamp(at.known_at)),
            cause: taken.cause.into(),
            report: taken.report,
            taken_back: named(&taken.back),
            remaining_taken_back: beyond(taken.back.len(), MAX_TAKEN_BACK),
            published_states: count(published.len()),
            ..Erratum::default()
        };
        let looked_at = spread(&published, MAX_STATES);
        erratum.states_looked_at = count(looked_at.len());
        let mut most: Option<Moment> = None;
        for published in looked_at {
            let found = moment(published)?;
            if found.has_moved {
                let time = Some(outward::timestamp(published.0));
                erratum.states_moved += 1;
                erratum.moved_from = erratum.moved_from.or(time);
                erratum.moved_to = time;
            }
            // Of equals the later.
            let rank = |m: &Moment| (m.has_moved, distance(&m.before.found, &m.after.found));
            if most.as_ref().is_none_or(|most| rank(&found) >= rank(most)) {
                most = Some(found);
            }
        }
        let most = match most {
            Some(most) => most,
            // Nothing had been published: what it changes is the present.
            None => moment((at.known_at, at.sequence.saturating_sub(1)))?,
        };
        let differing = changes(&most.before.found, &most.after.found).into_iter();
        erratum.changes = differing.map(|c| outward::state_change(c).into()).collect();
        erratum.before = Some(most.before.wire());
        erratum.after = Some(most.after.wire());
        Ok(Some(erratum))
    }

    /// What a record took back of the reports of a place.
    fn taken(
        &self,
        at: &ErratumAt,
        resolved: &Resolved<'_>,
        (before, after): (&[Arc<Report>], &[Arc<Report>]),
        audience: Audience,
    ) -> Result<Taken, QueryError> {
        if let Some(key) = self.tombstones.erased_by(at.partition, at.sequence)? {
            let sequence = Sequence(at.sequence);
            let gone = self.reports.gone((at.partition, sequence))?;
            let gone = gone.unwrap_or_default();
            return Ok(Taken {
                cause: ErratumCause::Erasure,
                report: Some(report_reference(&key, "")),
                back: Vec::new(),
                since: gone.recordings.iter().map(|(_, known)| *known).min(),
            });
        }
        let sorted = |reports| sort_out(reports, resolved.registry, audience);
        let back = taken_back(&sorted(before), &sorted(after));
        let cause = match back.as_slice() {
            [] => ErratumCause::Unspecified,
            back if back.iter().all(|aside| aside.why == Why::Superseded) => {
                ErratumCause::Correction
            }
            _ => ErratumCause::Retraction,
        };
        let by = back.first().map(|aside| &aside.by);
        let by = by.filter(|by| visible_to(by.marking, audience));
        Ok(Taken {
            cause,
            report: by.map(|by| report_reference(&by.key(), &by.partner_reference)),
            since: back.iter().map(|aside| aside.report.first_known_at).min(),
            back,
        })
    }
}

fn named(back: &[SetAside]) -> Vec<ReportReference> {
    let reports = back.iter().take(MAX_TAKEN_BACK).map(|aside| &aside.report);
    reports
        .map(|report| report_reference(&report.key(), &report.partner_reference))
        .collect()
}

/// At most so many of all, evenly, the first and the last among them.
fn spread(all: &[Published], most: usize) -> Vec<Published> {
    if all.len() <= most {
        return all.to_vec();
    }
    let at = |i: usize| i * (all.len() - 1) / (most - 1);
    (0..most).filter_map(|i| all.get(at(i)).copied()).collect()
}

fn beyond(all: usize, told: usize) -> u32 {
    count(all.saturating_sub(told))
}

fn count(all: usize) -> u32 {
    u32::try_from(all).unwrap_or(u32::MAX)
}

/// The erratum after which the page of a token begins.
fn place_of(token: &PageToken) -> Result<ErratumAt, QueryError> {
    let mut parts = token.rest.splitn(3, '/');
    let mut part = || parts.next().ok_or_else(page_token_invalid);
    let (partition, sequence, place) = (part()?, part()?, part()?);
    Ok(ErratumAt {
        known_at: token.second,
        partition: PartitionId(partition.parse().map_err(|_| page_token_invalid())?),
        sequence: sequence.parse().map_err(|_| page_token_invalid())?,
        place: PlaceId::new(place).map_err(|_| page_token_invalid())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_the_first_and_the_last_are_among_those_that_are_looked_at() {
        let all: Vec<Published> = (0..1_000).map(|i| (Timestamp::MIN, i)).collect();
        let some = spread(&all, 200);
        assert_eq!((some.len(), some[0].1, some[199].1), (200, 0, 999));
        assert!(some.windows(2).all(|pair| pair[0].1 < pair[1].1));
        assert_eq!(spread(&all[..200], 200), all[..200]);
    }
}
