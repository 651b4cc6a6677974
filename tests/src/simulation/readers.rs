//! Readers: what they must see, and what must never change.

use std::sync::Arc;
use std::time::Duration;

use ascertain_domain::id::PlaceId;
use ascertain_log::{LogReader as _, PartitionId, Sequence};
use ascertain_proto::token::WriteToken;
use ascertain_proto::v1::query_service_client::QueryServiceClient;
use ascertain_proto::{inward, outward, v1};
use futures::StreamExt as _;
use prost::Message as _;
use tonic::{Code, Status};

use super::clients::{Acknowledged, Book, is_final};
use super::network::call;
use super::said::PLACES;
use super::world::{PLACE_PARTITIONS, Service, World};

/// Somebody who asks so many times.
pub(crate) async fn reader(world: Arc<World>, book: Arc<Book>, count: usize) -> anyhow::Result<()> {
    for _ in 0..count {
        world.chance.delay(900).await;
        let acknowledged = {
            let told = book.open();
            let nth = world.chance.below(told.acknowledged.len());
            told.acknowledged.values().nth(nth).cloned()
        };
        match acknowledged {
            Some(acknowledged) if world.chance.happens(400) => {
                let seen = sees_write(&world, &acknowledged, false).await;
                // Of what is erased less may be seen, or nothing.
                if !book.is_erased(&acknowledged.report.report_id) {
                    seen?;
                }
            }
            _ => ask_about_the_past(&world, &book).await?,
        }
    }
    Ok(())
}

/// Asks for the state at a knowledge time that has come, and keeps the answer.
async fn ask_about_the_past(world: &World, book: &Book) -> anyhow::Result<()> {
    let chance = &world.chance;
    let now = chance.now().micros();
    // Half of the questions are about this very moment.
    let back = if chance.happens(500) {
        0
    } else {
        chance.below(5_000_000)
    };
    let mut known_at = now - i64::try_from(back).unwrap_or(0);
    if chance.happens(300) {
        // Or about the moment of the latest record.
        let ends = world.reports.inner().ends().await?;
        let latest = ends.iter().filter_map(|end| end.known_at).max();
        known_at = latest.map_or(known_at, |latest| latest.micros().min(now));
    }
    let known_at = ascertain_domain::time::Timestamp::from_micros(known_at)?;
    let known_at = outward::timestamp(known_at);
    let of = prost_types::Timestamp {
        seconds: known_at.seconds + 3_600 * (i64::try_from(chance.below(5)).unwrap_or(0) - 2),
        nanos: 0,
    };
    let request = v1::GetControlStateRequest {
        place: chance.pick(&PLACES).copied().unwrap_or_default().to_owned(),
        read: Some(v1::ReadOptions {
            as_of: chance.happens(300).then_some(of),
            as_known_at: Some(known_at),
            ..v1::ReadOptions::default()
        }),
    };
    match ask(world, &request).await {
        Ok(state) => book.open().answers.push((request, state.encode_to_vec())),
        // The place was not registered by then, or the moment was a bad one.
        Err(status) if status.code() == Code::NotFound || !is_final(&status) => {}
        Err(status) => anyhow::bail!("a question is refused: {status}"),
    }
    Ok(())
}

async fn ask(
    world: &World,
    request: &v1::GetControlStateRequest,
) -> Result<v1::ControlState, Status> {
    let answer = call(
        &world.chance,
        world.port(Service::Query),
        "get state",
        |routes| {
            let request = request.clone();
            async move {
                QueryServiceClient::new(routes)
                    .get_control_state(request)
                    .await
            }
        },
    );
    let state = answer.await?.into_inner().state;
    state.ok_or_else(|| Status::internal("an answer without a state"))
}

/// The answer to a question now.
pub(crate) async fn answer_now(
    world: &World,
    request: &v1::GetControlStateRequest,
) -> Result<Vec<u8>, Status> {
    let state = in_the_end(|| ask(world, request)).await?;
    Ok(state.encode_to_vec())
}

