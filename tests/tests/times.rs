//! Any two times: an answer is that of a fold from nothing over exactly what was known;
//! and histories and comparisons are made of such answers.
//!
//! `ASCERTAIN_SEED` repeats a run; `ASCERTAIN_LONG=1` asks ten times as often.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // a test fails by panicking

use std::sync::Arc;

use ascertain_client::{Client, ClientError, Refusal};
use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::registry::{Registry, View};
use ascertain_domain::report::Report;
use ascertain_domain::time::Timestamp;
use ascertain_engine::{Family, Folded, METHOD_VERSION};
use ascertain_log::PartitionId;
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::log::v1::{LogKind, StateRecord};
use ascertain_proto::outward::{self, Method};
use ascertain_proto::v1::{
    CompareControlStatesRequest, ControlState, GetControlHistoryRequest, GetControlStateRequest,
    HistoryCause, HistoryClock, ReadOptions, RetractReportRequest, StateChange, StateComparison,
    StateTimes,
};
use ascertain_tests::{Archive, Chance, LATE_PLACE, Node, at, frames, long};
use prost::Message;
use tonic::Code;

const PLACE_PARTITIONS: u32 = 4;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// All that a log holds, read by nothing that answers.
struct Known {
    registry: Registry,
    /// Partition, knowledge time, registry sequence, report.
    records: Vec<(u32, Timestamp, u64, Option<Arc<Report>>)>,
}

impl Known {
    async fn of(client: &Client) -> Self {
        let mut known = Self {
            registry: Registry::default(),
            records: Vec::new(),
        };
        for frame in frames(client, LogKind::Reports).await.unwrap() {
            let known_at = Timestamp::from_micros(frame.known_at_us).unwrap();
            let mut adopted = frame.registry_sequence;
            let report = match decode_body(&frame.body).unwrap() {
                Body::Registry(change, _, version) => {
                    known.registry.apply(frame.sequence, version, change);
                    continue;
                }
                Body::Adopt { registry_sequence } => {
                    adopted = adopted.max(registry_sequence);
                    None
                }
                Body::Report(report) => Some(Arc::new(report)),
                Body::Erasure(..) | Body::Adjudication(_) | Body::Erased(..) => None,
            };
            known
                .records
                .push((frame.partition, known_at, adopted, report));
        }
        known
    }

    /// The state, folded from nothing; `None` where the place was not registered.
    fn state(&self, place: &str, as_of: i64, as_known_at: i64) -> Option<ControlState> {
        let [as_of, as_known_at] =
            [as_of, as_known_at].map(|s| Timestamp::from_micros(s * 1_000_000).unwrap());
        let id = PlaceId::new(place).unwrap();
        let home_area = &self.registry.latest().place(&id).unwrap().home_area;
        let partition = PartitionId::of_home_area(home_area, PLACE_PARTITIONS);
        let by_then = |known: &&(u32, Timestamp, u64, Option<Arc<Report>>)| {
            known.0 == partition.0 && known.1 <= as_known_at
        };
        let records: Vec<_> = self.records.iter().filter(by_then).collect();
        let adopted = records.iter().map(|record| record.2).max().unwrap_or(0);
        let view: View<'_> = self.registry.at(adopted);
        let reports: Vec<Arc<Report>> = records.iter().filter_map(|r| r.3.clone()).collect();
        let mut folded = Folded::of(Family {
            place: view.place(&id)?,
            registry: view,
            audience: Audience::Clear,
            reports: &reports,
        });
        let state = folded.evaluate(as_of, as_known_at);
        let model = view.source_model(Audience::Clear);
        let source_model = model.map_or_else(|| "prior".to_owned(), |m| outward::model_id(m));
        let method = Method {
            version: METHOD_VERSION,
            source_model: &source_model,
        };
        Some(outward::control_state(&state, method))
    }
}

/// A node that has all of a history, and what its log holds.
struct Told {
    node: Node,
    archive: Archive,
    known: Known,
    _data: tempfile::TempDir,
}

