//! The face to partners: requests in, answers out, nothing else.

use std::sync::Arc;
use std::time::Duration;

use ascertain_access::{Caller, visible_to};
use ascertain_domain::id::{PartnerId, PlaceId, ReportId, ReportKey};
use ascertain_domain::marking::Audience;
use ascertain_domain::time::Timestamp;
use ascertain_log::PartitionId;
use ascertain_proto::outward;
use ascertain_proto::page::{Bound, PageToken, bound};
use ascertain_proto::v1::query_service_server::QueryService;
use ascertain_proto::v1::{
    BatchGetControlStatesRequest, BatchGetControlStatesResponse, CompareControlStatesRequest,
    CompareControlStatesResponse, ExplainControlStateRequest, ExplainControlStateResponse,
    GetControlHistoryRequest, GetControlHistoryResponse, GetControlStateRequest,
    GetControlStateResponse, GetReportRequest, GetReportResponse, ListAdjudicationsRequest,
    ListAdjudicationsResponse, ListClaimedControlsRequest, ListClaimedControlsResponse,
    ListControlStatesRequest, ListControlStatesResponse, ListErrataRequest, ListErrataResponse,
    ListReportsRequest, ListReportsResponse, ReadOptions, Reason, SummarizeAreaRequest,
    SummarizeAreaResponse, WatchControlStatesRequest, WatchControlStatesResponse,
};
use ascertain_replica::KnownReport;
use ascertain_runtime::Shutdown;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::answer::{Answer, find};
use crate::error::QueryError;
use crate::filter::Filter;
use crate::follow::Replica;
use crate::listing::Rank;
use crate::read::{Asked, known_at, see_all_known, see_registry, see_writes};
use crate::watch::Watch;

/// The most places in one batch.
const MAX_BATCH: usize = 1_000;
/// Items a page where none are asked for.
const DEFAULT_PAGE: usize = 100;
/// The most items a page; larger sizes are clamped.
const MAX_PAGE: usize = 1_000;

/// Places that a summary names where nothing is said.
const DEFAULT_NOTED: usize = 10;
/// The most places that a summary names; larger numbers are clamped.
const MAX_NOTED: usize = 100;

/// Answers over a replica of both logs.
pub(crate) struct Handler {
    pub replica: Arc<Replica>,
    /// How long a read waits for the writes that it must see.
    pub patience: Duration,
    /// As many watches as may be open.
    pub watches: Arc<Semaphore>,
    /// As many pages of errata as are made at once.
    pub errata: Arc<Semaphore>,
    pub shutdown: Shutdown,
}

impl Handler {
    pub(crate) fn now(&self) -> Timestamp {
        (self.replica.clock)()
    }

    async fn asked(&self, read: Option<&ReadOptions>) -> Result<Asked, QueryError> {
        let asked = Asked::from_wire(read, self.now(), self.replica.frontier())?;
        let tokens = read.map_or(&[][..], |r| &r.at_least);
        see_writes(&self.replica, "read.at_least", tokens, self.patience).await?;
        see_registry(&self.replica, self.patience).await?;
        if let Some(known_at) = asked.as_known_at {
            see_all_known(&self.replica, known_at, self.patience).await?;
        }
        Ok(asked)
    }
}

impl Handler {
    /// The times of a page, and the place after which it begins: those of the first page are
    /// those of all.
    async fn asked_page(
        &self,
        read: Option<&ReadOptions>,
        (token, bound): (&str, Bound),
    ) -> Result<(Asked, String), QueryError> {
        let mut asked = self.asked(read).await?;
        if token.is_empty() {
            return Ok((self.at_one_time(asked).await?, String::new()));
        }
        let token = PageToken::read(token, bound).ok_or_else(page_token_invalid)?;
        // Another node may have given the token, and known more.
        see_all_known(&self.replica, token.second, self.patience).await?;
        (asked.as_of, asked.as_known_at) = (Some(token.first), Some(token.second));
        Ok((asked, token.rest))
    }

    /// The same question with one pair of times for all partitions.
    async fn at_one_time(&self, asked: Asked) -> Result<Asked, QueryError> {
        let known = asked.as_known_at.or_else(|| self.replica.frontier());
        let known = known.unwrap_or(asked.now);
        // Some partition may be behind the one that knows most.
        see_all_known(&self.replica, known, self.patience).await?;
        Ok(Asked {
            as_of: Some(asked.as_of.or(asked.as_known_at).unwrap_or(asked.now)),
            as_known_at: Some(known),
            ..asked
        })
    }
}

