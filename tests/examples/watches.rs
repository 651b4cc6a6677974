//! What watches cost one process: memory for each, and how long after its
//! acknowledgement a report is told to all of them.
//!
//! ```text
//! cargo run -p ascertain-tests --example watches -- [WATCHES]
//! ```
#![allow(clippy::print_stdout)] // a table is what it is for

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ascertain_client::Client;
use ascertain_proto::v1::query_service_client::QueryServiceClient;
use ascertain_proto::v1::watch_control_states_response::Event;
use ascertain_proto::v1::{WatchControlStatesRequest, WatchControlStatesResponse};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Acked, Program, caught_up, live, stream};
use prost_types::Timestamp;
use tonic::Streaming;

const WATCHES: usize = 1_000;
/// Watches that share a connection.
const A_CONNECTION: usize = 50;
/// Reports after which it is measured how long it took to tell all.
const ROUNDS: usize = 20;

type Events = Streaming<WatchControlStatesResponse>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let asked = std::env::args().nth(1).map(|text| text.parse());
    let count = asked.transpose()?.unwrap_or(WATCHES);
    let data = tempfile::tempdir()?;
    let program = Program::start("ascertain", data.path(), &[], 3).await?;
    let client = Client::connect(&program.url())?;
    let mut scenario = Scenario::hama()?;
    scenario.registry.backfill = None;
    client.apply_registry(scenario.registry.clone()).await?;
    stream(&client, live(&scenario, "before", 200), &Acked::default()).await?;
    caught_up(&client, &client).await?;
    let places = scenario.registry.places.len();

    let before = resident(program.id())?;
    let opening = Instant::now();
    let mut watches = Vec::with_capacity(count);
    for n in 0..count {
        if n % A_CONNECTION == 0 {
            watches.push((Client::connect(&program.url())?, Vec::new()));
        }
        let (client, events) = watches.last_mut().context("a connection")?;
        events.push(open(client).await?);
    }
    let opened = opening.elapsed();
    let with = resident(program.id())?;
    let mut all: Vec<Events> = watches.into_iter().flat_map(|(_, events)| events).collect();

    let took = rounds(&client, &scenario, ("round", &mut all)).await?;

    // The same with half of the watches stuck.
    let mut reading = all.split_off(count / 2);
    let beside = rounds(&client, &scenario, ("stuck", &mut reading)).await?;
    let stuck = resident(program.id())?;

    println!("{count} watches of {places} places, one process with all three services");
    println!("opened, all current states told, one after the other: {opened:.1?}");
    let each = with.saturating_sub(before) as f64 / count as f64;
    println!("resident before {before} KiB, with them {with} KiB: {each:.1} KiB a watch");
    println!(
        "from the acknowledgement of a report to the last watch told: {:.0?} median, {:.0?} worst of {ROUNDS}",
        took[took.len() / 2],
        took[took.len() - 1]
    );
    println!(
        "to the last of {} while {} do not read: {:.0?} median, {:.0?} worst; resident {stuck} KiB",
        reading.len(),
        all.len(),
        beside[beside.len() / 2],
        beside[beside.len() - 1]
    );
    drop((all, reading));
    program.terminate()
}

/// A watch whose current states were told.
async fn open(client: &Client) -> anyhow::Result<Events> {
    let mut query = QueryServiceClient::new(client.channel());
    let opened = query.watch_control_states(WatchControlStatesRequest::default());
    let mut events = opened.await?.into_inner();
    told_progress(&mut events).await?;
    Ok(events)
}

/// How long after its acknowledgement a report was told to all of some watches, sorted.
async fn rounds(
    client: &Client,
    scenario: &Scenario,
    (label, watches): (&str, &mut [Events]),
) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        let recorded = submit(client, scenario, &format!("{label} {round}")).await?;
        let acked = Instant::now();
        let telling = watches.iter_mut().map(|watch| told(watch, &recorded));
        futures::future::try_join_all(telling).await?;
        took.push(acked.elapsed());
    }
    took.sort_unstable();
    Ok(took)
}

/// Submits a report; when it was recorded.
async fn submit(client: &Client, scenario: &Scenario, label: &str) -> anyhow::Result<Timestamp> {
    let acked = Acked::default();
    stream(client, live(scenario, label, 1), &acked).await?;
    let all = acked.all();
    let (_, recorded) = all.first().context("an acknowledgement")?;
    Ok(recorded.parse()?)
}

/// Waits until all was told that was known at a time.
async fn told(events: &mut Events, known_at: &Timestamp) -> anyhow::Result<()> {
    let sortable = |time: &Timestamp| (time.seconds, time.nanos);
    let waiting = async {
        loop {
            let event = events.message().await?.context("the watch ended")?;
            if let Some(Event::Progress(progress)) = event.event
                && progress.as_known_at.as_ref().map(sortable) >= Some(sortable(known_at))
            {
                return Ok(());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await?
}

async fn told_progress(events: &mut Events) -> anyhow::Result<()> {
    loop {
        let event = events.message().await?.context("the watch ended")?;
        if matches!(event.event, Some(Event::Progress(_))) {
            return Ok(());
        }
    }
}

/// Resident memory of a process, KiB.
fn resident(process: u32) -> anyhow::Result<u64> {
    let status =
        std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line
        .context("no VmRSS")?
        .trim()
        .trim_end_matches("kB")
        .trim();
    Ok(kib.parse()?)
}
