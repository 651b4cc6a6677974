//! How a place's state went: as it was published, or with hindsight along valid time.

use ascertain_domain::marking::Audience;
use ascertain_domain::state::ControlState;
use ascertain_domain::time::{DAY_US, HOUR_US, Timestamp};
use ascertain_engine::{Folded, changes, family_places, has_moved};
use ascertain_proto::log::v1::StateCause;
use ascertain_proto::outward;
use ascertain_proto::page::{Bound, PageToken};
use ascertain_proto::v1::{
    GetControlHistoryRequest, GetControlHistoryResponse, HistoryCause, HistoryClock, HistoryPoint,
    Reason,
};
use prost_types::Duration;

use crate::answer::{Answer, family, find};
use crate::error::QueryError;
use crate::follow::Replica;
use crate::grpc::{Handler, fingerprint, page_size_of, page_token_invalid};
use crate::read::{Asked, audience, known_at, see_all_known, see_registry, see_writes, time};

/// Points a page where none are asked for.
const DEFAULT_PAGE: usize = 100;
/// The most published states a page.
const MAX_PUBLISHED: usize = 1_000;
/// The most evaluated states a page: each costs a look at all that is said later.
const MAX_EVALUATED: usize = 200;
/// The most moments in all.
const MAX_POINTS: i64 = 10_000;
/// As many moments are made where no step is given.
const DEFAULT_POINTS: i64 = 200;
/// So far back the moments begin where no beginning is given.
const DEFAULT_SPAN_US: i64 = 30 * DAY_US;

/// Moments along valid time, seen from one knowledge time.
#[derive(Debug, Clone, Copy)]
struct Moments {
    from: Timestamp,
    to: Timestamp,
    step_us: i64,
    as_known_at: Timestamp,
}

/// What is asked for of each page.
#[derive(Debug, Clone)]
struct Page {
    place: String,
    audience: Audience,
    only_changes: bool,
    size: usize,
    bound: Bound,
    token: Option<PageToken>,
}

impl Handler {
    /// A page of the history of a place.
    pub(crate) async fn history(
        &self,
        request: GetControlHistoryRequest,
    ) -> Result<GetControlHistoryResponse, QueryError> {
        let clock = HistoryClock::try_from(request.clock).map_err(|_| {
            let what = format!("{} is no clock", request.clock);
            QueryError::field("clock", Reason::OutOfRange, what)
        })?;
        let along_valid = clock == HistoryClock::Valid;
        let most = if along_valid {
            MAX_EVALUATED
        } else {
            MAX_PUBLISHED
        };
        let bound = fingerprint(&GetControlHistoryRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        });
        let token = match request.page_token.as_str() {
            "" => None,
            token => Some(PageToken::read(token, bound).ok_or_else(page_token_invalid)?),
        };
        let page = Page {
            place: request.place.clone(),
            audience: audience("audience", request.audience)?,
            only_changes: request.only_changes,
            size: page_size_of(request.page_size, DEFAULT_PAGE, most)?,
            bound,
            token,
        };
        see_writes(&self.replica, "at_least", &request.at_least, self.patience).await?;
        see_registry(&self.replica, self.patience).await?;
        if along_valid {
            self.along_valid_time(page, &request).await
        } else {
            self.as_published(page, &request).await
        }
    }

    async fn as_published(
        &self,
        page: Page,
        request: &GetControlHistoryRequest,
    ) -> Result<GetControlHistoryResponse, QueryError> {
        let only_valid = [
            ("as_known_at", request.as_known_at.is_some()),
            ("step", request.step.is_some()),
        ];
        if let Some((field, _)) = only_valid.iter().find(|(_, given)| *given) {
            let what = "is for `clock` VALID only; published states have times of their own";
            return Err(QueryError::field(field, Reason::FieldsExclude, what));
        }
        let from = time("from", request.from.as_ref())?;
        let (now, frontier) = (self.now(), self.replica.frontier());
        let to = known_at("to", request.to.as_ref(), (now, frontier))?;
        if let (Some(from), Some(to)) = (from, to) {
            not_reversed(from, to)?;
        }
        // The end of the first page is that of all.
        let to = page.token.as_ref().map(|token| token.first).or(to);
        let to = to.or(frontier).unwrap_or(now);
        see_all_known(&self.replica, to, self.patience).await?;
        self.replica
            .blocking(move |replica| replica.published(&page, (from, to)))
            .await
    }

    async fn along_valid_time(
        &self,
        page: Page,
        request: &GetControlHistoryRequest,
    ) -> Result<GetControlHistoryResponse, QueryError> {
        let (now, frontier) = (self.now(), self.replica.frontier());
        let asked = known_at("as_known_at", request.as_known_at.as_ref(), (now, frontier))?;
        let to = time("to", request.to.as_ref())?.or(asked);
        let (as_known_at, to) = match &page.token {
            Some(token) => (token.first, Some(end_of(&token.rest)?)),
            None => (asked.or(frontier).unwrap_or(now), to),
        };
        let to = to.unwrap_or(now);
        let from = time("from", request.from.as_ref())?;
        let from = from.unwrap_or_else(|| to.plus_micros(-DEFAULT_SPAN_US));
        not_reversed(from, to)?;
        let moments = Moments {
            from,
            to,
            step_us: step(request.step.as_ref(), to.micros() - from.micros())?,
            as_known_at,
        };
        see_all_known(&self.replica, as_known_at, self.patience).await?;
        self.replica
            .blocking(move |replica| replica.along(&page, moments, now))
            .await
    }
}

