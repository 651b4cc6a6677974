//! What was published is history: whatever a later method computes, it is answered as it
//! was; and whatever is computed says by which method.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // a test fails by panicking

use std::collections::BTreeMap;
use std::sync::Arc;

use ascertain_client::Client;
use ascertain_engine::METHOD_VERSION;
use ascertain_log::{
    Append, Incarnation, LogReader, LogWriter as _, MemoryLog, PartitionId, Recorded, Sequence,
    system_clock,
};
use ascertain_log_remote::RemoteLog;
use ascertain_proto::log::v1::{LogKind, StateRecord};
use ascertain_proto::v1::{
    ControlState, ExplainControlStateRequest, GetControlHistoryRequest, GetControlStateRequest,
    ReadOptions, VerifyNodeRequest,
};
use ascertain_query::{Query, SERVICES};
use ascertain_runtime::{CommonArgs, Config, Health, Machine, Shutdown, Tasks};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Archive, Chance, Node, at, caught_up, frames, live};
use bytes::Bytes;
use prost::Message as _;
use prost_types::Timestamp;
use tonic::service::RoutesBuilder;
use tonic::transport::server::TcpIncoming;

const OLD: &str = "prior-0";
const DAY: i64 = 86_400;

fn before_the_upgrade() -> Machine {
    Machine {
        method_version: OLD,
        ..Machine::real()
    }
}

async fn state(
    client: &Client,
    place: &str,
    as_of: Option<Timestamp>,
    as_known_at: Option<Timestamp>,
) -> ControlState {
    let request = GetControlStateRequest {
        place: place.to_owned(),
        read: Some(ReadOptions {
            as_of,
            as_known_at,
            ..ReadOptions::default()
        }),
    };
    let answer = client.get_control_state(request).await.unwrap();
    answer.state.unwrap()
}

/// The states of the state log: each with its knowledge time, microseconds.
async fn published(client: &Client) -> Vec<(i64, ControlState)> {
    let mut published = Vec::new();
    for frame in frames(client, LogKind::States).await.unwrap() {
        let record = StateRecord::decode(frame.body).unwrap();
        let states = record.entries.into_iter().filter_map(|entry| entry.state);
        published.extend(states.map(|state| (frame.known_at_us, state)));
    }
    published
}

fn time(micros: i64) -> Timestamp {
    Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap(),
    }
}

