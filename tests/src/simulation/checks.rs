//! What must be so at the end, whatever befell the world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ascertain_log::{Incarnation, LogReader as _, MemoryLog, PartitionId, Record, Sequence};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::inward::submission::submitted_digest;
use ascertain_proto::log::v1::{RecordBody, StateRecord, record_body::Content};
use ascertain_proto::token::WriteToken;
use ascertain_proto::{outward, v1};
use futures::StreamExt as _;
use prost::Message as _;

use super::clients::{Book, Told};
use super::log::FaultyLog;
use super::readers::{answer_now, sees_write};
use super::said::PLACES;
use super::world::{PLACE_PARTITIONS, Service, World};

/// How long a world may take to catch up once nothing fails any more.
const PATIENCE: Duration = Duration::from_secs(600);

/// Every record of a log, partition by partition.
async fn records(log: &MemoryLog) -> anyhow::Result<Vec<Vec<Record>>> {
    let mut all = Vec::new();
    for (partition, end) in (0..).map(PartitionId).zip(log.ends().await?) {
        let mut records: Vec<Record> = Vec::new();
        let mut follow = log.follow(partition, Sequence::ZERO, None);
        while (records.len() as u64) < end.last_sequence.0 {
            records.extend(follow.next().await.context("the log ended early")??);
        }
        all.push(records);
    }
    Ok(all)
}

