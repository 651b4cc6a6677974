//! Lists, areas and exports: every place once, at one pair of times, and in forms that
//! other tools open.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ascertain_client::{Client, ClientError};
use ascertain_proto::v1::{
    ApplyRegistryRequest, BatchGetControlStatesRequest, ControlState, ListControlStatesRequest,
    Name, Place, PlaceKind, ReadOptions, Status, SummarizeAreaRequest,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::python::{environment, has_python, run};
use ascertain_tests::{Acked, Node, binaries, caught_up, live, stream};

const TOWNS: usize = 1_200;

fn town(n: usize) -> Place {
    Place {
        place_id: format!("town-{n:04}"),
        kind: PlaceKind::City.into(),
        parent_id: "hama-governorate".to_owned(),
        names: vec![Name {
            text: format!("Town {n}"),
            language: "en".to_owned(),
            ..Name::default()
        }],
        population: 1_000 + n as u64,
        ..Place::default()
    }
}

/// A node with the scenario's registry and so many towns, known from now on.
async fn towns(count: usize) -> (Node, Scenario, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let mut scenario = Scenario::hama().unwrap();
    scenario.registry.backfill = None;
    node.apply(&scenario).await.unwrap();
    let places: Vec<Place> = (0..count).map(town).collect();
    for places in places.chunks(500) {
        let request = ApplyRegistryRequest {
            places: places.to_vec(),
            ..ApplyRegistryRequest::default()
        };
        node.client().apply_registry(request).await.unwrap();
    }
    (node, scenario, data)
}

/// All pages, with their sizes.
async fn pages(client: &Client, mut request: ListControlStatesRequest) -> Vec<ControlState> {
    let mut states = Vec::new();
    loop {
        let page = client
            .list_control_states_page(request.clone())
            .await
            .unwrap();
        states.extend(page.states);
        if page.next_page_token.is_empty() {
            return states;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_place_once_as_it_was_at_one_time_whatever_comes_meanwhile() {
    let (node, scenario, _data) = towns(TOWNS).await;
    let client = node.client();
    stream(&client, live(&scenario, "before", 60), &Acked::default())
        .await
        .unwrap();
    caught_up(&client, &client).await.unwrap();
    let goes_on = Arc::new(AtomicBool::new(true));
    let (going, writer) = (Arc::clone(&goes_on), node.client());
    let changing = tokio::spawn(async move {
        let mut told = 0;
        while going.load(Ordering::Relaxed) {
            let more = live(&scenario, &format!("while {told}"), 20);
            stream(&writer, more, &Acked::default()).await.unwrap();
            // New places, too, before and behind where the pages are.
            let places = vec![
                town(5_000 + told),
                Place {
                    place_id: format!("a-town-{told}"),
                    ..town(told)
                },
            ];
            let request = ApplyRegistryRequest {
                places,
                ..ApplyRegistryRequest::default()
            };
            writer.apply_registry(request).await.unwrap();
            told += 1;
        }
        told
    });
    let request = ListControlStatesRequest {
        page_size: 97,
        ..ListControlStatesRequest::default()
    };
    let states = pages(&client, request).await;
    goes_on.store(false, Ordering::Relaxed);
    assert!(changing.await.unwrap() > 0);

    let ids: Vec<String> = states.iter().map(|state| state.place_id.clone()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "in order, none twice");
    let there: BTreeSet<&String> = ids.iter().collect();
    assert!((0..TOWNS).all(|n| there.contains(&town(n).place_id)));
    let times: BTreeSet<_> = states
        .iter()
        .map(|s| {
            (
                s.as_of.unwrap().to_string(),
                s.as_known_at.unwrap().to_string(),
            )
        })
        .collect();
    assert_eq!(times.len(), 1);
    // The same as is told of each of them at these times.
    for (ids, states) in ids.chunks(1_000).zip(states.chunks(1_000)) {
        let request = BatchGetControlStatesRequest {
            places: ids.to_vec(),
            read: Some(ReadOptions {
                as_of: states[0].as_of,
                as_known_at: states[0].as_known_at,
                ..ReadOptions::default()
            }),
        };
        let again = client.batch_get_control_states(request).await.unwrap();
        assert_eq!(again.states, states);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_keeps_what_its_words_say() {
    let (node, scenario, _data) = towns(20).await;
    let client = node.client();
    let since = {
        stream(&client, live(&scenario, "a", 24), &Acked::default())
            .await
            .unwrap();
        caught_up(&client, &client).await.unwrap();
        let all = pages(&client, ListControlStatesRequest::default()).await;
        all[0].as_known_at
    };
    stream(&client, live(&scenario, "b", 30), &Acked::default())
        .await
        .unwrap();
    caught_up(&client, &client).await.unwrap();
    let of_the_day = ListControlStatesRequest {
        read: Some(ReadOptions {
            as_of: Some("2024-12-05T12:00:00Z".parse().unwrap()),
            ..ReadOptions::default()
        }),
        ..ListControlStatesRequest::default()
    };
    let all = pages(&client, of_the_day).await;
    let read = Some(ReadOptions {
        as_of: all[0].as_of,
        as_known_at: all[0].as_known_at,
        ..ReadOptions::default()
    });
    let leading = |state: &ControlState| {
        let outcomes = state.outcomes.iter().rev();
        outcomes.max_by_key(|o| o.probability_ppm).unwrap().clone()
    };
    type Kept = Box<dyn Fn(&ControlState) -> bool>;
    let base = || ListControlStatesRequest {
        read: read.clone(),
        ..ListControlStatesRequest::default()
    };
    let age = |state: &ControlState| state.staleness.map(|age| age.seconds);
    let least = all
        .iter()
        .map(|s| leading(s).probability_ppm)
        .min()
        .unwrap();
    let oldest = all.iter().filter_map(age).min().unwrap();
    let cases: Vec<(ListControlStatesRequest, Kept)> = vec![
        (
            ListControlStatesRequest {
                sides: vec!["opposition".to_owned()],
                ..base()
            },
            Box::new(move |state| leading(state).side_id == "opposition"),
        ),
        (
            ListControlStatesRequest {
                statuses: vec![Status::Unknown.into()],
                ..base()
            },
            Box::new(|state| state.status() == Status::Unknown),
        ),
        (
            ListControlStatesRequest {
                min_confidence_ppm: least + 1,
                max_confidence_ppm: 999_000,
                ..base()
            },
            Box::new(move |state| (least + 1..=999_000).contains(&leading(state).probability_ppm)),
        ),
        (
            ListControlStatesRequest {
                min_dispute: Some(0.1),
                ..base()
            },
            Box::new(|state| state.dispute >= 0.1),
        ),
        (
            ListControlStatesRequest {
                max_staleness: Some(prost_types::Duration {
                    seconds: oldest,
                    nanos: 999_999_999,
                }),
                ..base()
            },
            Box::new(move |state| age(state).is_some_and(|age| age <= oldest)),
        ),
    ];
    for (request, keep) in cases {
        let expected: Vec<&ControlState> = all.iter().filter(|state| keep(state)).collect();
        let found = pages(&client, request.clone()).await;
        assert!(
            !expected.is_empty() && expected.len() < all.len(),
            "{request:?}"
        );
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{request:?}");
    }
    let with_evidence = ListControlStatesRequest {
        with_evidence_only: true,
        ..base()
    };
    let heard_of = pages(&client, with_evidence).await;
    assert!(
        heard_of
            .iter()
            .all(|state| !state.place_id.starts_with("town-"))
    );
    let spoken_of = all.iter().filter(|state| state.staleness.is_some());
    assert!(spoken_of.into_iter().all(|state| heard_of.contains(state)));
    // What was published since: those places whose states records have changed.
    let request = ListControlStatesRequest {
        changed_since: since,
        ..base()
    };
    let changed = pages(&client, request).await;
    assert!(changed.iter().any(|state| state.place_id == "hama-city"));
    assert!(
        changed
            .iter()
            .all(|state| !state.place_id.starts_with("town-"))
    );

    let bad = [
        (
            ListControlStatesRequest {
                min_confidence_ppm: 900_000,
                max_confidence_ppm: 100_000,
                ..base()
            },
            ("min_confidence_ppm", "INTERVAL_REVERSED"),
        ),
        (
            ListControlStatesRequest {
                min_dispute: Some(f64::NAN),
                ..base()
            },
            ("min_dispute", "OUT_OF_RANGE"),
        ),
        (
            ListControlStatesRequest {
                sides: vec!["nobody".to_owned()],
                ..base()
            },
            ("sides[0]", "ACTOR_UNKNOWN"),
        ),
        (
            ListControlStatesRequest {
                statuses: vec![9],
                ..base()
            },
            ("statuses[0]", "OUT_OF_RANGE"),
        ),
    ];
    for (request, (field, reason)) in bad {
        let refused = client.list_control_states_page(request).await;
        let Err(ClientError::Refused(refused)) = refused else {
            unreachable!("{refused:?}");
        };
        let found = &refused.violations[0];
        assert_eq!((&*found.field, &*found.reason), (field, reason));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_area_is_summed_up_over_the_places_that_hold_no_others() {
    let (node, scenario, _data) = towns(40).await;
    let client = node.client();
    stream(&client, live(&scenario, "a", 60), &Acked::default())
        .await
        .unwrap();
    caught_up(&client, &client).await.unwrap();
    let request = SummarizeAreaRequest {
        within_place_id: "hama-governorate".to_owned(),
        most: 3,
        read: Some(ReadOptions {
            as_of: Some("2024-12-05T12:00:00Z".parse().unwrap()),
            ..ReadOptions::default()
        }),
    };
    let summary = client.summarize_area(request).await.unwrap();
    let listed = pages(
        &client,
        ListControlStatesRequest {
            within_place_id: "hama-governorate".to_owned(),
            read: Some(ReadOptions {
                as_of: summary.as_of,
                as_known_at: summary.as_known_at,
                ..ReadOptions::default()
            }),
            ..ListControlStatesRequest::default()
        },
    )
    .await;
    // Hama city has quarters, the governorate places: neither counts itself.
    let leaves: Vec<&ControlState> = listed
        .iter()
        .filter(|state| !["hama-city", "hama-governorate"].contains(&&*state.place_id))
        .collect();
    assert_eq!(summary.places as usize, leaves.len());
    let expected = |side: &str| {
        let of = |state: &&ControlState| {
            let mut outcomes = state.outcomes.iter();
            let found = outcomes.find(|o| o.side_id == side);
            found.map_or(0, |o| u64::from(o.probability_ppm))
        };
        leaves.iter().map(of).sum::<u64>() as f64 / leaves.len() as f64
    };
    let of_side = |side: &str| {
        let mut outcomes = summary.outcomes.iter();
        let found = outcomes.find(|o| o.side_id == side).unwrap();
        f64::from(found.expected.as_ref().unwrap().places_ppm)
    };
    for side in ["government", "opposition"] {
        assert!((of_side(side) - expected(side)).abs() <= 0.5, "{side}");
    }
    assert_eq!(summary.places_with_population, 40);
    assert!(summary.places_without_evidence >= 40);
    assert!(summary.most_disputed.len() <= 3 && !summary.most_disputed.is_empty());
    let nowhere = SummarizeAreaRequest {
        within_place_id: "nowhere".to_owned(),
        ..SummarizeAreaRequest::default()
    };
    let refused = client.summarize_area(nowhere).await.unwrap_err();
    assert!(refused.to_string().contains("nowhere"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_open_in_the_tools_of_those_who_use_them() {
    if !has_python("what is exported") {
        return;
    }
    let (node, scenario, _data) = towns(700).await;
    let client = node.client();
    stream(&client, live(&scenario, "a", 60), &Acked::default())
        .await
        .unwrap();
    caught_up(&client, &client).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (url, files) = (node.url(), folder.path().to_owned());
    let printed = tokio::task::spawn_blocking(move || {
        let program = binaries().unwrap().join("ascertainctl");
        let export = |format: &str, name: &str| {
            run(Command::new(&program)
                .args(["--endpoint", &url, "state", "export", "--format", format])
                .args(["--as-of", "2030-01-01T00:00:00Z", "--out"])
                .arg(files.join(name)));
        };
        export("csv", "states.csv");
        export("geojson", "states.geojson");
        export("jsonl", "states.jsonl");
        // To a pipe it is the same.
        let piped = run(Command::new(&program)
            .args(["--endpoint", &url, "state", "export", "--format", "jsonl"])
            .args(["--as-of", "2030-01-01T00:00:00Z"]));
        let lines = std::fs::read_to_string(files.join("states.jsonl")).unwrap();
        assert_eq!(lines, piped);
        for line in lines.lines() {
            let state: ControlState =
                ascertain_client::json::from_value("ControlState", serde_json(line)).unwrap();
            assert!(!state.outcomes.is_empty());
        }
        let refused = Command::new(&program)
            .args(["state", "export", "--format", "parquet"])
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(2));
        let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python");
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-exports");
        let python = environment(&cache, &clients.join("exports.txt"));
        run(Command::new(python)
            .arg(clients.join("read_exports.py"))
            .arg(files.join("states.csv"))
            .arg(files.join("states.geojson")))
    });
    let printed = serde_json(&printed.await.unwrap());
    let places = 700 + scenario.registry.places.len();
    assert_eq!(printed["rows"], places);
    assert_eq!(printed["features"], places);
    assert_eq!(printed["same"], true);
    assert!(printed["held"].as_u64().unwrap() > 0);
    assert!(printed["located"].as_u64().unwrap() > 0);
}

fn serde_json(text: &str) -> serde_json::Value {
    let mut values = ascertain_client::json::parse(text).unwrap();
    values.pop().unwrap()
}
