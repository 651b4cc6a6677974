//! Partners and readers: they ask until they are answered, and remember what they
//! were told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ascertain_proto::token::WriteToken;
use ascertain_proto::v1;
use ascertain_proto::v1::ingest_service_client::IngestServiceClient;
use ascertain_proto::v1::registry_service_client::RegistryServiceClient;
use ascertain_proto::v1::submit_result::Result as Submitted;
use futures::stream;
use tonic::{Code, Status};

use super::network::call;
use super::said;
use super::world::{Service, World};

/// A client that asked so often in vain is stuck.
const MOST_ATTEMPTS: usize = 2_000;

/// What all clients of a world were told.
#[derive(Default)]
pub(crate) struct Book(Mutex<Told>);

#[derive(Default)]
pub(crate) struct Told {
    /// Reports that were acknowledged, by id.
    pub(crate) acknowledged: BTreeMap<String, Acknowledged>,
    /// Ids whose reports were refused for what they say.
    pub(crate) refused: BTreeSet<String>,
    /// Ids of reports of which something is erased, or about to be.
    pub(crate) erased: BTreeMap<String, v1::ErasureScope>,
    /// Sources that are registered.
    pub(crate) sources: Vec<String>,
    /// Questions about a knowledge time, with their answers.
    pub(crate) answers: Vec<(v1::GetControlStateRequest, Vec<u8>)>,
}

/// An acknowledged report.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) report: v1::Report,
    pub(crate) first_recorded_at: Option<prost_types::Timestamp>,
    pub(crate) token: String,
}

impl Book {
    pub(crate) fn open(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all of a report is erased, or about to be.
    pub(crate) fn is_gone(&self, id: &str) -> bool {
        self.open().erased.get(id) == Some(&v1::ErasureScope::Report)
    }

    /// Whether something of a report is erased, or about to be.
    pub(crate) fn is_erased(&self, id: &str) -> bool {
        self.open().erased.contains_key(id)
    }

    /// Notes an acknowledgement, which must agree with any before.
    fn acknowledge(&self, report: &v1::Report, ack: &v1::Acknowledgement) -> anyhow::Result<()> {
        let mut told = self.open();
        let id = &report.report_id;
        anyhow::ensure!(
            !told.refused.contains(id),
            "{id} was refused, and is acknowledged"
        );
        let acknowledged = Acknowledged {
            report: report.clone(),
            first_recorded_at: ack.first_recorded_at,
            token: ack.write_token.clone(),
        };
        let before = told
            .acknowledged
            .entry(id.clone())
            .or_insert_with(|| acknowledged.clone());
        anyhow::ensure!(
            before.first_recorded_at == acknowledged.first_recorded_at,
            "{id} was acknowledged with {:?}, and again with {:?}",
            before.first_recorded_at,
            acknowledged.first_recorded_at
        );
        let (first, again) = (
            WriteToken::decode(&before.token)?,
            WriteToken::decode(&acknowledged.token)?,
        );
        anyhow::ensure!(
            first == again,
            "{id} was acknowledged at {first:?}, and again at {again:?}"
        );
        Ok(())
    }
}

/// Whether a refusal is about what was asked, and not about the moment.
pub(crate) fn is_final(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::NotFound
            | Code::DeadlineExceeded
    )
}

/// Asks again and again, until the answer is about the question.
pub(crate) async fn until_answered<T, F>(
    world: &World,
    ask: impl Fn() -> F,
) -> anyhow::Result<Result<T, Status>>
where
    F: Future<Output = Result<T, Status>>,
{
    for _ in 0..MOST_ATTEMPTS {
        match ask().await {
            Err(status) if status.code() == Code::DeadlineExceeded => {
                anyhow::bail!("a call hangs: {status}")
            }
            Err(status) if !is_final(&status) => {
                let wait = Duration::from_millis(30) + world.chance.moment(200);
                tokio::time::sleep(wait).await;
            }
            answer => return Ok(answer),
        }
    }
    anyhow::bail!("no answer after {MOST_ATTEMPTS} attempts")
}

/// Submits one report over the unary call, once.
async fn submit_once(world: &World, report: &v1::Report) -> Result<v1::Acknowledgement, Status> {
    let port = world.port(Service::Ingest);
    let answer = call(&world.chance, port, "submit", |routes| {
        let request = v1::SubmitReportRequest {
            report: Some(report.clone()),
            ..v1::SubmitReportRequest::default()
        };
        async move {
            IngestServiceClient::new(routes)
                .submit_report(request)
                .await
        }
    });
    let answer = answer.await?.into_inner().acknowledgement;
    answer.ok_or_else(|| Status::internal("an answer without an acknowledgement"))
}