impl Replica {
    fn published(
        &self,
        page: &Page,
        (from, to): (Option<Timestamp>, Timestamp),
    ) -> Result<GetControlHistoryResponse, QueryError> {
        let (_, registry) = self.seen();
        let place = find("place", &page.place, registry.latest())?;
        let after = match &page.token {
            None => from.map(|from| (from, u64::MAX)),
            Some(token) => {
                let sequence = token.rest.parse().map_err(|_| page_token_invalid())?;
                Some((token.second, sequence))
            }
        };
        let before = after.map(|after| self.states.published_by(&place.id, after));
        let before = before.transpose()?.flatten();
        let before = before.map(Answer::published);
        let mut before = before.transpose()?;
        let up_to = self.seen_of(&place);
        let states = &self.states;
        let mut entries = states.history(&place.id, (after, to), up_to, page.size + 1)?;
        let more = entries.len() > page.size;
        entries.truncate(page.size);
        let next = entries.last().filter(|_| more).map(|(published, _)| {
            let (second, sequence) = *published;
            let token = PageToken {
                first: to,
                second,
                rest: sequence.to_string(),
            };
            token.write(page.bound)
        });
        let mut points = Vec::new();
        let family = family_places(&place.id, registry.latest());
        for ((known_at, _), entry) in entries {
            let cause = match entry.cause() {
                StateCause::Unspecified => HistoryCause::Unspecified,
                StateCause::Report => HistoryCause::Report,
                StateCause::Registry => HistoryCause::Registry,
                StateCause::Model => HistoryCause::Model,
                StateCause::Erasure => HistoryCause::Erasure,
                StateCause::Adjudication => HistoryCause::Adjudication,
                StateCause::Correction => HistoryCause::Correction,
            };
            let state = self.as_published(entry, (&place.id, &family), known_at)?;
            let last = before.as_ref().map(|before| &before.found);
            points.extend(point(last, &state, cause, page.only_changes));
            before = Some(state);
        }
        Ok(GetControlHistoryResponse {
            points,
            next_page_token: next.unwrap_or_default(),
        })
    }