#[tonic::async_trait]
impl QueryService for Handler {
    async fn get_control_state(
        &self,
        request: Request<GetControlStateRequest>,
    ) -> Result<Response<GetControlStateResponse>, Status> {
        let request = request.into_inner();
        let asked = self.asked(request.read.as_ref()).await?;
        let state = self
            .replica
            .blocking(move |replica| replica.state("place", &request.place, &asked))
            .await?;
        let state = Some(state.wire());
        Ok(Response::new(GetControlStateResponse { state }))
    }

    async fn batch_get_control_states(
        &self,
        request: Request<BatchGetControlStatesRequest>,
    ) -> Result<Response<BatchGetControlStatesResponse>, Status> {
        let request = request.into_inner();
        match request.places.len() {
            0 => {
                return Err(QueryError::field("places", Reason::Required, "names no place").into());
            }
            many if many > MAX_BATCH => {
                let what = format!("names {many} places; {MAX_BATCH} are the most");
                return Err(QueryError::field("places", Reason::TooLong, what).into());
            }
            _ => {}
        }
        let asked = self.asked(request.read.as_ref()).await?;
        let states = self
            .replica
            .blocking(move |replica| {
                let places = request.places.iter().enumerate();
                let state = |(i, place): (usize, &String)| {
                    let state = replica.state(&format!("places[{i}]"), place, &asked)?;
                    Ok(state.wire())
                };
                places.map(state).collect()
            })
            .await?;
        Ok(Response::new(BatchGetControlStatesResponse { states }))
    }