impl Told {
    async fn of(chance: &mut Chance, reports: usize) -> Self {
        let data = tempfile::tempdir().unwrap();
        let node = Node::start(data.path()).await.unwrap();
        let archive = Archive::of(chance, reports).unwrap();
        archive.bring(&node).await.unwrap();
        let known = Known::of(&node.client()).await;
        Self {
            node,
            archive,
            known,
            _data: data,
        }
    }

    async fn state(&self, place: &str, as_of: i64, as_known_at: i64) -> Option<ControlState> {
        state(&self.node.client(), place, as_of, as_known_at).await
    }

    async fn compared(&self, place: &str, from: (i64, i64), to: (i64, i64)) -> StateComparison {
        let times = |(as_of, as_known_at): (i64, i64)| {
            Some(StateTimes {
                as_of: Some(at(as_of)),
                as_known_at: Some(at(as_known_at)),
            })
        };
        let request = CompareControlStatesRequest {
            place: place.to_owned(),
            from: times(from),
            to: times(to),
            ..CompareControlStatesRequest::default()
        };
        let client = self.node.client();
        let mut compared = client.compare_control_states(request).await.unwrap();
        assert_eq!(compared.len(), 1);
        compared.remove(0)
    }
}

/// What a node answers; `None` where the place was not registered.
async fn state(client: &Client, place: &str, as_of: i64, as_known_at: i64) -> Option<ControlState> {
    let request = GetControlStateRequest {
        place: place.to_owned(),
        read: Some(ReadOptions {
            as_of: Some(at(as_of)),
            as_known_at: Some(at(as_known_at)),
            ..ReadOptions::default()
        }),
    };
    match client.get_control_state(request).await {
        Ok(answer) => Some(answer.state.unwrap()),
        Err(error) => {
            let refusal = refused(error);
            assert_eq!(refusal.code, Code::NotFound, "{refusal}");
            None
        }
    }
}

fn refused(error: ClientError) -> Refusal {
    match error {
        ClientError::Refused(refusal) => *refusal,
        other => panic!("{other}"),
    }
}

