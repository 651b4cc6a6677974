//! Errata: what corrections, retractions and erasures changed in what had been published.

mod cursor;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ascertain_access::visible_to;
use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::place::Place;
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
use ascertain_proto::token::WriteToken;
use ascertain_proto::v1::{
    Erratum, ErratumCause, ListErrataRequest, ListErrataResponse, Reason, ReportReference,
};

use cursor::Cursor;

use crate::answer::{Answer, Resolved, Seen, family, find};
use crate::error::QueryError;
use crate::follow::Replica;
use crate::grpc::{Handler, fingerprint, page_size_of, page_token_invalid};
use crate::read::{
    Asked, audience, known_at, see_all_known, see_positions, see_registry, see_write, see_writes,
    time,
};
use crate::states::{ErratumAt, Published, UpTo};

/// Errata a page where none are asked for.
const DEFAULT_PAGE: usize = 20;
/// The most errata a page: each costs folds of its place.
const MAX_PAGE: usize = 100;
/// The most errata that a page looks at.
const MAX_LOOKED_AT: usize = 200;
/// The most published states that an erratum looks at.
const MAX_STATES: usize = 100;
/// A page ends with the erratum that took it beyond this.
const MAX_WORK: Duration = Duration::from_secs(2);
/// The most reports that are named as taken back.
const MAX_TAKEN_BACK: usize = 16;

/// What is asked for of each page.
struct Page {
    within: String,
    only_moved: bool,
    size: usize,
    known_after: Option<Timestamp>,
    known_by: Option<Timestamp>,
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
        let cursor = token.as_ref().map(|token| Cursor::read(&token.rest));
        let cursor = cursor
            .map(|read| read.ok_or_else(page_token_invalid))
            .transpose()?;
        see_writes(&self.replica, "at_least", &request.at_least, self.patience).await?;
        let told = self.told(&request.feed_token).await?;
        if let Some(cursor) = &cursor {
            let here = self.replica.partitions.keys().map(|id| id.0);
            if !cursor.up_to().into_keys().eq(here) {
                return Err(page_token_invalid());
            }
            see_positions(&self.replica, &cursor.up_to(), self.patience).await?;
        }
        see_registry(&self.replica, self.patience).await?;
        if let Some(by) = asked {
            see_all_known(&self.replica, by, self.patience).await?;
        }
        let (seen, _) = self.replica.seen();
        // The end of the first page is that of all.
        let up_to = |(partition, up_to): (PartitionId, UpTo)| (partition, up_to.report_sequence);
        let here = seen.values().filter_map(|up_to| up_to.known_at).max();
        let cursor = cursor.unwrap_or_else(|| Cursor::new(&told, seen.into_iter().map(up_to)));
        let known_up_to = token.map(|token| token.first).or(asked).or(here);
        let known_up_to = known_up_to.unwrap_or(now);
        let page = Page {
            within: request.within_place_id,
            only_moved: request.only_moved,
            size,
            known_after,
            known_by: asked,
            asked: Asked {
                as_of: None,
                as_known_at: None,
                audience,
                now,
            },
        };
        // One at a time: each page is much work. It goes on without whoever leaves, and
        // nobody's is begun meanwhile.
        let permit = Arc::clone(&self.errata).acquire_owned();
        let permit = tokio::time::timeout(self.patience, permit).await;
        let permit = permit.map_err(|_| QueryError::ErrataUnderWay)?;
        let read = move |replica: &Replica| {
            let _permit = permit;
            replica.errata(&page, cursor)
        };
        let (errata, cursor, is_last) = self.replica.blocking(read).await?;
        let goes_on = || {
            let token = PageToken {
                first: known_up_to,
                second: known_up_to,
                rest: cursor.write(),
            };
            token.write(bound)
        };
        let feed_token = || {
            let token = WriteToken {
                incarnation: self.replica.report_incarnation.0,
                positions: cursor.up_to(),
            };
            token.encode()
        };
        Ok(ListErrataResponse {
            errata,
            known_up_to: Some(outward::timestamp(known_up_to)),
            feed_token: (is_last && asked.is_none())
                .then(feed_token)
                .unwrap_or_default(),
            next_page_token: (!is_last).then(goes_on).unwrap_or_default(),
        })
    }

    /// Up to which records of each partition a list before has told, waiting until they
    /// are here.
    async fn told(&self, feed_token: &str) -> Result<BTreeMap<PartitionId, u64>, QueryError> {
        if feed_token.is_empty() {
            return Ok(BTreeMap::new());
        }
        let positions = see_write(&self.replica, "feed_token", feed_token, self.patience).await?;
        let positions = positions.into_iter();
        Ok(positions
            .map(|(id, sequence)| (PartitionId(id), sequence))
            .collect())
    }
}

impl Replica {
    /// A page, how far the list is with it, and whether it is the last.
    fn errata(
        &self,
        page: &Page,
        mut cursor: Cursor,
    ) -> Result<(Vec<Erratum>, Cursor, bool), QueryError> {
        let begun = Instant::now();
        let (seen, registry) = self.seen();
        let latest = registry.latest();
        let area = match page.within.as_str() {
            "" => None,
            within => Some(find("within_place_id", within, latest)?),
        };
        let mut errata = Vec::new();
        for (looked_at, at) in cursor.clone().rest(&self.states).enumerate() {
            let is_full = errata.len() == page.size || looked_at == MAX_LOOKED_AT;
            if is_full || looked_at > 0 && begun.elapsed() > MAX_WORK {
                return Ok((errata, cursor, false));
            }
            let at = at?;
            cursor.look_at(&at);
            let in_time = page.known_after.is_none_or(|after| at.known_at > after)
                && page.known_by.is_none_or(|by| at.known_at <= by);
            let is_within = |area: &Arc<Place>| latest.is_within(&at.place, &area.id);
            if !in_time || !area.as_ref().is_none_or(is_within) {
                continue;
            }
            let erratum = self.erratum(&at, (&seen, &registry), &page.asked)?;
            errata.extend(erratum.filter(|erratum| !page.only_moved || erratum.states_moved > 0));
        }
        Ok((errata, cursor, true))
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
        let places = family_places(&at.place, resolved.registry);
        let taken = self.taken(at, (&resolved, &places), (&before, &after), asked.audience)?;
        let published = match taken.since {
            Some(since) => {
                let end = (at.known_at, at.sequence);
                self.states.publications(&at.place, since, end)?
            }
            None => Vec::new(),
        };
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
                Some(entry) => {
                    let before = self.as_published(entry, (&at.place, &places), moment.0)?;
                    // Where nothing was published since, it is of an earlier time.
                    resolved.as_of = before.found.as_of;
                    before
                }
                None => {
                    let state = folded_before.evaluate(moment.0, at.known_at);
                    self.answer(state, &resolved, &asked)?
                }
            };
            let after = folded_after.evaluate(resolved.as_of, at.known_at);
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
        (resolved, places): (&Resolved<'_>, &[PlaceId]),
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
        let back = taken_back(&sorted(before), &sorted(after), places);
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
            since: back.iter().map(|aside| aside.since).min(),
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
