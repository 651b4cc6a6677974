//! Mistakes in what is reported, ruled and registered: each is refused with the code, the
//! reason and the field that the reference of the API names.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::fmt::Debug;

use ascertain_client::{Client, ClientError};
use ascertain_proto::v1::ingest_service_client::IngestServiceClient;
use ascertain_proto::v1::submit_result::Result as Submitted;
use ascertain_proto::v1::{
    Actor, ActorKind, ActorReference, AdjudicateRequest, Alignment, AlignmentKind,
    ApplyRegistryRequest, ApplySourceModelRequest, Audience, Backfill, CorrectReportRequest,
    FieldViolation, ListPlacesRequest, Name, OutcomeKind, Place, PlaceKind, ProtectionClass,
    Report, ReportSubmission, RevokeAdjudicationRequest, SearchActorsRequest, SearchPlacesRequest,
    SearchSourcesRequest, Source, SourceKind, SourceModel, SubmitReportRequest,
    SubmitReportsRequest, Tlp,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::Node;
use prost_types::Timestamp;
use tonic::Code;

const NEW: &str = "0d4f8a52-0000-4000-8000-0000000000f0";
const RULING: &str = "0d4f8a52-0000-4000-8000-0000000000f1";
const OTHER: &str = "0d4f8a52-0000-4000-8000-0000000000f2";

/// A node that knows of whom the scenario speaks, of two actors and of two sources that
/// share a name, and one report.
struct Told {
    node: Node,
    first: Report,
    _data: tempfile::TempDir,
}

impl Told {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let node = Node::start(data.path()).await.unwrap();
        let mut scenario = Scenario::hama().unwrap();
        for id in ["twin-a", "twin-b"] {
            scenario.registry.actors.push(actor(id, "Twins"));
            scenario.registry.sources.push(source(id, "Echo"));
        }
        node.apply(&scenario).await.unwrap();
        node.submit(&scenario.submissions[..1]).await.unwrap();
        let first = scenario.submissions[0].report.clone().unwrap();
        Self {
            node,
            first,
            _data: data,
        }
    }

    /// A report that is taken, but for what a test makes of it.
    fn another(&self) -> Report {
        Report {
            report_id: NEW.to_owned(),
            partner_reference: "another".to_owned(),
            ..self.first.clone()
        }
    }

    /// What a report is refused with, which is the same however it comes.
    async fn refusal_of(&self, report: Report) -> Refused {
        let client = self.node.client();
        let one = SubmitReportRequest {
            report: Some(report.clone()),
            ..SubmitReportRequest::default()
        };
        let one = refused(client.submit_report(one).await);
        let correction = CorrectReportRequest {
            corrects_report_id: self.first.report_id.clone(),
            report: Some(report.clone()),
            ..CorrectReportRequest::default()
        };
        assert_eq!(refused(client.correct_report(correction).await), one);
        assert_eq!(refused_of_many(&client, report).await, one);
        one
    }
}

fn names(text: &str) -> Vec<Name> {
    vec![Name {
        text: text.to_owned(),
        ..Name::default()
    }]
}

fn actor(id: &str, name: &str) -> Actor {
    Actor {
        actor_id: id.to_owned(),
        kind: ActorKind::Militia.into(),
        names: names(name),
        ..Actor::default()
    }
}

fn source(id: &str, name: &str) -> Source {
    Source {
        source_id: id.to_owned(),
        kind: SourceKind::Newswire.into(),
        names: names(name),
        ..Source::default()
    }
}