fn within(chance: &mut Chance, (from, to): (i64, i64)) -> i64 {
    from + i64::try_from(chance.below(usize::try_from(to - from).unwrap())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_place_at_any_two_times_is_a_fold_from_nothing_over_what_was_known() {
    let mut chance = Chance::seeded("times");
    let told = Told::of(&mut chance, 300).await;
    let places = told.archive.places();
    let (begin, end) = told.archive.span;
    let questions = if long() { 10_000 } else { 1_000 };
    let (mut answered, mut past, mut equal, mut forecast) = (0, 0, 0, 0);
    for _ in 0..questions {
        let place = &places[chance.below(places.len())];
        let as_known_at = within(&mut chance, (begin - 2 * DAY, end + 2 * DAY));
        let as_of = match chance.below(4) {
            0 => as_known_at,
            1 => as_known_at + within(&mut chance, (0, 40 * DAY)),
            _ => within(&mut chance, (begin - 10 * DAY, as_known_at)),
        };
        let got = told.state(place, as_of, as_known_at).await;
        let expected = told.known.state(place, as_of, as_known_at);
        let bytes = |state: &Option<ControlState>| state.as_ref().map(Message::encode_to_vec);
        assert_eq!(
            bytes(&got),
            bytes(&expected),
            "{place} as of {} as known at {}: {got:?} and not {expected:?}",
            at(as_of),
            at(as_known_at)
        );
        answered += usize::from(got.is_some());
        match as_of.cmp(&as_known_at) {
            std::cmp::Ordering::Less => past += 1,
            std::cmp::Ordering::Equal => equal += 1,
            std::cmp::Ordering::Greater => forecast += 1,
        }
    }
    eprintln!("{questions} questions: {past} past, {equal} equal, {forecast} forecast");
    eprintln!("{answered} answered, the others of a place not registered by then");
    assert!(answered > questions / 2 && answered < questions);
    told.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_what_was_published_or_what_each_moment_answers() {
    let mut chance = Chance::seeded("history");
    let told = Told::of(&mut chance, 120).await;
    let client = told.node.client();
    let (begin, end) = told.archive.span;
    // As it was published: the entries of the state log, in order, to the byte.
    let mut published = Vec::new();
    for frame in frames(&client, LogKind::States).await.unwrap() {
        let record = StateRecord::decode(frame.body).unwrap();
        let states = record.entries.into_iter().filter_map(|entry| entry.state);
        published.extend(states.filter(|state| state.place_id == "hama-city"));
    }
    assert!(published.len() > 20, "{}", published.len());
    let knowledge = GetControlHistoryRequest {
        place: "hama-city".to_owned(),
        page_size: 7,
        ..GetControlHistoryRequest::default()
    };
    let points = client.get_control_history(knowledge.clone()).await.unwrap();
    let states: Vec<ControlState> = points.iter().map(|p| p.state.clone().unwrap()).collect();
    assert_eq!(states, published);
    assert!(points[0].changes.is_empty());
    for cause in [
        HistoryCause::Report,
        HistoryCause::Registry,
        HistoryCause::Model,
    ] {
        let told = points.iter().any(|point| point.cause() == cause);
        assert!(told, "{cause:?}");
    }
    let only = GetControlHistoryRequest {
        only_changes: true,
        ..knowledge.clone()
    };
    let moved: Vec<_> = points
        .iter()
        .enumerate()
        .filter(|(i, p)| *i == 0 || has_moved(&p.changes))
        .map(|(_, point)| point.clone())
        .collect();
    assert!(moved.len() > 1 && moved.len() < points.len());
    assert_eq!(client.get_control_history(only).await.unwrap(), moved);
    let middle = points.len() / 2;
    let between = GetControlHistoryRequest {
        from: states[middle - 5].as_known_at,
        to: states[middle].as_known_at,
        ..knowledge
    };
    let part = client.get_control_history(between).await.unwrap();
    assert_eq!(
        part,
        points[middle - 4..=middle],
        "after `from`, up to `to`"
    );

    // With hindsight: each moment is what that moment answers, at one knowledge time.
    let (from, to, known) = (begin, end + 3 * DAY, (begin + end) / 2);
    let valid = GetControlHistoryRequest {
        place: "hama-city".to_owned(),
        clock: HistoryClock::Valid.into(),
        from: Some(at(from)),
        to: Some(at(to)),
        as_known_at: Some(at(known)),
        step: Some(prost_types::Duration {
            seconds: 18 * HOUR,
            nanos: 0,
        }),
        page_size: 7,
        ..GetControlHistoryRequest::default()
    };
    let points = client.get_control_history(valid.clone()).await.unwrap();
    assert_eq!(points.len() as i64, (to - from) / (18 * HOUR) + 1);
    for (moment, point) in (from..).step_by(18 * 3_600).zip(&points) {
        let expected = told.state("hama-city", moment, known).await;
        assert_eq!(point.state, expected, "{}", at(moment));
    }
    let only = GetControlHistoryRequest {
        only_changes: true,
        page_size: 3,
        ..valid.clone()
    };
    let moved = client.get_control_history(only).await.unwrap();
    let expected = points
        .iter()
        .enumerate()
        .filter(|(i, p)| *i == 0 || has_moved(&p.changes));
    assert_eq!(moved, expected.map(|(_, p)| p.clone()).collect::<Vec<_>>());
    // 30 days in at most 200 points, where nothing else is asked for.
    let default = GetControlHistoryRequest {
        from: None,
        to: None,
        step: None,
        page_size: 0,
        ..valid.clone()
    };
    let points = client.get_control_history(default).await.unwrap();
    assert!(
        points.len() > 100 && points.len() <= 200,
        "{}",
        points.len()
    );
    let time = |i: usize| points[i].state.as_ref().unwrap().as_of.unwrap().seconds;
    assert_eq!(time(0), known - 30 * DAY);

    for (wrong, field, reason) in [
        (
            GetControlHistoryRequest {
                to: Some(at(from - 1)),
                ..valid.clone()
            },
            "to",
            "INTERVAL_REVERSED",
        ),
        (
            GetControlHistoryRequest {
                step: Some(prost_types::Duration {
                    seconds: 60,
                    nanos: 0,
                }),
                ..valid.clone()
            },
            "step",
            "OUT_OF_RANGE",
        ),
        (
            GetControlHistoryRequest {
                from: Some(at(0)),
                step: Some(prost_types::Duration {
                    seconds: HOUR,
                    nanos: 0,
                }),
                ..valid.clone()
            },
            "step",
            "TOO_MANY_POINTS",
        ),
        (
            GetControlHistoryRequest {
                clock: HistoryClock::Knowledge.into(),
                step: None,
                ..valid.clone()
            },
            "as_known_at",
            "FIELDS_EXCLUDE",
        ),
        (
            GetControlHistoryRequest {
                page_token: "00".to_owned(),
                ..valid.clone()
            },
            "page_token",
            "PAGE_TOKEN_INVALID",
        ),
    ] {
        let error = client.get_control_history(wrong).await.unwrap_err();
        let violation = refused(error).violations.remove(0);
        assert_eq!(
            (violation.field.as_str(), violation.reason.as_str()),
            (field, reason)
        );
    }
    told.node.stop().await;
}

fn has_moved(changes: &[i32]) -> bool {
    let moves = [StateChange::Status, StateChange::Leader, StateChange::Word];
    changes.iter().any(|c| moves.map(i32::from).contains(c))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_holds_both_states_and_what_lies_between() {
    let mut chance = Chance::seeded("compare");
    let told = Told::of(&mut chance, 120).await;
    let (begin, end) = told.archive.span;
    let middle = (begin + end) / 2;
    // What changed our mind: one valid time, two knowledge times.
    let (then, now) = ((middle, middle), (middle, end));
    let mind = told.compared("hama-city", then, now).await;
    assert_eq!(mind.before, told.state("hama-city", middle, middle).await);
    assert_eq!(mind.after, told.state("hama-city", middle, end).await);
    assert!(mind.claims.iter().all(|claim| claim.newly_known));
    let claims = mind.claims.len() + mind.remaining_claims as usize;
    assert!(claims > 30, "{claims}");
    assert!(!mind.groups.is_empty());
    assert!(
        mind.claims
            .is_sorted_by_key(|c| c.first_known_at.unwrap().seconds)
    );
    // Weights are about the outcome that leads in the other state, as its own are.
    let after = mind.after.as_ref().unwrap();
    let leads = after
        .outcomes
        .iter()
        .rev()
        .max_by_key(|o| o.probability_ppm);
    assert_eq!(mind.weighed.as_ref(), leads);
    let mut compared = 0;
    for group in &mind.groups {
        let own = after.contributions.iter().find(|c| c.group == group.group);
        if let Some(own) = own {
            assert_eq!(group.weight_after, Some(own.weight));
            compared += 1;
        }
    }
    assert!(compared > 0);
    let again = told.compared("hama-city", now, then).await;
    assert_eq!((again.claims, again.before), (mind.claims, mind.after));
    // What changed on the ground: one knowledge time, two valid times.
    let ground = told
        .compared("hama-city", (middle, end), (middle + 5 * DAY, end))
        .await;
    assert!(!ground.claims.is_empty());
    for claim in &ground.claims {
        let entered = claim.entered_at.unwrap().seconds;
        assert!(claim.entered_between && !claim.newly_known);
        assert!(entered > middle && entered <= middle + 5 * DAY, "{claim:?}");
    }
    // Nothing lies between a state and itself.
    let same = told.compared("hama-city", then, then).await;
    assert_eq!(same.before, same.after);
    assert!(same.changes.is_empty() && same.groups.is_empty() && same.claims.is_empty());
    // A place that was registered in between has one state.
    let late = told
        .compared(LATE_PLACE, (begin + DAY, begin + DAY), now)
        .await;
    assert!(late.before.is_none() && late.after.is_some());
    assert_eq!(late.changes, [i32::from(StateChange::Place)]);
    // Before any record there is no place at all; a place without evidence has no groups.
    assert!(
        told.state("hama-city", begin - DAY, begin - DAY)
            .await
            .is_none()
    );
    let bare = told
        .compared("hama-governorate", (middle, end), (end + 40 * DAY, end))
        .await;
    assert!(
        bare.changes.is_empty() && bare.groups.is_empty(),
        "{bare:?}"
    );

    // What is taken back lies between as well.
    let client = told.node.client();
    let gone = ground.claims[0].report.clone().unwrap().report_id;
    let request = RetractReportRequest {
        report_id: gone.clone(),
        retraction_id: "0d4f8a52-0000-4000-8000-00000000000a".to_owned(),
        ..RetractReportRequest::default()
    };
    let retracted = client.retract_report(request).await.unwrap();
    let request = CompareControlStatesRequest {
        place: "hama-city".to_owned(),
        from: Some(StateTimes {
            as_of: Some(at(end)),
            as_known_at: Some(at(end)),
        }),
        to: Some(StateTimes {
            as_of: Some(at(end)),
            as_known_at: None,
        }),
        at_least: vec![retracted.acknowledgement.unwrap().write_token],
        ..CompareControlStatesRequest::default()
    };
    let compared = client.compare_control_states(request).await.unwrap();
    let claims = &compared[0].claims;
    let no_longer = claims.iter().filter(|claim| claim.no_longer_counts);
    let no_longer: Vec<_> = no_longer
        .filter_map(|claim| claim.report.as_ref())
        .collect();
    assert!(no_longer.iter().any(|report| report.report_id == gone));
    assert!(claims.iter().all(|claim| !claim.newly_known));

    // Of an area: those that differ, in order, page by page.
    let times = |valid: i64| {
        Some(StateTimes {
            as_of: Some(at(valid)),
            as_known_at: Some(at(end)),
        })
    };
    let request = CompareControlStatesRequest {
        within_place_id: "hama-governorate".to_owned(),
        from: times(middle),
        to: times(end),
        page_size: 1,
        ..CompareControlStatesRequest::default()
    };
    let found = client
        .compare_control_states(request.clone())
        .await
        .unwrap();
    let mut expected = Vec::new();
    let mut places = told.archive.places();
    places.sort();
    for place in &places {
        let one = told.compared(place, (middle, end), (end, end)).await;
        if has_moved(&one.changes) {
            expected.push(one);
        }
    }
    assert!(!expected.is_empty());
    let listed: Vec<StateComparison> = found;
    assert_eq!(listed, expected);
    for (wrong, field, reason) in [
        (
            CompareControlStatesRequest {
                place: "hama-city".to_owned(),
                ..request.clone()
            },
            "within_place_id",
            "FIELDS_EXCLUDE",
        ),
        (
            CompareControlStatesRequest {
                within_place_id: String::new(),
                ..request.clone()
            },
            "place",
            "REQUIRED",
        ),
        (
            CompareControlStatesRequest {
                from: None,
                ..request.clone()
            },
            "from",
            "REQUIRED",
        ),
        (
            CompareControlStatesRequest {
                to: Some(StateTimes {
                    as_known_at: Some(at(90_000_000_000)),
                    ..StateTimes::default()
                }),
                ..request.clone()
            },
            "to.as_known_at",
            "AS_KNOWN_AT_IN_FUTURE",
        ),
    ] {
        let error = client.compare_control_states(wrong).await.unwrap_err();
        let violation = refused(error).violations.remove(0);
        assert_eq!(
            (violation.field.as_str(), violation.reason.as_str()),
            (field, reason)
        );
    }
    told.node.stop().await;
}