    /// Folds once for all moments of a page.
    fn along(
        &self,
        page: &Page,
        moments: Moments,
        now: Timestamp,
    ) -> Result<GetControlHistoryResponse, QueryError> {
        let Moments {
            from,
            to,
            step_us,
            as_known_at,
        } = moments;
        let (seen, registry) = self.seen();
        let place = find("place", &page.place, registry.latest())?;
        let asked = Asked {
            as_of: None,
            as_known_at: Some(as_known_at),
            audience: page.audience,
            now,
        };
        let resolved = self.resolve(&place, (&seen, &registry), &asked)?;
        let reports = self.known(&resolved)?;
        let mut folded = Folded::of(family(&resolved, &asked, &reports));
        let mut state = |as_of| {
            let state = folded.evaluate(as_of, as_known_at);
            self.answer(state, &resolved, &asked)
        };
        let first = page.token.as_ref().map_or(from, |token| token.second);
        let is_first = page.token.is_none();
        let before = (!is_first).then(|| state(first.plus_micros(-step_us)));
        let mut before = before.transpose()?;
        let mut points = Vec::new();
        let mut next = Some(first);
        for _ in 0..page.size {
            let Some(as_of) = next.filter(|next| *next <= to) else {
                break;
            };
            let state = state(as_of)?;
            let last = before.as_ref().map(|before| &before.found);
            let cause = HistoryCause::Unspecified;
            points.extend(point(last, &state, cause, page.only_changes));
            before = Some(state);
            // Where time itself ends there is no next.
            next = Timestamp::from_micros(as_of.micros() + step_us).ok();
        }
        let next = next.filter(|next| *next <= to).map(|second| {
            let token = PageToken {
                first: as_known_at,
                second,
                rest: to.micros().to_string(),
            };
            token.write(page.bound)
        });
        Ok(GetControlHistoryResponse {
            points,
            next_page_token: next.unwrap_or_default(),
        })
    }
}

/// A point after another, if it is asked for.
fn point(
    before: Option<&ControlState>,
    state: &Answer<ControlState>,
    cause: HistoryCause,
    only_changes: bool,
) -> Option<HistoryPoint> {
    let differing = before.map(|before| changes(before, &state.found));
    let is_asked_for = !only_changes || differing.as_deref().is_none_or(has_moved);
    is_asked_for.then(|| HistoryPoint {
        state: Some(state.wire()),
        cause: cause.into(),
        changes: differing
            .unwrap_or_default()
            .into_iter()
            .map(|change| outward::state_change(change).into())
            .collect(),
    })
}

fn not_reversed(from: Timestamp, to: Timestamp) -> Result<(), QueryError> {
    if from <= to {
        return Ok(());
    }
    let what = format!("{to} is before `from`, {from}");
    Err(QueryError::field("to", Reason::IntervalReversed, what))
}

/// From moment to moment, microseconds.
fn step(asked: Option<&Duration>, span_us: i64) -> Result<i64, QueryError> {
    // The fewest whole hours that make no more points than these.
    let least = |points: i64| (span_us / (points * HOUR_US) + 1) * HOUR_US;
    let Some(asked) = asked else {
        return Ok(least(DEFAULT_POINTS));
    };
    let micros = asked.seconds.checked_mul(1_000_000);
    let micros = micros.and_then(|us| us.checked_add(i64::from(asked.nanos / 1_000)));
    let micros = micros.filter(|us| *us >= HOUR_US).ok_or_else(|| {
        QueryError::field("step", Reason::OutOfRange, "give at least one hour, 3600s")
    })?;
    let points = span_us / micros + 1;
    if points > MAX_POINTS {
        let would = least(MAX_POINTS) / 1_000_000;
        let what = format!(
            "makes {points} points of this interval, {MAX_POINTS} are the most; give {would}s or more"
        );
        return Err(QueryError::field("step", Reason::TooManyPoints, what));
    }
    Ok(micros)
}

fn end_of(rest: &str) -> Result<Timestamp, QueryError> {
    let micros = rest.parse().ok();
    let end = micros.and_then(|micros| Timestamp::from_micros(micros).ok());
    end.ok_or_else(page_token_invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_step_there_are_at_most_200_points_in_whole_hours() {
        for span in [0, 1, HOUR_US, 199 * HOUR_US, 200 * HOUR_US, 30 * DAY_US] {
            let step = step(None, span).unwrap();
            assert!(step >= HOUR_US && step % HOUR_US == 0, "{span}: {step}");
            assert!(span / step < 200, "{span}: {step}");
        }
    }

    #[test]
    fn a_step_that_makes_too_many_points_is_told_one_that_does() {
        let hour = Duration {
            seconds: 3_600,
            nanos: 0,
        };
        let short = Duration {
            seconds: 3_599,
            nanos: 0,
        };
        assert_eq!(step(Some(&hour), 9_999 * HOUR_US).unwrap(), HOUR_US);
        let too_many = step(Some(&hour), 10_000 * HOUR_US).unwrap_err();
        assert!(too_many.to_string().contains("give 7200s"), "{too_many}");
        assert!(step(Some(&short), HOUR_US).is_err());
    }
}
