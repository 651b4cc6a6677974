//! Bad questions: each call is refused with the code, the reason and the field that the
//! reference of the API names.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::fmt::Debug;

use ascertain_client::{Client, ClientError};
use ascertain_proto::v1::query_service_client::QueryServiceClient;
use ascertain_proto::v1::{
    ApplySourceModelRequest, BatchGetControlStatesRequest, CompareControlStatesRequest,
    ExplainControlStateRequest, FitSourceModelRequest, GetActorRequest, GetControlHistoryRequest,
    GetControlStateRequest, GetNodeDigestRequest, GetPlaceRequest, GetReportRequest,
    GetSourceModelRequest, GetSourceRequest, HistoryClock, ListActorsRequest,
    ListAdjudicationsRequest, ListClaimedControlsRequest, ListControlStatesRequest,
    ListPlacesRequest, ListReportsRequest, ListSourceModelsRequest, ListSourcesRequest,
    ReadOptions, StateTimes, SummarizeAreaRequest, WatchControlStatesRequest,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::Node;
use prost_types::{Duration, Timestamp};
use tonic::Code;
use tonic_types::StatusExt as _;

const FUTURE: &str = "2999-01-01T00:00:00Z";

async fn told() -> (Node, Client, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let scenario = Scenario::hama().unwrap();
    node.apply(&scenario).await.unwrap();
    node.submit(&scenario.submissions).await.unwrap();
    let client = node.client();
    (node, client, data)
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

/// What a call was refused with: code, reason of the first field or of all, and the field.
fn refused<T: Debug>(answer: Result<T, ClientError>) -> (Code, String, String) {
    let Err(ClientError::Refused(refusal)) = answer else {
        unreachable!("{answer:?}");
    };
    match refusal.violations.first() {
        Some(first) => (refusal.code, first.reason.clone(), first.field.clone()),
        None => (refusal.code, refusal.reason, String::new()),
    }
}

fn is(found: (Code, String, String), code: Code, reason: &str, field: &str) {
    let (its_code, its_reason, its_field) = found;
    assert_eq!((its_code, &*its_reason, &*its_field), (code, reason, field));
}

/// The bad options that every read refuses, and how.
fn bad_reads() -> Vec<(ReadOptions, &'static str, &'static str)> {
    let read = ReadOptions::default;
    vec![
        (
            ReadOptions {
                as_known_at: time(FUTURE),
                ..read()
            },
            "AS_KNOWN_AT_IN_FUTURE",
            "read.as_known_at",
        ),
        (
            ReadOptions {
                as_of: Some(Timestamp {
                    seconds: 0,
                    nanos: -1,
                }),
                ..read()
            },
            "OUT_OF_RANGE",
            "read.as_of",
        ),
        (
            ReadOptions {
                at_least: vec!["not a token".to_owned()],
                ..read()
            },
            "TOKEN_INVALID",
            "read.at_least[0]",
        ),
        (
            ReadOptions {
                at_least: vec![String::new(); 65],
                ..read()
            },
            "TOO_LONG",
            "read.at_least",
        ),
        (
            ReadOptions {
                audience: 4,
                ..read()
            },
            "AUDIENCE_NOT_SUPPORTED",
            "read.audience",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_about_states() {
    let (_node, client, _data) = told().await;
    let invalid = Code::InvalidArgument;
    for (read, reason, field) in bad_reads() {
        let read = Some(read);
        let place = || "hama-city".to_owned();
        let get = GetControlStateRequest {
            place: place(),
            read: read.clone(),
        };
        is(
            refused(client.get_control_state(get).await),
            invalid,
            reason,
            field,
        );
        let batch = BatchGetControlStatesRequest {
            places: vec![place()],
            read: read.clone(),
        };
        is(
            refused(client.batch_get_control_states(batch).await),
            invalid,
            reason,
            field,
        );
        let list = ListControlStatesRequest {
            read: read.clone(),
            ..ListControlStatesRequest::default()
        };
        is(
            refused(client.list_control_states_page(list).await),
            invalid,
            reason,
            field,
        );
        let explain = ExplainControlStateRequest {
            place: place(),
            read: read.clone(),
        };
        is(
            refused(client.explain_control_state(explain).await),
            invalid,
            reason,
            field,
        );
        let summarize = SummarizeAreaRequest {
            read: read.clone(),
            ..SummarizeAreaRequest::default()
        };
        is(
            refused(client.summarize_area(summarize).await),
            invalid,
            reason,
            field,
        );
        let claimed = ListClaimedControlsRequest {
            read,
            ..ListClaimedControlsRequest::default()
        };
        is(
            refused(client.list_claimed_controls(claimed).await),
            invalid,
            reason,
            field,
        );
    }
    // Places: none, none of this name, and several.
    for (place, code, reason, field) in [
        ("", invalid, "REQUIRED", "place"),
        ("Atlantis", Code::NotFound, "PLACE_UNKNOWN", ""),
        ("Hama", invalid, "PLACE_AMBIGUOUS", "place"),
    ] {
        let place = place.to_owned();
        let get = GetControlStateRequest {
            place: place.clone(),
            read: None,
        };
        is(
            refused(client.get_control_state(get).await),
            code,
            reason,
            field,
        );
        let explain = ExplainControlStateRequest {
            place: place.clone(),
            read: None,
        };
        is(
            refused(client.explain_control_state(explain).await),
            code,
            reason,
            field,
        );
        let history = GetControlHistoryRequest {
            place: place.clone(),
            clock: HistoryClock::Knowledge.into(),
            ..GetControlHistoryRequest::default()
        };
        is(
            refused(client.get_control_history(history).await),
            code,
            reason,
            field,
        );
        let rulings = ListAdjudicationsRequest {
            place,
            ..ListAdjudicationsRequest::default()
        };
        is(
            refused(client.list_adjudications(rulings).await),
            code,
            reason,
            field,
        );
    }
    let batch = |places| BatchGetControlStatesRequest { places, read: None };
    let none = client.batch_get_control_states(batch(Vec::new())).await;
    is(refused(none), invalid, "REQUIRED", "places");
    let many = client
        .batch_get_control_states(batch(vec!["a".to_owned(); 1_001]))
        .await;
    is(refused(many), invalid, "TOO_LONG", "places");
    let unknown = client
        .batch_get_control_states(batch(vec!["Atlantis".to_owned()]))
        .await;
    is(refused(unknown), Code::NotFound, "PLACE_UNKNOWN", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_areas() {
    let (_node, client, _data) = told().await;
    let invalid = Code::InvalidArgument;
    let (token, area) = ("of another list".to_owned(), "Atlantis".to_owned());
    let list = ListControlStatesRequest::default;
    let answer = client
        .list_control_states_page(ListControlStatesRequest {
            page_token: token.clone(),
            ..list()
        })
        .await;
    is(refused(answer), invalid, "PAGE_TOKEN_INVALID", "page_token");
    let answer = client
        .list_control_states_page(ListControlStatesRequest {
            page_size: -1,
            ..list()
        })
        .await;
    is(refused(answer), invalid, "OUT_OF_RANGE", "page_size");
    let answer = client
        .list_control_states_page(ListControlStatesRequest {
            within_place_id: area.clone(),
            ..list()
        })
        .await;
    is(refused(answer), Code::NotFound, "PLACE_UNKNOWN", "");
    let answer = client
        .list_claimed_controls(ListClaimedControlsRequest {
            page_token: token.clone(),
            ..ListClaimedControlsRequest::default()
        })
        .await;
    is(refused(answer), invalid, "PAGE_TOKEN_INVALID", "page_token");
    let answer = client
        .list_claimed_controls(ListClaimedControlsRequest {
            within_place_id: area.clone(),
            ..ListClaimedControlsRequest::default()
        })
        .await;
    is(refused(answer), Code::NotFound, "PLACE_UNKNOWN", "");
    let summarize = SummarizeAreaRequest::default;
    let answer = client
        .summarize_area(SummarizeAreaRequest {
            within_place_id: area,
            ..summarize()
        })
        .await;
    is(refused(answer), Code::NotFound, "PLACE_UNKNOWN", "");
    let answer = client
        .summarize_area(SummarizeAreaRequest {
            most: -1,
            ..summarize()
        })
        .await;
    is(refused(answer), invalid, "OUT_OF_RANGE", "most");
    let reports = ListReportsRequest {
        page_token: token.clone(),
        ..ListReportsRequest::default()
    };
    is(
        refused(client.list_reports(reports).await),
        invalid,
        "PAGE_TOKEN_INVALID",
        "page_token",
    );
    let places = ListPlacesRequest {
        page_token: token.clone(),
        ..ListPlacesRequest::default()
    };
    is(
        refused(client.list_places(places).await),
        invalid,
        "PAGE_TOKEN_INVALID",
        "page_token",
    );
    let actors = ListActorsRequest {
        page_token: token.clone(),
        ..ListActorsRequest::default()
    };
    is(
        refused(client.list_actors(actors).await),
        invalid,
        "PAGE_TOKEN_INVALID",
        "page_token",
    );
    let sources = ListSourcesRequest {
        page_token: token.clone(),
        ..ListSourcesRequest::default()
    };
    is(
        refused(client.list_sources(sources).await),
        invalid,
        "PAGE_TOKEN_INVALID",
        "page_token",
    );
    let models = ListSourceModelsRequest {
        page_token: token,
        ..ListSourceModelsRequest::default()
    };
    is(
        refused(client.list_source_models(models).await),
        invalid,
        "PAGE_TOKEN_INVALID",
        "page_token",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_and_comparisons() {
    let (_node, client, _data) = told().await;
    let invalid = Code::InvalidArgument;
    let history = || GetControlHistoryRequest {
        place: "hama-city".to_owned(),
        clock: HistoryClock::Valid.into(),
        ..GetControlHistoryRequest::default()
    };
    let (early, late) = (time("2024-12-01T00:00:00Z"), time("2024-12-09T00:00:00Z"));
    let reversed = GetControlHistoryRequest {
        from: late,
        to: early,
        ..history()
    };
    let found = refused(client.get_control_history(reversed).await);
    assert_eq!((found.0, &*found.1), (invalid, "INTERVAL_REVERSED"));
    let many = GetControlHistoryRequest {
        from: time("1990-01-01T00:00:00Z"),
        to: late,
        step: Some(Duration {
            seconds: 3_600,
            nanos: 0,
        }),
        ..history()
    };
    let found = refused(client.get_control_history(many).await);
    assert_eq!((found.0, &*found.1), (invalid, "TOO_MANY_POINTS"));
    let of_the_other_clock = GetControlHistoryRequest {
        clock: HistoryClock::Knowledge.into(),
        as_known_at: early,
        ..history()
    };
    let found = refused(client.get_control_history(of_the_other_clock).await);
    assert_eq!((found.0, &*found.1), (invalid, "FIELDS_EXCLUDE"));
    let future = GetControlHistoryRequest {
        as_known_at: time(FUTURE),
        ..history()
    };
    is(
        refused(client.get_control_history(future).await),
        invalid,
        "AS_KNOWN_AT_IN_FUTURE",
        "as_known_at",
    );
    let page = GetControlHistoryRequest {
        page_token: "of another".to_owned(),
        ..history()
    };
    is(
        refused(client.get_control_history(page).await),
        invalid,
        "PAGE_TOKEN_INVALID",
        "page_token",
    );
    let times = |as_of| {
        Some(StateTimes {
            as_of,
            as_known_at: None,
        })
    };
    let compare = || CompareControlStatesRequest {
        place: "hama-city".to_owned(),
        from: times(early),
        to: times(late),
        ..CompareControlStatesRequest::default()
    };
    let both = CompareControlStatesRequest {
        within_place_id: "hama-governorate".to_owned(),
        ..compare()
    };
    let found = refused(client.compare_control_states(both).await);
    assert_eq!((found.0, &*found.1), (invalid, "FIELDS_EXCLUDE"));
    let neither = CompareControlStatesRequest {
        place: String::new(),
        ..compare()
    };
    let found = refused(client.compare_control_states(neither).await);
    assert_eq!((found.0, &*found.1), (invalid, "REQUIRED"));
    let nowhere = CompareControlStatesRequest {
        place: "Atlantis".to_owned(),
        ..compare()
    };
    let found = refused(client.compare_control_states(nowhere).await);
    assert_eq!((found.0, &*found.1), (Code::NotFound, "PLACE_UNKNOWN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_and_registry() {
    let (_node, client, _data) = told().await;
    let invalid = Code::InvalidArgument;
    let report = |id: &str, partner: &str| GetReportRequest {
        report_id: id.to_owned(),
        partner_id: partner.to_owned(),
        ..GetReportRequest::default()
    };
    let id = "5f0e6a9c-0000-4000-8000-0000000000ff";
    is(
        refused(client.get_report(report("R1", "")).await),
        invalid,
        "INVALID_UUID",
        "report_id",
    );
    is(
        refused(client.get_report(report(id, "No One")).await),
        invalid,
        "MALFORMED",
        "partner_id",
    );
    is(
        refused(client.get_report(report(id, "")).await),
        Code::NotFound,
        "NOT_FOUND",
        "",
    );
    let list = ListReportsRequest::default;
    let answer = client
        .list_reports(ListReportsRequest {
            place: "Atlantis".to_owned(),
            ..list()
        })
        .await;
    is(refused(answer), Code::NotFound, "PLACE_UNKNOWN", "");
    let answer = client
        .list_reports(ListReportsRequest {
            as_known_at: time(FUTURE),
            ..list()
        })
        .await;
    is(
        refused(answer),
        invalid,
        "AS_KNOWN_AT_IN_FUTURE",
        "as_known_at",
    );
    let answer = client
        .list_reports(ListReportsRequest {
            at_least: vec!["not a token".to_owned()],
            ..list()
        })
        .await;
    is(refused(answer), invalid, "TOKEN_INVALID", "at_least[0]");
    let place = GetPlaceRequest {
        place: "atlantis".to_owned(),
    };
    is(
        refused(client.get_place(place).await),
        Code::NotFound,
        "PLACE_UNKNOWN",
        "",
    );
    let actor = GetActorRequest {
        actor_id: "nobody".to_owned(),
    };
    is(
        refused(client.get_actor(actor).await),
        Code::NotFound,
        "ACTOR_UNKNOWN",
        "",
    );
    let source = GetSourceRequest {
        source_id: "nobody".to_owned(),
    };
    is(
        refused(client.get_source(source).await),
        Code::NotFound,
        "SOURCE_UNKNOWN",
        "",
    );
    let model = GetSourceModelRequest::default();
    is(
        refused(client.get_source_model(model).await),
        Code::NotFound,
        "NOT_FOUND",
        "",
    );
    let apply = ApplySourceModelRequest::default();
    is(
        refused(client.apply_source_model(apply).await),
        invalid,
        "REQUIRED",
        "model",
    );
    let fit = FitSourceModelRequest {
        day: "2024-12-05".to_owned(),
        audience: 4,
    };
    let found = refused(client.fit_source_model(fit, |_| ()).await);
    is(found, invalid, "AUDIENCE_NOT_SUPPORTED", "audience");
    let digest = GetNodeDigestRequest {
        as_of: Some(Timestamp {
            seconds: 0,
            nanos: -1,
        }),
    };
    is(
        refused(client.get_node_digest(digest).await),
        invalid,
        "OUT_OF_RANGE",
        "as_of",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn watches() {
    let (_node, client, _data) = told().await;
    let watch = WatchControlStatesRequest::default;
    let cases = [
        (
            WatchControlStatesRequest {
                sides: vec!["nobody".to_owned()],
                ..watch()
            },
            ("ACTOR_UNKNOWN", "sides[0]"),
        ),
        (
            WatchControlStatesRequest {
                statuses: vec![77],
                ..watch()
            },
            ("OUT_OF_RANGE", "statuses[0]"),
        ),
        (
            WatchControlStatesRequest {
                places: vec!["a".to_owned(); 1_001],
                ..watch()
            },
            ("TOO_LONG", "places"),
        ),
        (
            WatchControlStatesRequest {
                resume_token: "not a token".to_owned(),
                ..watch()
            },
            ("RESUME_TOKEN_INVALID", "resume_token"),
        ),
        (
            WatchControlStatesRequest {
                audience: 4,
                ..watch()
            },
            ("AUDIENCE_NOT_SUPPORTED", "audience"),
        ),
    ];
    for (request, (reason, field)) in cases {
        let mut query = QueryServiceClient::new(client.channel());
        let status = query.watch_control_states(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let first = &details.bad_request().unwrap().field_violations[0];
        assert_eq!((&*first.reason, &*first.field), (reason, field));
    }
}