fn without_method(state: &ControlState) -> ControlState {
    ControlState {
        method_version: String::new(),
        ..state.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_upgrade_what_was_published_is_answered_as_it_was_and_all_else_anew() {
    let mut chance = Chance::seeded("sealed");
    let data = tempfile::tempdir().unwrap();
    let node = Node::start_on(data.path(), before_the_upgrade())
        .await
        .unwrap();
    let archive = Archive::of(&mut chance, 120).unwrap();
    archive.bring(&node).await.unwrap();
    let client = node.client();
    let entries = published(&client).await;
    // A record of several in one moment: the last of a place stands.
    let mut standing = BTreeMap::new();
    for (known_at, state) in &entries {
        standing.insert((state.place_id.clone(), *known_at), state.clone());
    }
    let mut moments: Vec<(String, i64)> = standing.keys().cloned().collect();
    chance.shuffle(&mut moments);
    moments.truncate(400);
    let mut answers = Vec::new();
    for (place, known_at) in &moments {
        let known = Some(time(*known_at));
        let then = state(&client, place, known, known).await;
        let week_before = Some(time(known_at - 7 * DAY * 1_000_000));
        let hindsight = state(&client, place, week_before, known).await;
        let forecast = Some(time(known_at + 7 * DAY * 1_000_000));
        let forecast = state(&client, place, forecast, known).await;
        assert_eq!(then.method_version, OLD);
        answers.push((then, hindsight, forecast));
    }
    let now = state(&client, "hama-city", Some(at(archive.span.1)), None).await;
    node.stop().await;

    let node = Node::start(data.path()).await.unwrap();
    let client = node.client();
    for ((place, known_at), (then, hindsight, forecast)) in moments.iter().zip(&answers) {
        let known = Some(time(*known_at));
        let again = state(&client, place, known, known).await;
        assert_eq!(
            again.encode_to_vec(),
            then.encode_to_vec(),
            "{place} {known_at}"
        );
        assert_eq!(again, standing[&(place.clone(), *known_at)]);
        // The knowledge time alone asks for the same.
        assert_eq!(state(&client, place, None, known).await, again);
        for before in [hindsight, forecast] {
            let again = state(&client, place, before.as_of, known).await;
            assert_eq!(again.method_version, METHOD_VERSION);
            assert_eq!(without_method(&again), without_method(before));
        }
    }
    // Between two publications the earlier stands, as it was published.
    for _ in 0..100 {
        let (begin, end) = archive.span;
        let span = usize::try_from(end - begin).unwrap();
        let moment = begin + DAY + i64::try_from(chance.below(span)).unwrap();
        let by_then = |(known_at, state): &&(i64, ControlState)| {
            state.place_id == "hama-city" && *known_at <= moment * 1_000_000
        };
        let Some((_, expected)) = entries.iter().rfind(by_then) else {
            continue;
        };
        let got = state(&client, "hama-city", None, Some(at(moment))).await;
        assert_eq!(&got, expected, "{moment}");
    }
    // What is asked of now is this method's, as is an explanation.
    let renewed = state(&client, "hama-city", now.as_of, None).await;
    assert_eq!(renewed.method_version, METHOD_VERSION);
    assert_eq!(without_method(&renewed), without_method(&now));
    let request = ExplainControlStateRequest {
        place: "hama-city".to_owned(),
        read: Some(ReadOptions {
            as_known_at: answers[0].0.as_known_at,
            ..ReadOptions::default()
        }),
    };
    let explained = client.explain_control_state(request).await.unwrap();
    let explained = explained.explanation.unwrap().state.unwrap();
    assert_eq!(explained.method_version, METHOD_VERSION);

    // What is published from now on is this method's; what was, is counted and no damage.
    let more = live(&Scenario::hama().unwrap(), "after", 12);
    node.submit(&more).await.unwrap();
    caught_up(&client, &client).await.unwrap();
    let request = GetControlHistoryRequest {
        place: "hama-city".to_owned(),
        ..GetControlHistoryRequest::default()
    };
    let points = client.get_control_history(request).await.unwrap();
    let states: Vec<ControlState> = points.into_iter().filter_map(|p| p.state).collect();
    let of_city: Vec<ControlState> = published(&client)
        .await
        .into_iter()
        .map(|(_, state)| state)
        .filter(|state| state.place_id == "hama-city")
        .collect();
    assert_eq!(states, of_city);
    let old = states.iter().filter(|s| s.method_version == OLD).count();
    assert!(old > 0 && old < states.len());
    let request = VerifyNodeRequest::default();
    let found = client.verify_node(request, |_| {}).await.unwrap();
    assert!(found.sound, "{found:?}");
    let counted: Vec<u64> = found
        .roles
        .iter()
        .flat_map(|role| &role.checks)
        .filter(|check| check.name.contains(&format!("entries of method {OLD}")))
        .map(|check| check.checked)
        .collect();
    assert_eq!(counted, [entries.len() as u64; 2], "{found:?}");
    eprintln!(
        "{} moments of {} entries; {} verified as history",
        moments.len(),
        entries.len(),
        counted[0]
    );
    node.stop().await;
}

/// A state log as a method wrote it that came to other numbers, and whose points nobody
/// reads any more.
async fn altered(client: &Client) -> (MemoryLog, Vec<(i64, ControlState)>) {
    let log = MemoryLog::of_history(5, system_clock(), Incarnation([7; 16]));
    let mut states = Vec::new();
    for frame in frames(client, LogKind::States).await.unwrap() {
        let mut record = StateRecord::decode(frame.body).unwrap();
        for entry in &mut record.entries {
            let point = entry.resume.as_mut().unwrap();
            point.alpha.clear();
            let state = entry.state.as_mut().unwrap();
            state.method_version = OLD.to_owned();
            state.dispute = 0.123_456;
            state.outcomes.reverse();
            states.push((frame.known_at_us, state.clone()));
        }
        let known_at = ascertain_domain::time::Timestamp::from_micros(frame.known_at_us);
        let append = Append {
            partition: PartitionId(frame.partition),
            body: Bytes::from(record.encode_to_vec()),
            content: Bytes::new(),
            registry_sequence: Sequence(frame.registry_sequence),
            recorded: Recorded::Of(known_at.unwrap()),
        };
        log.append(vec![append]).await.unwrap();
    }
    (log, states)
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_another_method_stand_where_they_were_published_and_nowhere_else() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let scenario = Scenario::hama().unwrap();
    node.apply(&scenario).await.unwrap();
    node.submit(&scenario.submissions).await.unwrap();
    let client = node.client();
    caught_up(&client, &client).await.unwrap();
    let (states, altered) = altered(&client).await;

    // Query alone, over the reports of the node and the other states.
    let folder = tempfile::tempdir().unwrap();
    let args = CommonArgs {
        data_dir: Some(folder.path().to_owned()),
        ..CommonArgs::default()
    };
    let config = Config::load(&args, &BTreeMap::new()).unwrap();
    let (mut tasks, shutdown) = (Tasks::new(), Shutdown::new());
    let health = Health::new().role(SERVICES).await;
    let reports: Arc<dyn LogReader> =
        Arc::new(RemoteLog::at(&node.url(), LogKind::Reports).unwrap());
    let machine = Machine::real();
    let query = Query::start(
        &config,
        &machine,
        &mut tasks,
        &shutdown,
        health,
        reports,
        Arc::new(states),
    );
    let query = query.await.unwrap();
    let mut routes = RoutesBuilder::default();
    query.add_to(&mut routes);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().add_routes(routes.routes());
    let serving = tokio::spawn(server.serve_with_incoming(incoming));
    let other = Client::connect(&url).unwrap();

    let mut standing = BTreeMap::new();
    for (known_at, state) in altered {
        standing.insert((state.place_id.clone(), known_at), state);
    }
    assert!(standing.len() > 50, "{}", standing.len());
    for ((place, known_at), published) in &standing {
        let known = Some(time(*known_at));
        let then = state(&other, place, known, known).await;
        assert_eq!(then.encode_to_vec(), published.encode_to_vec());
        // One hour later, by the same knowledge: as if those numbers had never been.
        let later = Some(time(known_at + 3_600_000_000));
        let expected = state(&client, place, later, known).await;
        assert_eq!(state(&other, place, later, known).await, expected);
    }
    let as_of = Some(at(1_735_700_000));
    let expected = state(&client, "hama-city", as_of, None).await;
    assert_eq!(state(&other, "hama-city", as_of, None).await, expected);
    serving.abort();
    shutdown.begin("the test is over");
    tasks
        .run(&shutdown, std::time::Duration::from_secs(5))
        .await
        .unwrap();
    node.stop().await;
}