/// Asks until there is an answer. Nothing fails any more; but what failed before may
/// only be noticed now, and its service starts again.
async fn in_the_end<T, F>(ask: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut left = 1_000;
    loop {
        match ask().await {
            Err(status) if !is_final(&status) && left > 0 => {
                left -= 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            answer => return answer,
        }
    }
}

async fn get_report(
    world: &World,
    acknowledged: &Acknowledged,
) -> Result<tonic::Response<v1::GetReportResponse>, Status> {
    let port = world.port(Service::Query);
    let answer = call(&world.chance, port, "get report", |routes| {
        let request = v1::GetReportRequest {
            report_id: acknowledged.report.report_id.clone(),
            at_least: vec![acknowledged.token.clone()],
            ..v1::GetReportRequest::default()
        };
        async move { QueryServiceClient::new(routes).get_report(request).await }
    });
    answer.await
}

/// Reads with the token of a write, and sees it. While things fail, an answer may
/// be wanting, but never one without the write.
pub(crate) async fn sees_write(
    world: &World,
    acknowledged: &Acknowledged,
    must_answer: bool,
) -> anyhow::Result<()> {
    let id = &acknowledged.report.report_id;
    let answer = if must_answer {
        in_the_end(|| get_report(world, acknowledged)).await
    } else {
        get_report(world, acknowledged).await
    };
    match answer {
        Ok(answer) => {
            let view = answer.into_inner().report.unwrap_or_default();
            anyhow::ensure!(
                view.first_recorded_at == acknowledged.first_recorded_at,
                "{id} is read with {:?}, and was acknowledged with {:?}",
                view.first_recorded_at,
                acknowledged.first_recorded_at
            );
            let text = view.report.map(|report| report.text);
            anyhow::ensure!(
                text.as_ref() == Some(&acknowledged.report.text),
                "{id} is read with another text"
            );
        }
        Err(status) if !is_final(&status) && !must_answer => return Ok(()),
        Err(status) => anyhow::bail!("{id} was acknowledged, and is not seen: {status}"),
    }
    let token = WriteToken::decode(&acknowledged.token)?;
    for claim in &acknowledged.report.claims {
        let place = claim.place.clone().unwrap_or_default().place_id;
        let home = home_of(&place)?;
        let partition = PartitionId::of_home_area(&home, PLACE_PARTITIONS);
        let sequence = token.positions.get(&partition.0);
        let sequence = sequence.ok_or_else(|| anyhow::anyhow!("{id} lacks {partition}"))?;
        let request = v1::GetControlStateRequest {
            place,
            read: Some(v1::ReadOptions {
                at_least: vec![acknowledged.token.clone()],
                ..v1::ReadOptions::default()
            }),
        };
        let state = if must_answer {
            in_the_end(|| ask(world, &request)).await
        } else {
            ask(world, &request).await
        };
        match state {
            Ok(state) => {
                let known_at = state.as_known_at.unwrap_or_default();
                let known_at = inward::timestamp(&known_at)?;
                let written = known_at_of(world, partition, Sequence(*sequence)).await?;
                anyhow::ensure!(
                    known_at >= written,
                    "a state as known at {known_at} rests on less than {written}"
                );
            }
            Err(status) if !is_final(&status) && !must_answer => {}
            Err(status) => anyhow::bail!("{id} does not show in its place: {status}"),
        }
    }
    Ok(())
}

async fn known_at_of(
    world: &World,
    partition: PartitionId,
    sequence: Sequence,
) -> anyhow::Result<ascertain_domain::time::Timestamp> {
    let before = Sequence(sequence.0.saturating_sub(1));
    let mut follow = world.reports.inner().follow(partition, before, None);
    let batch = tokio::time::timeout(Duration::from_secs(2), follow.next()).await?;
    let batch = batch.transpose()?.unwrap_or_default();
    let record = batch.first();
    let record = record.ok_or_else(|| anyhow::anyhow!("no record {sequence} in {partition}"))?;
    Ok(record.position.known_at)
}

fn home_of(place: &str) -> anyhow::Result<PlaceId> {
    let home = match place {
        "homs-city" => "homs",
        "idlib-city" => "idlib",
        _ => "hama",
    };
    Ok(PlaceId::new(home)?)
}