    async fn list_control_states(
        &self,
        request: Request<ListControlStatesRequest>,
    ) -> Result<Response<ListControlStatesResponse>, Status> {
        let request = request.into_inner();
        let size = page_size(request.page_size)?;
        let bound = fingerprint(&ListControlStatesRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        });
        let token = (request.page_token.as_str(), bound);
        let (asked, after) = self.asked_page(request.read.as_ref(), token).await?;
        let page = self
            .replica
            .blocking(move |replica| {
                let registry = replica.registry.snapshot();
                let filter = Filter::from_wire(&request, registry.latest())?;
                replica.page((&request.within_place_id, &after), &filter, &asked, size)
            })
            .await?;
        Ok(Response::new(ListControlStatesResponse {
            states: page.states.iter().map(Answer::wire).collect(),
            next_page_token: next_page(page.after, &asked, bound),
        }))
    }

    async fn list_claimed_controls(
        &self,
        request: Request<ListClaimedControlsRequest>,
    ) -> Result<Response<ListClaimedControlsResponse>, Status> {
        let request = request.into_inner();
        let size = page_size(request.page_size)?;
        let bound = fingerprint(&ListClaimedControlsRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        });
        let token = (request.page_token.as_str(), bound);
        let (asked, after) = self.asked_page(request.read.as_ref(), token).await?;
        let page = self.replica.blocking(move |replica| {
            replica.claimed((&request.within_place_id, &after), &asked, size)
        });
        let (places, after) = page.await?;
        Ok(Response::new(ListClaimedControlsResponse {
            places,
            next_page_token: next_page(after, &asked, bound),
        }))
    }

    type WatchControlStatesStream = ReceiverStream<Result<WatchControlStatesResponse, Status>>;

    async fn watch_control_states(
        &self,
        request: Request<WatchControlStatesRequest>,
    ) -> Result<Response<Self::WatchControlStatesStream>, Status> {
        let permit = Arc::clone(&self.watches).try_acquire_owned();
        let permit = permit.map_err(|_| QueryError::TooManyWatches)?;
        see_registry(&self.replica, self.patience).await?;
        let watch = Watch::open(&self.replica, &request.into_inner(), &self.shutdown).await?;
        Ok(Response::new(watch.start(permit)))
    }

    async fn explain_control_state(
        &self,
        request: Request<ExplainControlStateRequest>,
    ) -> Result<Response<ExplainControlStateResponse>, Status> {
        let request = request.into_inner();
        let asked = self.asked(request.read.as_ref()).await?;
        let explanation = self
            .replica
            .blocking(move |replica| replica.explanation("place", &request.place, &asked))
            .await?;
        let explanation = Some(explanation.wire_in_full());
        Ok(Response::new(ExplainControlStateResponse { explanation }))
    }

    async fn list_reports(
        &self,
        request: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        let request = request.into_inner();
        let clocks = (self.now(), self.replica.frontier());
        let mut known_by = known_at("as_known_at", request.as_known_at.as_ref(), clocks)?;
        see_writes(&self.replica, "at_least", &request.at_least, self.patience).await?;
        see_registry(&self.replica, self.patience).await?;
        let size = page_size(request.page_size)?;
        let bound = ListReportsRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        };
        let bound = fingerprint(&bound);
        let mut before: Option<Rank> = None;
        if request.page_token.is_empty() {
            known_by = known_by.or_else(|| self.replica.frontier());
            if let Some(known_by) = known_by {
                see_all_known(&self.replica, known_by, self.patience).await?;
            }
        } else {
            let token =
                PageToken::read(&request.page_token, bound).ok_or_else(page_token_invalid)?;
            known_by = Some(token.first);
            let position = token.rest.split_once('/');
            let position = position.and_then(|(p, s)| Some((p.parse().ok()?, s.parse().ok()?)));
            let (partition, sequence) = position.ok_or_else(page_token_invalid)?;
            before = Some((token.second.micros(), partition, sequence));
        }
        let found = self
            .replica
            .blocking(move |replica| {
                let registry = replica.registry.snapshot();
                let latest = registry.latest();
                let place = match request.place.as_str() {
                    "" => None,
                    place => Some(find("place", place, latest)?),
                };
                let place = place
                    .as_ref()
                    .map(|place| (&place.id, replica.partition_of(place)));
                let times = (known_by, before);
                let listing = &replica.listing;
                listing.newest(place, times, &replica.reports, size + 1)
            })
            .await?;
        let more = found.len() > size;
        let page = found.get(..size.min(found.len())).unwrap_or_default();
        let next_page_token = match (page.last(), more, known_by) {
            (Some(((known, partition, sequence), _)), true, Some(first)) => {
                let second = Timestamp::from_micros(*known).unwrap_or(Timestamp::MIN);
                PageToken {
                    first,
                    second,
                    rest: format!("{partition}/{sequence}"),
                }
                .write(bound)
            }
            _ => String::new(),
        };
        let page = page.to_vec();
        let reports = self.replica.blocking(move |replica| {
            let visible = |known: &KnownReport| visible_to(known.report.marking, Audience::Clear);
            let page = page.iter().filter(|(_, known)| visible(known));
            page.map(|((_, partition, _), known)| replica.view(PartitionId(*partition), known))
                .collect()
        });
        let reports = reports.await?;
        Ok(Response::new(ListReportsResponse {
            reports,
            next_page_token,
        }))
    }

    async fn get_control_history(
        &self,
        request: Request<GetControlHistoryRequest>,
    ) -> Result<Response<GetControlHistoryResponse>, Status> {
        Ok(Response::new(self.history(request.into_inner()).await?))
    }

    async fn compare_control_states(
        &self,
        request: Request<CompareControlStatesRequest>,
    ) -> Result<Response<CompareControlStatesResponse>, Status> {
        Ok(Response::new(self.compare(request.into_inner()).await?))
    }

    async fn list_errata(
        &self,
        request: Request<ListErrataRequest>,
    ) -> Result<Response<ListErrataResponse>, Status> {
        Ok(Response::new(self.errata(request.into_inner()).await?))
    }

    async fn summarize_area(
        &self,
        request: Request<SummarizeAreaRequest>,
    ) -> Result<Response<SummarizeAreaResponse>, Status> {
        let request = request.into_inner();
        let most = match usize::try_from(request.most) {
            Ok(0) => DEFAULT_NOTED,
            Ok(most) => most.min(MAX_NOTED),
            Err(_) => {
                let what = format!("{} is below 0; 0 is read as {DEFAULT_NOTED}", request.most);
                return Err(QueryError::field("most", Reason::OutOfRange, what).into());
            }
        };
        let asked = self.asked(request.read.as_ref()).await?;
        let asked = self.at_one_time(asked).await?;
        let times = (asked.as_of, asked.as_known_at);
        let summary = self
            .replica
            .blocking(move |replica| replica.summary(&request.within_place_id, most, &asked))
            .await?;
        Ok(Response::new(outward::area_summary(&summary, times)))
    }

    async fn list_adjudications(
        &self,
        request: Request<ListAdjudicationsRequest>,
    ) -> Result<Response<ListAdjudicationsResponse>, Status> {
        let request = request.into_inner();
        let clocks = (self.now(), self.replica.frontier());
        let known_by = known_at("as_known_at", request.as_known_at.as_ref(), clocks)?;
        see_writes(&self.replica, "at_least", &request.at_least, self.patience).await?;
        see_registry(&self.replica, self.patience).await?;
        if let Some(known_by) = known_by {
            see_all_known(&self.replica, known_by, self.patience).await?;
        }
        let known_by = known_by.unwrap_or(Timestamp::MAX);
        let adjudications = self.replica.blocking(move |replica| {
            let registry = replica.registry.snapshot();
            let place = find("place", &request.place, registry.latest())?;
            let known = replica.reports.adjudications().of(&place.id, known_by)?;
            let known = known.iter().take(MAX_PAGE);
            Ok(known
                .filter_map(|k| outward::adjudication(&k.adjudication, k.known_at, k.revoked_at))
                .collect())
        });
        Ok(Response::new(ListAdjudicationsResponse {
            adjudications: adjudications.await?,
        }))
    }

    async fn get_report(
        &self,
        request: Request<GetReportRequest>,
    ) -> Result<Response<GetReportResponse>, Status> {
        let request = request.into_inner();
        see_writes(&self.replica, "at_least", &request.at_least, self.patience).await?;
        let key = report_key(&request)?;
        let report = self.replica.blocking(move |replica| {
            let found = replica.listing.report(&key, None, &replica.reports)?;
            let found =
                found.filter(|(.., known)| visible_to(known.report.marking, Audience::Clear));
            if let Some((partition, _, known)) = found {
                return replica.view(partition, &known);
            }
            let name = format!("{} of {}", key.report, key.partner);
            Err(match replica.tombstones.has(&key)? {
                true => QueryError::ReportErased(name),
                false => QueryError::ReportUnknown(name),
            })
        });
        let report = Some(report.await?);
        Ok(Response::new(GetReportResponse { report }))
    }
}