fn town(id: &str) -> Place {
    Place {
        place_id: id.to_owned(),
        kind: PlaceKind::City.into(),
        parent_id: "hama-governorate".to_owned(),
        names: names("New Town"),
        ..Place::default()
    }
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

/// What a call was refused with: its code and reason, and each field with its own.
type Refused = (Code, String, Vec<(String, String)>);

fn told_of(violations: &[FieldViolation]) -> Vec<(String, String)> {
    let told = violations.iter();
    told.map(|v| (v.field.clone(), v.reason.clone())).collect()
}

fn refused<T: Debug>(answer: Result<T, ClientError>) -> Refused {
    let Err(ClientError::Refused(refusal)) = answer else {
        unreachable!("{answer:?}");
    };
    let fields = told_of(&refusal.violations);
    (refusal.code, refusal.reason, fields)
}

/// What the only report of a batch was refused with.
async fn refused_of_many(client: &Client, report: Report) -> Refused {
    let batch = SubmitReportsRequest {
        submissions: vec![ReportSubmission {
            report: Some(report),
            ..ReportSubmission::default()
        }],
    };
    let mut service = IngestServiceClient::new(client.channel());
    let answers = service.submit_reports(tokio_stream::iter([batch])).await;
    let answer = answers.unwrap().into_inner().message().await.unwrap();
    let result = answer.unwrap().results.remove(0).result;
    let Some(Submitted::Rejection(rejection)) = result else {
        unreachable!("{result:?}");
    };
    let fields = told_of(&rejection.violations);
    (Code::from(rejection.code), rejection.reason, fields)
}

/// Refused for one field alone.
fn for_field(code: Code, reason: &str, field: &str) -> Refused {
    let told = vec![(field.to_owned(), reason.to_owned())];
    (code, reason.to_owned(), told)
}

/// Bad input: one field.
fn bad(reason: &str, field: &str) -> Refused {
    for_field(Code::InvalidArgument, reason, field)
}

/// Refused for no field.
fn for_all(code: Code, reason: &str) -> Refused {
    (code, reason.to_owned(), Vec::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_by_a_name_of_several_sources_is_refused() {
    let told = Told::new().await;
    let mut report = told.another();
    let party = &mut report.attribution_chain[0];
    party.source_id.clear();
    party.name = "Echo".to_owned();
    let refusal = told.refusal_of(report).await;
    assert_eq!(
        refusal,
        bad("SOURCE_AMBIGUOUS", "report.attribution_chain[0]")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_about_a_name_of_several_actors_is_refused() {
    let told = Told::new().await;
    let mut report = told.another();
    report.claims.truncate(1);
    report.claims[0].actors = vec![ActorReference {
        name: "Twins".to_owned(),
        ..ActorReference::default()
    }];
    let refusal = told.refusal_of(report).await;
    assert_eq!(
        refusal,
        bad("ACTOR_AMBIGUOUS", "report.claims[0].actors[0]")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_for_the_eyes_of_few_is_refused() {
    let told = Told::new().await;
    for tlp in [Tlp::Green, Tlp::Amber, Tlp::Red] {
        let report = Report {
            tlp: tlp.into(),
            ..told.another()
        };
        let refusal = told.refusal_of(report).await;
        assert_eq!(
            refusal,
            bad("MARKING_NOT_SUPPORTED", "report.tlp"),
            "{tlp:?}"
        );
    }
}

fn named(name: &str) -> Option<ActorReference> {
    Some(ActorReference {
        name: name.to_owned(),
        ..ActorReference::default()
    })
}

fn ruling(id: &str) -> AdjudicateRequest {
    AdjudicateRequest {
        adjudication_id: id.to_owned(),
        place: "hama-city".to_owned(),
        holder: named("opposition"),
        reason: "Two monitors were there.".to_owned(),
        ..AdjudicateRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_that_does_not_say_one_thing_is_refused() {
    let told = Told::new().await;
    let ruling = || ruling(RULING);
    let of_no_side = AdjudicateRequest {
        kind: OutcomeKind::Other.into(),
        holder: None,
        ..ruling()
    };
    let of_no_kind = AdjudicateRequest {
        kind: 77,
        ..ruling()
    };
    let for_reason = |reason: String| AdjudicateRequest { reason, ..ruling() };
    let of_place = |place: &str| AdjudicateRequest {
        place: place.to_owned(),
        ..ruling()
    };
    let of_holder = |name: &str| AdjudicateRequest {
        holder: named(name),
        ..ruling()
    };
    let before_time = AdjudicateRequest {
        valid_from: Some(Timestamp {
            seconds: i64::MIN,
            nanos: 0,
        }),
        ..ruling()
    };
    let cases = [
        (of_place("Hama"), bad("PLACE_AMBIGUOUS", "place")),
        (of_holder("Twins"), bad("ACTOR_AMBIGUOUS", "holder")),
        (for_reason("a".repeat(2_001)), bad("TOO_LONG", "reason")),
        (for_reason("a\u{7}".to_owned()), bad("MALFORMED", "reason")),
        (of_no_side, bad("OUT_OF_RANGE", "kind")),
        (of_no_kind, bad("OUT_OF_RANGE", "kind")),
        (before_time, bad("OUT_OF_RANGE", "valid_from")),
    ];
    for (request, expected) in cases {
        let answer = told.node.client().adjudicate(request.clone()).await;
        assert_eq!(refused(answer), expected, "{request:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_under_the_id_of_something_else_is_refused() {
    let told = Told::new().await;
    let client = told.node.client();
    client.adjudicate(ruling(RULING)).await.unwrap();
    let of_another = AdjudicateRequest {
        reason: "Three monitors were there.".to_owned(),
        ..ruling(RULING)
    };
    for request in [of_another, ruling(&told.first.report_id)] {
        assert_eq!(
            refused(client.adjudicate(request).await),
            for_field(Code::AlreadyExists, "REPORT_ID_REUSED", "adjudication_id")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_is_not_sound_is_refused() {
    let told = Told::new().await;
    let client = told.node.client();
    for id in [RULING, OTHER] {
        client.adjudicate(ruling(id)).await.unwrap();
    }
    let revocation = |id: &str, of: &str| RevokeAdjudicationRequest {
        adjudication_id: of.to_owned(),
        revocation_id: id.to_owned(),
        reason: "The monitors erred.".to_owned(),
        validate_only: false,
    };
    let for_nothing = RevokeAdjudicationRequest {
        reason: " ".to_owned(),
        ..revocation(NEW, RULING)
    };
    let reused = || for_field(Code::AlreadyExists, "REPORT_ID_REUSED", "revocation_id");
    let cases = [
        (
            revocation("x", RULING),
            bad("INVALID_UUID", "revocation_id"),
        ),
        (revocation(NEW, "x"), bad("INVALID_UUID", "adjudication_id")),
        (revocation("", RULING), bad("REQUIRED", "revocation_id")),
        (revocation(NEW, ""), bad("REQUIRED", "adjudication_id")),
        (for_nothing, bad("REQUIRED", "reason")),
        (
            revocation(RULING, RULING),
            bad("DUPLICATE", "revocation_id"),
        ),
        (revocation(OTHER, RULING), reused()),
        (revocation(&told.first.report_id, RULING), reused()),
    ];
    for (request, expected) in cases {
        let answer = client.revoke_adjudication(request.clone()).await;
        assert_eq!(refused(answer), expected, "{request:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_does_not_fit_the_others_is_refused() {
    let told = Told::new().await;
    let new = || town("new-town");
    let with_sides = Place {
        side_ids: vec!["government".to_owned()],
        ..new()
    };
    let with_a_code_of_another = Place {
        pcode: "C2987".to_owned(),
        ..new()
    };
    let of_many_names = Place {
        names: vec![names("New Town").remove(0); 65],
        ..new()
    };
    let nowhere = Place {
        parent_id: "nowhere".to_owned(),
        home_area_id: "hama-governorate".to_owned(),
        ..new()
    };
    let beside_nowhere = Place {
        adjacent_ids: vec!["nowhere".to_owned()],
        ..new()
    };
    let gone_before_it_came = Place {
        valid_from: time("2024-12-02T00:00:00Z"),
        valid_to: time("2024-12-01T00:00:00Z"),
        ..new()
    };
    let long = town(&"a".repeat(65));
    let cases = [
        (vec![with_sides], bad("NOT_SUPPORTED", "places[0].side_ids")),
        (
            vec![with_a_code_of_another],
            bad("DUPLICATE", "places[0].pcode"),
        ),
        (vec![new(), new()], bad("DUPLICATE", "places[1].place_id")),
        (vec![long], bad("TOO_LONG", "places[0].place_id")),
        (vec![of_many_names], bad("TOO_LONG", "places[0].names")),
        (vec![nowhere], bad("PLACE_UNKNOWN", "places[0].parent_id")),
        (
            vec![beside_nowhere],
            bad("PLACE_UNKNOWN", "places[0].adjacent_ids[0]"),
        ),
        (
            vec![gone_before_it_came],
            bad("INTERVAL_REVERSED", "places[0].valid_to"),
        ),
    ];
    for (places, expected) in cases {
        let request = ApplyRegistryRequest {
            places,
            ..ApplyRegistryRequest::default()
        };
        let answer = told.node.client().apply_registry(request).await;
        assert_eq!(refused(answer), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_what_it_says_or_must_be_hidden_is_refused() {
    let told = Told::new().await;
    let aligned = Source {
        alignments: vec![Alignment {
            kind: AlignmentKind::Independent.into(),
            actor_id: "government".to_owned(),
            ..Alignment::default()
        }],
        ..source("new-source", "New Source")
    };
    let hidden = Source {
        protection_class: ProtectionClass::Protected.into(),
        ..source("new-source", "New Source")
    };
    let cases = [
        (
            aligned,
            "ACTOR_NOT_ALLOWED",
            "sources[0].alignments[0].actor_id",
        ),
        (
            hidden,
            "MARKING_NOT_SUPPORTED",
            "sources[0].protection_class",
        ),
    ];
    for (source, reason, field) in cases {
        let request = ApplyRegistryRequest {
            sources: vec![source],
            ..ApplyRegistryRequest::default()
        };
        let answer = told.node.client().apply_registry(request).await;
        assert_eq!(refused(answer), bad(reason, field));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_be_known_before_what_is_registered_already_is_refused() {
    let told = Told::new().await;
    let request = ApplyRegistryRequest {
        places: vec![town("new-town")],
        backfill: Some(Backfill {
            first_known_at: time("2000-01-01T00:00:00Z"),
            ..Backfill::default()
        }),
        ..ApplyRegistryRequest::default()
    };
    let answer = told.node.client().apply_registry(request).await;
    let expected = for_all(Code::FailedPrecondition, "BACKFILL_TOO_LATE");
    assert_eq!(refused(answer), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_model_for_the_eyes_of_few_is_refused() {
    let told = Told::new().await;
    for audience in [Audience::Green, Audience::Amber, Audience::Full] {
        let request = ApplySourceModelRequest {
            model: Some(SourceModel {
                cut: time("2024-12-05T00:00:00Z"),
                audience: audience.into(),
                method: "prior-4".to_owned(),
                input_digest: vec![0; 32],
                temper_ppm: 1_000_000,
                ..SourceModel::default()
            }),
            ..ApplySourceModelRequest::default()
        };
        let answer = told.node.client().apply_source_model(request).await;
        assert_eq!(
            refused(answer),
            bad("AUDIENCE_NOT_SUPPORTED", "model.audience"),
            "{audience:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_area_that_nobody_registered_holds_no_places() {
    let told = Told::new().await;
    let client = told.node.client();
    let within_place_id = "atlantis".to_owned();
    let unknown = for_all(Code::NotFound, "PLACE_UNKNOWN");
    let list = ListPlacesRequest {
        within_place_id: within_place_id.clone(),
        ..ListPlacesRequest::default()
    };
    assert_eq!(refused(client.list_places_page(list).await), unknown);
    let search = SearchPlacesRequest {
        query: "Hama".to_owned(),
        within_place_id,
        ..SearchPlacesRequest::default()
    };
    assert_eq!(refused(client.search_places(search).await), unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_nothing_is_refused() {
    let told = Told::new().await;
    let client = told.node.client();
    let nothing = bad("REQUIRED", "query");
    let places = client.search_places(SearchPlacesRequest::default()).await;
    assert_eq!(refused(places), nothing);
    let actors = client.search_actors(SearchActorsRequest::default()).await;
    assert_eq!(refused(actors), nothing);
    let sources = client.search_sources(SearchSourcesRequest::default()).await;
    assert_eq!(refused(sources), nothing);
}
