//! Watching: whoever holds what a watch told holds what a fresh list tells, however often
//! the line broke; and a reader who is slow or stuck is told the newest, and delays nobody.
//!
//! `ASCERTAIN_LONG=1` breaks the line a thousand times; `ASCERTAIN_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use ascertain_client::{Client, Watch};
use ascertain_proto::v1::query_service_client::QueryServiceClient;
use ascertain_proto::v1::watch_control_states_response::Event;
use ascertain_proto::v1::{
    BatchGetControlStatesRequest, ChangeCause, ControlState, ReadOptions, Status,
    WatchControlStatesRequest,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Acked, Chance, Deployment, Node, Program, caught_up, live, long, stream};
use prost_types::Timestamp;
use tonic::Code;
use tonic_types::StatusExt as _;

/// So long the next event is waited for before a break.
const WHILE: Duration = Duration::from_millis(100);

/// The newest state that was told of each place.
#[derive(Default)]
struct Told {
    states: BTreeMap<String, ControlState>,
    /// How many changes by records were told.
    changes: u32,
}

impl Told {
    /// Takes an event in; whether it says that all was told.
    fn take(&mut self, event: Event) -> bool {
        match event {
            Event::Change(change) => {
                let state = change.state.unwrap();
                if change.cause == i32::from(ChangeCause::Record) {
                    self.changes += change.changes;
                }
                match change.matches {
                    true => drop(self.states.insert(state.place_id.clone(), state)),
                    false => drop(self.states.remove(&state.place_id)),
                }
                false
            }
            Event::Progress(_) => true,
        }
    }

    /// Follows a watch until it has told all that was known at a time.
    async fn follow(&mut self, watch: &mut Watch, known_at: Option<Timestamp>) {
        let following = async {
            loop {
                let event = watch.next().await.unwrap();
                let known = match &event {
                    Event::Progress(progress) => progress.as_known_at.map(sortable),
                    Event::Change(_) => None,
                };
                if self.take(event) && known >= known_at.map(sortable) {
                    return;
                }
            }
        };
        let followed = tokio::time::timeout(Duration::from_secs(60), following).await;
        assert!(followed.is_ok(), "a watch did not tell what was known");
    }
}

fn sortable(time: Timestamp) -> (i64, i32) {
    (time.seconds, time.nanos)
}

/// One moment for all: tomorrow.
fn as_of() -> Timestamp {
    static AS_OF: OnceLock<Timestamp> = OnceLock::new();
    let tomorrow = || (SystemTime::now() + Duration::from_secs(86_400)).into();
    *AS_OF.get_or_init(tomorrow)
}

fn request() -> WatchControlStatesRequest {
    WatchControlStatesRequest {
        as_of: Some(as_of()),
        ..WatchControlStatesRequest::default()
    }
}

/// The states as a fresh question tells them, but for their knowledge time, which is that
/// of the question.
async fn fresh(client: &Client, places: &[String]) -> Fresh {
    let request = BatchGetControlStatesRequest {
        places: places.to_vec(),
        read: Some(ReadOptions {
            as_of: Some(as_of()),
            ..ReadOptions::default()
        }),
    };
    let found = client.batch_get_control_states(request).await.unwrap();
    let times = found.states.iter().filter_map(|state| state.as_known_at);
    let known_at = times.max_by_key(|time| sortable(*time));
    let states = found.states.into_iter();
    Fresh {
        states: states.map(|s| (s.place_id.clone(), timeless(s))).collect(),
        known_at,
    }
}

struct Fresh {
    states: BTreeMap<String, ControlState>,
    known_at: Option<Timestamp>,
}

fn timeless(state: ControlState) -> ControlState {
    ControlState {
        as_known_at: None,
        ..state
    }
}

fn disconnects() -> usize {
    if long() { 1_000 } else { 40 }
}

