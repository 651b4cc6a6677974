//! Two states of a place side by side, and what lies between them.

use ascertain_domain::marking::Audience;
use ascertain_domain::place::Place;
use ascertain_domain::registry::Registry;
use ascertain_domain::time::Timestamp;
use ascertain_engine::{Folded, changes, claims_between, group_differences, has_moved};
use ascertain_proto::outward;
use ascertain_proto::page::PageToken;
use ascertain_proto::v1::{
    CompareControlStatesRequest, CompareControlStatesResponse, Reason, StateChange,
    StateComparison, StateTimes,
};

use crate::answer::{Answer, Resolved, Seen, family, find};
use crate::error::QueryError;
use crate::follow::Replica;
use crate::grpc::{Handler, fingerprint, page_size_of, page_token_invalid};
use crate::read::{Asked, audience, known_at, see_all_known, see_registry, see_writes, time};

/// Places a page where none are asked for.
const DEFAULT_PAGE: usize = 20;
/// The most places a page: each is folded twice.
const MAX_PAGE: usize = 100;
/// The most places that a page looks at.
const MAX_LOOKED_AT: usize = 1_000;
/// The most groups that are told.
const MAX_GROUPS: usize = 32;
/// The most claims that are told.
const MAX_CLAIMS: usize = 100;

/// The state that stands at one of the two pairs of times.
struct Stands<'a> {
    resolved: Resolved<'a>,
    answer: Answer<ascertain_domain::state::ControlState>,
}

impl Handler {
    /// Compares the states of a place, or a page of those of an area.
    pub(crate) async fn compare(
        &self,
        request: CompareControlStatesRequest,
    ) -> Result<CompareControlStatesResponse, QueryError> {
        let of_area = !request.within_place_id.is_empty();
        match (request.place.is_empty(), of_area) {
            (true, false) => {
                let what = "name a place here, or an area in `within_place_id`";
                return Err(QueryError::field("place", Reason::Required, what));
            }
            (false, true) => {
                let what = "name an area here, or a `place`, not both";
                let field = "within_place_id";
                return Err(QueryError::field(field, Reason::FieldsExclude, what));
            }
            _ => {}
        }
        let Some(from) = &request.from else {
            let what = "say which times the one state is of";
            return Err(QueryError::field("from", Reason::Required, what));
        };
        let size = page_size_of(request.page_size, DEFAULT_PAGE, MAX_PAGE)?;
        let audience = audience("audience", request.audience)?;
        let clocks = (self.now(), self.replica.frontier());
        let none = StateTimes::default();
        let mut from = asked("from", from, audience, clocks)?;
        let mut to = asked("to", request.to.as_ref().unwrap_or(&none), audience, clocks)?;
        see_writes(&self.replica, "at_least", &request.at_least, self.patience).await?;
        see_registry(&self.replica, self.patience).await?;
        let bound = fingerprint(&CompareControlStatesRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        });
        let mut after = String::new();
        if !request.page_token.is_empty() {
            let token = PageToken::read(&request.page_token, bound);
            let token = token.ok_or_else(page_token_invalid)?;
            let (times, place) = rest_of(&token.rest).ok_or_else(page_token_invalid)?;
            (from.as_known_at, to.as_known_at) = (Some(token.first), Some(token.second));
            (from.as_of, to.as_of) = (Some(times.0), Some(times.1));
            place.clone_into(&mut after);
        } else if of_area {
            // The times of the first page are those of all.
            settle(&mut from, clocks);
            settle(&mut to, clocks);
        }
        for known in [from.as_known_at, to.as_known_at].into_iter().flatten() {
            see_all_known(&self.replica, known, self.patience).await?;
        }
        if !of_area {
            let compare = move |replica: &Replica| replica.compared(&request.place, (&from, &to));
            let comparison = self.replica.blocking(compare).await?;
            return Ok(CompareControlStatesResponse {
                comparisons: vec![comparison],
                next_page_token: String::new(),
            });
        }
        let within = request.within_place_id;
        let (comparisons, last) = self
            .replica
            .blocking(move |replica| replica.compared_within((&within, &after), (&from, &to), size))
            .await?;
        let times = (from.as_known_at, to.as_known_at, from.as_of, to.as_of);
        let next_page_token = match (last, times) {
            (Some(last), (Some(first), Some(second), Some(from), Some(to))) => PageToken {
                first,
                second,
                rest: format!("{}/{}/{last}", from.micros(), to.micros()),
            }
            .write(bound),
            _ => String::new(),
        };
        Ok(CompareControlStatesResponse {
            comparisons,
            next_page_token,
        })
    }
}

impl Replica {
    fn compared(
        &self,
        place: &str,
        (from, to): (&Asked, &Asked),
    ) -> Result<StateComparison, QueryError> {
        let (seen, registry) = self.seen();
        let place = find("place", place, registry.latest())?;
        let known = (&seen, &*registry);
        let before = self.stands(&place, known, from)?;
        let after = self.stands(&place, known, to)?;
        if before.is_none() && after.is_none() {
            // As for one state: it says at which time.
            self.resolve(&place, known, to)?;
        }
        self.side_by_side(&place, (before, after), (from, to))
    }