/// Waits until all have what the report log has, and nothing is to be erased any more.
async fn caught_up(world: &World) -> anyhow::Result<()> {
    let waiting = async {
        loop {
            let ends = world.reports.inner().ends().await?;
            let mut behind = false;
            for service in Service::ALL {
                let Some(role) = world.role(service) else {
                    behind = true;
                    continue;
                };
                let status = role.status().await;
                behind |= !status.serving || status.partitions.len() != ends.len();
                behind |= status.erasures.is_some_and(|erasures| erasures.pending > 0);
                behind |= status
                    .partitions
                    .iter()
                    .zip(&ends)
                    .any(|(here, end)| here.processed_sequence < end.last_sequence.0);
            }
            if !behind {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.context("the services do not catch up")?
}

/// Checks everything; `world` is calm.
pub(crate) async fn all(world: &Arc<World>, book: &Book) -> anyhow::Result<()> {
    caught_up(world).await?;
    let told = std::mem::take(&mut *book.open());
    let log = records(world.reports.inner()).await?;
    reports_stand_once(&log, &told)?;
    registry_stands_once(&log)?;
    for (id, acknowledged) in &told.acknowledged {
        if !told.erased.contains_key(id) {
            sees_write(world, acknowledged, true).await?;
        }
    }
    let undisturbed = undisturbed(world).await?;
    let same = same_as(world, &undisturbed, &told).await;
    undisturbed.wipe();
    same
}

/// Every acknowledged report stands once in each of its partitions, as it was
/// acknowledged, and nothing else stands there.
fn reports_stand_once(log: &[Vec<Record>], told: &Told) -> anyhow::Result<()> {
    let mut found: BTreeMap<String, BTreeMap<u32, u64>> = BTreeMap::new();
    for record in log.iter().flatten() {
        let (partition, sequence) = (record.position.partition.0, record.position.sequence.0);
        if let Ok(Body::Erased(tombstone)) = decode_body(&record.body) {
            let id = tombstone.key.report.to_string();
            anyhow::ensure!(
                told.erased.get(&id) == Some(&v1::ErasureScope::Report),
                "{id} is erased, and nobody asked for it"
            );
            found.entry(id).or_default().insert(partition, sequence);
            continue;
        }
        let body = RecordBody::decode(record.body.clone())?;
        let Some(Content::Report(recorded)) = body.content else {
            continue;
        };
        let id = recorded.report.clone().unwrap_or_default().report_id;
        match told.erased.get(&id) {
            Some(v1::ErasureScope::Report) => anyhow::bail!(
                "{id} stands at {sequence} in {partition}, and was erased; acknowledged {:?}, {:?}",
                WriteToken::decode(&told.acknowledged[&id].token),
                told.erased
            ),
            Some(_) => anyhow::ensure!(record.content.is_empty(), "the words of {id} stand"),
            None => {}
        }
        let acknowledged = told.acknowledged.get(&id);
        let acknowledged =
            acknowledged.with_context(|| format!("{id} stands, and was not acknowledged"))?;
        let stamp = body.stamp.unwrap_or_default();
        anyhow::ensure!(
            stamp.first_recorded_at == acknowledged.first_recorded_at,
            "{id} stands with {:?}, and was acknowledged with {:?}",
            stamp.first_recorded_at,
            acknowledged.first_recorded_at
        );
        let digest = submitted_digest(&acknowledged.report);
        anyhow::ensure!(
            recorded.submitted_digest == digest.0,
            "{id} stands with other words"
        );
        let other = found.entry(id.clone()).or_default();
        anyhow::ensure!(
            other.insert(partition, sequence).is_none(),
            "{id} stands twice in partition {partition}"
        );
    }
    for (id, acknowledged) in &told.acknowledged {
        let token = WriteToken::decode(&acknowledged.token)?;
        anyhow::ensure!(
            found.get(id) == Some(&token.positions),
            "{id} was acknowledged at {:?}, and stands at {:?}",
            token.positions,
            found.get(id)
        );
    }
    Ok(())
}

/// No change of the registry is recorded twice in a row, however often it was sent.
fn registry_stands_once(log: &[Vec<Record>]) -> anyhow::Result<()> {
    let mut standing: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for record in log.first().into_iter().flatten() {
        let body = RecordBody::decode(record.body.clone())?;
        let Some(Content::RegistryChange(change)) = body.content else {
            anyhow::bail!("partition 0 holds what is no change of the registry");
        };
        use ascertain_proto::log::v1::registry_change::Entity;
        let id = match &change.entity {
            Some(Entity::Place(place)) => format!("place {}", place.place_id),
            Some(Entity::Actor(actor)) => format!("actor {}", actor.actor_id),
            Some(Entity::Source(source)) => format!("source {}", source.source_id),
            Some(Entity::SourceModel(_)) | None => continue,
        };
        let said = change.encode_to_vec();
        let before = standing.insert(id.clone(), said.clone());
        anyhow::ensure!(before != Some(said), "{id} is recorded twice");
    }
    Ok(())
}

/// A world over the same report log in which nothing ever fails.
async fn undisturbed(world: &World) -> anyhow::Result<Arc<World>> {
    let chance = &world.chance;
    let clock = {
        let chance = Arc::clone(chance);
        Arc::new(move || chance.now())
    };
    let history = Incarnation(chance.sixteen());
    let states = MemoryLog::of_history(PLACE_PARTITIONS + 1, clock, history);
    let states = FaultyLog::new("undisturbed states", Arc::new(states), Arc::clone(chance));
    let other = World::new(chance, world.reports.clone(), states)?;
    for service in Service::ALL {
        other.supervise(service);
    }
    caught_up(&other).await?;
    Ok(other)
}

/// Records, beliefs, states and answers are those of the other world.
async fn same_as(world: &World, other: &World, told: &Told) -> anyhow::Result<()> {
    let states = records(world.states.inner()).await?;
    let expected = records(other.states.inner()).await?;
    for (partition, (states, expected)) in states.iter().zip(&expected).enumerate() {
        let differing = states.iter().zip(expected).position(|(a, b)| a != b);
        // What was published of a report before it was erased cannot be made again.
        anyhow::ensure!(
            !told.erased.is_empty() || differing.is_none() && states.len() == expected.len(),
            "the state logs differ in partition {partition} at {differing:?}, of {} and {}:\n{}\n{}",
            states.len(),
            expected.len(),
            entry_at(states, differing),
            entry_at(expected, differing)
        );
    }
    if !told.erased.is_empty() {
        // Nor what was answered.
        answers_alike(world, other).await?;
    }
    let as_of = outward::timestamp(world.chance.now());
    let [here, there] = [digests(world, as_of).await?, digests(other, as_of).await?];
    anyhow::ensure!(here == there, "the digests differ: {here:?}, {there:?}");
    world.chance.event(format_args!("digests {here:?}"));
    let answers = told.answers.iter().filter(|_| told.erased.is_empty());
    for (request, answer) in answers {
        for (whose, world) in [("later", world), ("undisturbed", other)] {
            let now = answer_now(world, request).await?;
            anyhow::ensure!(
                now == *answer,
                "{request:?} was answered {}, and {whose} {}",
                shown(answer),
                shown(&now)
            );
            world.chance.operation("answer compared");
        }
    }
    Ok(())
}

/// What is known now is answered alike, of now and with hindsight.
async fn answers_alike(world: &World, other: &World) -> anyhow::Result<()> {
    let now = world.chance.now();
    for place in PLACES {
        for hours in 0..3 {
            let as_of = now.plus_micros(-hours * 3_600_000_000);
            let request = v1::GetControlStateRequest {
                place: place.to_owned(),
                read: Some(v1::ReadOptions {
                    as_of: Some(outward::timestamp(as_of)),
                    as_known_at: (hours > 0).then(|| outward::timestamp(now)),
                    ..v1::ReadOptions::default()
                }),
            };
            let here = answer_now(world, &request).await;
            let there = answer_now(other, &request).await;
            let (here, there) = match (here, there) {
                (Ok(here), Ok(there)) => (here, there),
                (Err(here), Err(there)) if here.code() == there.code() => continue,
                differing => anyhow::bail!("{request:?} is answered {differing:?}"),
            };
            anyhow::ensure!(
                here == there,
                "{request:?} is answered {}, and undisturbed {}",
                shown(&here),
                shown(&there)
            );
            world.chance.operation("answer compared");
        }
    }
    Ok(())
}

fn entry_at(states: &[Record], at: Option<usize>) -> String {
    let record = at.and_then(|at| states.get(at));
    record.map_or_else(String::new, |record| {
        let entry = StateRecord::decode(record.body.clone());
        format!("{:?} {entry:?}", record.position)
    })
}

fn shown(state: &[u8]) -> String {
    format!("{:?}", v1::ControlState::decode(state))
}

/// The digests of records and of beliefs.
async fn digests(
    world: &World,
    as_of: prost_types::Timestamp,
) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let of = async |service| {
        let role = world.role(service).context("a service is down")?;
        anyhow::Ok(role.digest(as_of).await?)
    };
    let (ingest, query) = (of(Service::Ingest).await?, of(Service::Query).await?);
    Ok((ingest.records, query.beliefs))
}