async fn breaks_and_agrees(mut node: Deployment, name: &str) {
    let mut chance = Chance::seeded(name);
    let scenario = Scenario::hama().unwrap();
    let mut registry = scenario.registry.clone();
    registry.backfill = None;
    let places: Vec<String> = registry.places.iter().map(|p| p.place_id.clone()).collect();
    let (ingest, query) = (node.ingest().unwrap(), node.query().unwrap());
    ingest.apply_registry(registry).await.unwrap();
    caught_up(&ingest, &query).await.unwrap();

    let breaks = disconnects();
    let reports = live(&scenario, name, breaks * 4);
    let acked = std::sync::Arc::new(Acked::default());
    let (client, noted) = (ingest.clone(), std::sync::Arc::clone(&acked));
    let load = tokio::spawn(async move {
        for part in reports.chunks(8) {
            stream(&client, part.to_vec(), &noted).await.unwrap();
        }
    });
    let mut told = Told::default();
    let mut watch = query.watch_control_states(request());
    for _ in 0..breaks {
        // Somewhere: before the first event, amid the first states, after a progress.
        for _ in 0..chance.below(30) {
            match tokio::time::timeout(WHILE, watch.next()).await {
                Ok(event) => drop(told.take(event.unwrap())),
                // Nothing comes any more: the next break.
                Err(_) => break,
            }
        }
        let token = watch.resume_token().to_owned();
        watch = query.watch_control_states(WatchControlStatesRequest {
            resume_token: token,
            ..request()
        });
    }
    load.await.unwrap();
    caught_up(&ingest, &query).await.unwrap();
    let fresh = fresh(&query, &places).await;
    told.follow(&mut watch, fresh.known_at).await;
    let changes = told.changes;
    let told: BTreeMap<_, _> = told
        .states
        .into_iter()
        .map(|(p, s)| (p, timeless(s)))
        .collect();
    assert!(told == fresh.states);
    // What an answer rests on is part of it: each report changes it.
    assert!(changes as usize > places.len());
    node.terminate().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_breaks_again_and_again_holds_what_a_fresh_list_tells() {
    let node = Deployment::one(&[]).await.unwrap();
    breaks_and_agrees(node, "watch of one process").await;
    let node = Deployment::apart(&[]).await.unwrap();
    breaks_and_agrees(node, "watch of three processes").await;
}

async fn started() -> (tempfile::TempDir, Node, Scenario) {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let mut scenario = Scenario::hama().unwrap();
    scenario.registry.backfill = None;
    node.apply(&scenario).await.unwrap();
    caught_up(&node.client(), &node.client()).await.unwrap();
    (data, node, scenario)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_does_not_read_is_told_the_newest_and_delays_nobody() {
    let (_data, node, scenario) = started().await;
    let client = node.client();
    // Many watches whose readers take the first event, and then nothing.
    let mut stuck = Vec::new();
    for _ in 0..20 {
        let mut watch = client.watch_control_states(request());
        watch.next().await.unwrap();
        stuck.push(watch);
    }
    let mut told = Told::default();
    let mut watch = client.watch_control_states(request());
    told.follow(&mut watch, None).await;
    let acked = Acked::default();
    stream(&client, live(&scenario, "stuck", 200), &acked)
        .await
        .unwrap();
    caught_up(&client, &client).await.unwrap();
    let places: Vec<String> = told.states.keys().cloned().collect();
    let Fresh {
        states: expected,
        known_at,
    } = fresh(&client, &places).await;
    told.follow(&mut watch, known_at).await;
    let newest: BTreeMap<_, _> = told
        .states
        .into_iter()
        .map(|(p, s)| (p, timeless(s)))
        .collect();
    assert!(newest == expected);
    // Who reads at last holds the same, and is told how much was left out.
    let mut late = Told::default();
    let mut watch = stuck.pop().unwrap();
    late.follow(&mut watch, known_at).await;
    for (place, state) in late.states {
        assert!(timeless(state) == expected[&place], "{place}");
    }
    drop(stuck);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_what_was_asked_for_and_when_a_place_leaves_it() {
    let (_data, node, scenario) = started().await;
    let client = node.client();
    let unknown = WatchControlStatesRequest {
        within_place_ids: vec!["hama-city".to_owned()],
        statuses: vec![Status::Unknown.into()],
        ..request()
    };
    let mut watch = client.watch_control_states(unknown);
    let mut told = Told::default();
    told.follow(&mut watch, None).await;
    // Nothing was reported yet: all below the city are unknown, and nothing else is told.
    assert!(told.states.contains_key("hama-city"));
    let all = scenario.registry.places.len();
    assert!(!told.states.is_empty() && told.states.len() < all);
    let acked = Acked::default();
    let reports = live(&scenario, "leave", 60);
    stream(&client, reports, &acked).await.unwrap();
    caught_up(&client, &client).await.unwrap();
    let now = fresh(&client, &["hama-city".to_owned()]).await;
    told.follow(&mut watch, now.known_at).await;
    let is_unknown = now.states["hama-city"].status == i32::from(Status::Unknown);
    assert_eq!(told.states.contains_key("hama-city"), is_unknown);

    // A place that is registered later is told, too.
    let mut registry = scenario.registry.clone();
    let mut place = registry.places.last().unwrap().clone();
    place.place_id = "hama-new-quarter".to_owned();
    place.parent_id = "hama-city".to_owned();
    place.pcode.clear();
    place.geonames_id = 0;
    place
        .names
        .iter_mut()
        .for_each(|name| name.text = "A new quarter".to_owned());
    registry.places = vec![place];
    registry.actors.clear();
    registry.sources.clear();
    client.apply_registry(registry).await.unwrap();
    let new = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Event::Change(change) = watch.next().await.unwrap()
                && change.state.as_ref().unwrap().place_id == "hama-new-quarter"
            {
                return change;
            }
        }
    });
    assert_eq!(new.await.unwrap().cause, i32::from(ChangeCause::Place));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_watched_is_refused_with_its_reason() {
    let (_data, node, _) = started().await;
    let client = node.client();
    let mut watch = client.watch_control_states(request());
    let mut told = Told::default();
    told.follow(&mut watch, None).await;
    let token = watch.resume_token().to_owned();
    drop(watch);
    let with = |change: fn(&mut WatchControlStatesRequest)| {
        let mut request = request();
        change(&mut request);
        request
    };
    let foreign = WatchControlStatesRequest {
        resume_token: token,
        within_place_ids: vec!["hama-city".to_owned()],
        ..request()
    };
    for (request, code, reason) in [
        (
            with(|r| r.places = vec!["atlantis".to_owned()]),
            Code::NotFound,
            "PLACE_UNKNOWN",
        ),
        (
            with(|r| r.places = vec!["hama-city".to_owned(); 1_001]),
            Code::InvalidArgument,
            "TOO_LONG",
        ),
        (
            with(|r| r.sides = vec!["nobody".to_owned()]),
            Code::InvalidArgument,
            "ACTOR_UNKNOWN",
        ),
        (
            with(|r| r.statuses = vec![77]),
            Code::InvalidArgument,
            "OUT_OF_RANGE",
        ),
        (
            with(|r| r.resume_token = "none of ours".to_owned()),
            Code::InvalidArgument,
            "RESUME_TOKEN_INVALID",
        ),
        (foreign, Code::InvalidArgument, "RESUME_TOKEN_INVALID"),
    ] {
        let mut query = QueryServiceClient::new(client.channel());
        let status = query.watch_control_states(request).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert_eq!(status.get_details_error_info().unwrap().reason, reason);
    }
    node.stop().await;

    // The token of one history is none in another.
    let (_data, node, _) = started().await;
    let token = {
        let mut watch = node.client().watch_control_states(request());
        Told::default().follow(&mut watch, None).await;
        watch.resume_token().to_owned()
    };
    node.stop().await;
    let (_data, node, _) = started().await;
    let mut query = QueryServiceClient::new(node.client().channel());
    let request = WatchControlStatesRequest {
        resume_token: token,
        ..request()
    };
    let status = query.watch_control_states(request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let reason = status.get_details_error_info().unwrap().reason;
    assert_eq!(reason, "RESUME_TOKEN_EXPIRED");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_takes_so_many_watches_and_ends_them_when_it_drains() {
    let data = tempfile::tempdir().unwrap();
    let few = ["limits.max_watches=1".to_owned()];
    let program = Program::start("ascertain", data.path(), &few, 3)
        .await
        .unwrap();
    let client = Client::connect(&program.url()).unwrap();
    let mut query = QueryServiceClient::new(client.channel());
    let first = query.watch_control_states(request()).await.unwrap();
    let refused = query.watch_control_states(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let reason = refused.get_details_error_info().unwrap().reason;
    assert_eq!(reason, "TOO_MANY_WATCHES");
    assert!(refused.get_details_retry_info().is_some());
    let mut events = first.into_inner();
    let reading = tokio::spawn(async move {
        loop {
            if let Err(status) = events.message().await.map(Option::unwrap) {
                return status;
            }
        }
    });
    program.terminate().unwrap();
    let status = reading.await.unwrap();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
}