    /// The places of an area that differ, after one of them, and the last place that was
    /// looked at where there are more.
    fn compared_within(
        &self,
        (within, after): (&str, &str),
        (from, to): (&Asked, &Asked),
        size: usize,
    ) -> Result<(Vec<StateComparison>, Option<String>), QueryError> {
        let (seen, registry) = self.seen();
        let latest = registry.latest();
        let area = find("within_place_id", within, latest)?;
        let mut comparisons = Vec::new();
        let mut last = None;
        let places = latest.places().filter(|place| place.id.as_str() > after);
        let places = places.filter(|place| latest.is_within(&place.id, &area.id));
        for (looked_at, place) in places.enumerate() {
            if comparisons.len() == size || looked_at == MAX_LOOKED_AT {
                return Ok((comparisons, last));
            }
            last = Some(place.id.to_string());
            let known = (&seen, &*registry);
            let before = self.stands(place, known, from)?;
            let after = self.stands(place, known, to)?;
            let differs = match (&before, &after) {
                (Some(before), Some(after)) => {
                    has_moved(&changes(&before.answer.found, &after.answer.found))
                }
                (None, None) => false,
                _ => true,
            };
            if differs {
                let comparison = self.side_by_side(place, (before, after), (from, to))?;
                comparisons.push(comparison);
            }
        }
        Ok((comparisons, None))
    }

    /// What stands at one pair of times; `None` where the place was not registered.
    fn stands<'a>(
        &self,
        place: &Place,
        known: (&Seen, &'a Registry),
        asked: &Asked,
    ) -> Result<Option<Stands<'a>>, QueryError> {
        let resolved = match self.resolve(place, known, asked) {
            Ok(resolved) => resolved,
            Err(QueryError::PlaceUnknown(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let answer = self.evaluate(&resolved, asked)?;
        Ok(Some(Stands { resolved, answer }))
    }

    fn side_by_side(
        &self,
        place: &Place,
        (before, after): (Option<Stands<'_>>, Option<Stands<'_>>),
        (from, to): (&Asked, &Asked),
    ) -> Result<StateComparison, QueryError> {
        let mut comparison = StateComparison {
            place_id: place.id.to_string(),
            before: before.as_ref().map(|state| state.answer.wire()),
            after: after.as_ref().map(|state| state.answer.wire()),
            ..StateComparison::default()
        };
        let (Some(before), Some(after)) = (before, after) else {
            comparison.changes.push(StateChange::Place.into());
            return Ok(comparison);
        };
        comparison.changes = changes(&before.answer.found, &after.answer.found)
            .into_iter()
            .map(|change| outward::state_change(change).into())
            .collect();
        let (before, after) = (before.resolved, after.resolved);
        let (reports_before, reports_after) = (self.known(&before)?, self.known(&after)?);
        let mut folded = Folded::of(family(&after, to, &reports_after));
        let state = folded.evaluate(after.as_of, after.as_known_at);
        if let Some((outcome, probability)) = state.leader() {
            comparison.weighed = Some(outward::outcome(outcome, *probability));
            let mut earlier = Folded::of(family(&before, from, &reports_before));
            let weights = earlier.contributions_for(outcome, before.as_of, before.as_known_at);
            let groups = group_differences(&weights, &state.contributions);
            let told = groups.iter().take(MAX_GROUPS);
            comparison.groups = told.map(outward::group_difference).collect();
            comparison.remaining_groups = beyond(groups.len(), MAX_GROUPS);
        }
        let one = family(&before, from, &reports_before);
        let other = family(&after, to, &reports_after);
        let families = if before.as_known_at <= after.as_known_at {
            (one, other)
        } else {
            (other, one)
        };
        let valid = (before.as_of.min(after.as_of), before.as_of.max(after.as_of));
        let claims = claims_between(families, valid);
        comparison.remaining_claims = beyond(claims.len(), MAX_CLAIMS);
        let told = claims.iter().skip(claims.len().saturating_sub(MAX_CLAIMS));
        comparison.claims = told.map(outward::claim_between).collect();
        Ok(comparison)
    }
}

fn beyond(all: usize, told: usize) -> u32 {
    u32::try_from(all.saturating_sub(told)).unwrap_or(u32::MAX)
}

fn asked(
    field: &str,
    times: &StateTimes,
    audience: Audience,
    clocks: (Timestamp, Option<Timestamp>),
) -> Result<Asked, QueryError> {
    let known = format!("{field}.as_known_at");
    Ok(Asked {
        as_of: time(&format!("{field}.as_of"), times.as_of.as_ref())?,
        as_known_at: known_at(&known, times.as_known_at.as_ref(), clocks)?,
        audience,
        now: clocks.0,
    })
}

/// Settles the times that are not given.
fn settle(asked: &mut Asked, (now, frontier): (Timestamp, Option<Timestamp>)) {
    asked.as_of = asked.as_of.or(asked.as_known_at).or(Some(now));
    asked.as_known_at = asked.as_known_at.or(frontier).or(Some(now));
}

/// The two valid times of a token, and the place after which it goes on.
fn rest_of(rest: &str) -> Option<((Timestamp, Timestamp), &str)> {
    let (from, rest) = rest.split_once('/')?;
    let (to, place) = rest.split_once('/')?;
    let time = |micros: &str| Timestamp::from_micros(micros.parse().ok()?).ok();
    Some(((time(from)?, time(to)?), place))
}