/// Submits some reports over the stream, once; the answers come in their order.
async fn submit_batch_once(
    world: &World,
    reports: &[v1::Report],
) -> Result<Vec<v1::SubmitResult>, Status> {
    let port = world.port(Service::Ingest);
    call(&world.chance, port, "submit a batch", |routes| {
        let submission = |report: &v1::Report| v1::ReportSubmission {
            report: Some(report.clone()),
            ..v1::ReportSubmission::default()
        };
        let halves = reports.chunks(2).map(|half| v1::SubmitReportsRequest {
            submissions: half.iter().map(submission).collect(),
        });
        let halves: Vec<_> = halves.collect();
        async move {
            let mut client = IngestServiceClient::new(routes);
            let mut answers = client
                .submit_reports(stream::iter(halves))
                .await?
                .into_inner();
            let mut results = Vec::new();
            while let Some(answer) = answers.message().await? {
                results.extend(answer.results);
            }
            Ok(results)
        }
    })
    .await
}

/// A partner with so many reports to tell.
pub(crate) async fn partner(
    world: Arc<World>,
    book: Arc<Book>,
    count: usize,
) -> anyhow::Result<()> {
    let chance = Arc::clone(&world.chance);
    let mut left = count;
    // Reports that others corrected or took back before they come.
    let mut ahead = Vec::new();
    while left > 0 {
        chance.delay(1_200).await;
        let (sources, known) = {
            let told = book.open();
            let known: Vec<String> = told.acknowledged.keys().cloned().collect();
            (told.sources.clone(), known)
        };
        if chance.happens(300) {
            let size = 1 + chance.below(left.min(4));
            let reports: Vec<_> = (0..size)
                .map(|_| said::report(&chance, &sources, &known, &mut ahead))
                .collect();
            left -= size;
            whole_batch(&world, &book, reports).await?;
            continue;
        }
        left -= 1;
        let report = said::report(&chance, &sources, &known, &mut ahead);
        if chance.happens(80) {
            let wrong = said::wrong(report);
            let refused = until_answered(&world, || submit_once(&world, &wrong)).await?;
            anyhow::ensure!(refused.is_err(), "a wrong report is acknowledged");
            book.open().refused.insert(wrong.report_id);
            continue;
        }
        let ack = until_answered(&world, || submit_once(&world, &report)).await?;
        let ack = ack.map_err(|status| anyhow::anyhow!("a right report is refused: {status}"))?;
        book.acknowledge(&report, &ack)?;
        chance.event(format_args!("acknowledged {}", report.report_id));
        if chance.happens(150) {
            let other = said::altered(&report);
            let answer = until_answered(&world, || submit_once(&world, &other)).await?;
            let code = answer.map_err(|status| status.code()).err();
            anyhow::ensure!(
                code == Some(Code::AlreadyExists) || book.is_gone(&report.report_id),
                "another report under the same id is answered {code:?}"
            );
        }
        if chance.happens(150) {
            let again = until_answered(&world, || submit_once(&world, &report)).await?;
            match again {
                Ok(again) => book.acknowledge(&report, &again)?,
                Err(status) => anyhow::ensure!(
                    status.code() == Code::FailedPrecondition && book.is_gone(&report.report_id),
                    "a report that was acknowledged is refused: {status}"
                ),
            }
        }
    }
    Ok(())
}

/// Sends a batch until each of its reports is acknowledged.
async fn whole_batch(world: &World, book: &Book, mut open: Vec<v1::Report>) -> anyhow::Result<()> {
    for _ in 0..MOST_ATTEMPTS {
        let results = until_answered(world, || submit_batch_once(world, &open)).await?;
        let results = results.map_err(|status| anyhow::anyhow!("a batch is refused: {status}"))?;
        let mut again = Vec::new();
        let mut results = results.into_iter().map(|r| r.result);
        for report in open {
            match results.next().flatten() {
                Some(Submitted::Acknowledgement(ack)) => book.acknowledge(&report, &ack)?,
                Some(Submitted::Rejection(rejection)) => {
                    let status = Status::new(Code::from(rejection.code), rejection.message);
                    anyhow::ensure!(!is_final(&status), "a right report is refused: {status}");
                    again.push(report);
                }
                None => again.push(report),
            }
        }
        if again.is_empty() {
            return Ok(());
        }
        open = again;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    anyhow::bail!("a batch is not acknowledged after {MOST_ATTEMPTS} attempts")
}

/// Applies a change of the registry until it is applied.
pub(crate) async fn apply(
    world: &World,
    request: v1::ApplyRegistryRequest,
) -> anyhow::Result<String> {
    let answer = until_answered(world, || async {
        let port = world.port(Service::Ingest);
        let answer = call(&world.chance, port, "apply", |routes| {
            let request = request.clone();
            async move {
                RegistryServiceClient::new(routes)
                    .apply_registry(request)
                    .await
            }
        });
        Ok(answer.await?.into_inner().write_token)
    });
    let answer = answer.await?;
    answer.map_err(|status| anyhow::anyhow!("a change of the registry is refused: {status}"))
}

/// Somebody who keeps the registry, with so many changes to make.
pub(crate) async fn keeper(world: Arc<World>, book: Arc<Book>, count: usize) -> anyhow::Result<()> {
    for number in 0..count {
        world.chance.delay(2_500).await;
        let change = said::change(&world.chance, number);
        let new: Vec<String> = change.sources.iter().map(|s| s.source_id.clone()).collect();
        apply(&world, change).await?;
        let mut told = book.open();
        for source in new {
            if !told.sources.contains(&source) {
                told.sources.push(source);
            }
        }
    }
    Ok(())
}