fn report_key(request: &GetReportRequest) -> Result<ReportKey, QueryError> {
    let caller = Caller::local();
    let partner = match request.partner_id.as_str() {
        "" => caller.partner_id.as_str(),
        partner => partner,
    };
    Ok(ReportKey {
        partner: PartnerId::new(partner).map_err(|error| {
            QueryError::field("partner_id", Reason::Malformed, error.to_string())
        })?,
        report: ReportId::parse(&request.report_id).ok_or_else(|| {
            let what = format!("`{}` is no UUID in its hyphenated form", request.report_id);
            QueryError::field("report_id", Reason::InvalidUuid, what)
        })?,
    })
}

/// The token of the page after a place; empty after the last.
fn next_page(after: Option<PlaceId>, asked: &Asked, bound: Bound) -> String {
    match (after, asked.as_of, asked.as_known_at) {
        (Some(last), Some(first), Some(second)) => PageToken {
            first,
            second,
            rest: last.to_string(),
        }
        .write(bound),
        _ => String::new(),
    }
}

fn page_size(asked: i32) -> Result<usize, QueryError> {
    page_size_of(asked, DEFAULT_PAGE, MAX_PAGE)
}

/// Items a page, of a list with its own default and limit.
pub(crate) fn page_size_of(asked: i32, default: usize, most: usize) -> Result<usize, QueryError> {
    match usize::try_from(asked) {
        Ok(0) => Ok(default),
        Ok(size) => Ok(size.min(most)),
        Err(_) => {
            let what = format!("{asked} is below 0; 0 is read as {default}");
            Err(QueryError::field("page_size", Reason::OutOfRange, what))
        }
    }
}

/// What a page token must have been made for.
pub(crate) fn fingerprint(request: &impl prost::Message) -> Bound {
    bound(&request.encode_to_vec())
}

pub(crate) fn page_token_invalid() -> QueryError {
    let what = "is no token of this list; start again without one";
    QueryError::field("page_token", Reason::PageTokenInvalid, what)
}
