//! Source models over the real services: fitted from a named cut, adopted, in force;
//! and what was answered before stays what it was.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use ascertain_client::{Client, ClientError};
use ascertain_proto::log::v1::{StateCause, StateEntry, StateRecord};
use ascertain_proto::v1::{
    ApplySourceModelRequest, ApplySourceModelResponse, Backfill, Copying, FitSourceModelRequest,
    GetSourceModelRequest, GetSourceRequest, LearnedSource, LearnedTable, SourceModel,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Node, bodies, digests, import, state_entries};
use prost::Message as _;
use prost_types::Timestamp;
use tonic::Code;

/// After the last report of the scenario.
const DAY: &str = "2024-12-09";
/// When the model is adopted, in the time of the archive.
const ADOPTED: &str = "2024-12-09T06:00:00Z";
const BEFORE: &str = "2024-12-08T12:00:00Z";
const AFTER: &str = "2024-12-09T12:00:00Z";
const AS_OF: &str = "2025-01-01T00:00:00Z";

async fn hama(data: &std::path::Path) -> Node {
    let node = Node::start(data).await.unwrap();
    let scenario = Scenario::hama().unwrap();
    node.apply(&scenario).await.unwrap();
    node.submit(&scenario.submissions).await.unwrap();
    node
}

async fn fit(client: &Client, day: &str) -> Result<SourceModel, ClientError> {
    let request = FitSourceModelRequest {
        day: day.to_owned(),
        ..FitSourceModelRequest::default()
    };
    client.fit_source_model(request, |_| {}).await
}

async fn adopt(
    client: &Client,
    model: &SourceModel,
) -> Result<ApplySourceModelResponse, ClientError> {
    let request = ApplySourceModelRequest {
        model: Some(model.clone()),
        backfill: Some(Backfill {
            first_known_at: Some(ADOPTED.parse::<Timestamp>().unwrap()),
            ..Backfill::default()
        }),
        ..ApplySourceModelRequest::default()
    };
    client.apply_source_model(request).await
}

/// The model of the scenario, with something learned of a source and in doubt of its
/// confidence, whatever so few reports taught.
fn doubtful(fitted: &SourceModel) -> SourceModel {
    let mut model = SourceModel {
        model_id: String::new(),
        temper_ppm: 800_000,
        ..fitted.clone()
    };
    model.sources.retain(|source| source.source_id != "sohr");
    model.sources.push(LearnedSource {
        source_id: "sohr".to_owned(),
        table: Some(LearnedTable {
            own: vec![900_000, 60_000, 40_000],
            foe: vec![100_000, 680_000, 40_000, 180_000],
            contested: vec![280_000, 80_000, 640_000],
            ..LearnedTable::default()
        }),
        ..LearnedSource::default()
    });
    model.sources.sort_by(|a, b| a.source_id.cmp(&b.source_id));
    model
}

/// The entries that another model caused.
async fn by_model(client: &Client) -> Vec<StateEntry> {
    let records = state_entries(client).await.unwrap();
    let records = records
        .iter()
        .map(|body| StateRecord::decode(body.as_slice()).unwrap());
    records
        .flat_map(|record| record.entries)
        .filter(|entry| entry.cause() == StateCause::Model)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_is_a_function_of_its_cut_and_of_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let node = hama(data.path()).await;
    let mut progress = Vec::new();
    let request = FitSourceModelRequest {
        day: DAY.to_owned(),
        ..FitSourceModelRequest::default()
    };
    let told = |said| progress.push(said);
    let first = node.client().fit_source_model(request, told).await.unwrap();
    assert!(!progress.is_empty(), "it says how far it is");
    assert!(first.model_id.starts_with("2024-12-09.clear."), "{first:?}");
    assert_ne!(fit(&node.client(), "2024-12-05").await.unwrap(), first);
    assert_eq!(fit(&node.client(), DAY).await.unwrap(), first);
    // Neither what was adopted nor what is known since changes it.
    adopt(&node.client(), &doubtful(&first)).await.unwrap();
    assert_eq!(fit(&node.client(), DAY).await.unwrap(), first);
    let records = bodies(&node.client()).await.unwrap();
    node.stop().await;
    let node = Node::start(data.path()).await.unwrap();
    let again = fit(&node.client(), DAY).await.unwrap();
    assert_eq!(again.encode_to_vec(), first.encode_to_vec());
    node.stop().await;
    // Nor where, nor the order in which it came.
    let data = tempfile::tempdir().unwrap();
    let other = Node::start(data.path()).await.unwrap();
    let reports = Scenario::hama().unwrap().submissions.len();
    let (registry, reports) = records.split_at(records.len() - reports);
    let mut reports = reports.to_vec();
    reports.reverse();
    import(&other.client(), registry, &[7]).await.unwrap();
    import(&other.client(), &reports, &[3, 5]).await.unwrap();
    let elsewhere = fit(&other.client(), DAY).await.unwrap();
    assert_eq!(elsewhere.encode_to_vec(), first.encode_to_vec());
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_model_is_in_force_and_rewrites_no_history() {
    let data = tempfile::tempdir().unwrap();
    let node = hama(data.path()).await;
    let client = node.client();
    let before = node.state("hama-city", BEFORE, &[]).await.unwrap();
    let prior = node.state("hama-city", AFTER, &[]).await.unwrap();
    assert_eq!(before.source_model, "prior");
    let model = doubtful(&fit(&client, DAY).await.unwrap());
    let adopted = adopt(&client, &model).await.unwrap();
    assert!(adopted.applied);
    let seen = [adopted.write_token.clone()];
    let after = node.state("hama-city", AFTER, &seen).await.unwrap();
    assert_eq!(after.source_model, adopted.model_id);
    let leading = |state: &ascertain_proto::v1::ControlState| {
        let outcomes = state.outcomes.iter().map(|o| o.probability_ppm);
        outcomes.max().unwrap()
    };
    assert!(leading(&after) < leading(&prior), "less sure than before");
    let again = node.state("hama-city", BEFORE, &seen).await.unwrap();
    assert_eq!(again.encode_to_vec(), before.encode_to_vec());

    let entries = by_model(&client).await;
    assert!(entries.len() >= 10, "{}", entries.len());
    let named = |entry: &StateEntry| {
        let state = entry.state.as_ref().unwrap();
        state.source_model == adopted.model_id
    };
    assert!(entries.iter().all(named));

    // The same again changes nothing, whoever repeats it.
    let twice = adopt(&client, &model).await.unwrap();
    assert!(!twice.applied);
    assert_eq!(twice.first_recorded_at, adopted.first_recorded_at);
    assert_eq!(by_model(&client).await.len(), entries.len());

    let records = bodies(&client).await.unwrap();
    let expected = digests(&client, &client, AS_OF).await.unwrap();
    node.stop().await;
    let node = Node::start(data.path()).await.unwrap();
    for (at, state) in [(BEFORE, &before), (AFTER, &after)] {
        let again = node.state("hama-city", at, &seen).await.unwrap();
        assert_eq!(again.encode_to_vec(), state.encode_to_vec(), "{at}");
    }
    let client = node.client();
    let request = GetSourceModelRequest::default();
    let in_force = client.get_source_model(request).await.unwrap();
    let summary = in_force.summary.unwrap();
    assert!(summary.in_force);
    assert_eq!(summary.model_id, adopted.model_id);
    assert_eq!(summary.first_recorded_at, adopted.first_recorded_at);
    assert_eq!(in_force.model.unwrap().sources, model.sources);
    let request = GetSourceRequest {
        source_id: "sohr".to_owned(),
    };
    let source = client.get_source(request).await.unwrap();
    assert_eq!(source.source_model, adopted.model_id);
    assert_eq!(
        source.learned.unwrap().table,
        model_of(&model, "sohr").table
    );
    node.stop().await;

    // The record is carried to another node as every record is.
    let data = tempfile::tempdir().unwrap();
    let other = Node::start(data.path()).await.unwrap();
    let client = other.client();
    import(&client, &records, &[11]).await.unwrap();
    assert_eq!(digests(&client, &client, AS_OF).await.unwrap(), expected);
    other.stop().await;
}

fn model_of<'a>(model: &'a SourceModel, source: &str) -> &'a LearnedSource {
    let found = model.sources.iter().find(|s| s.source_id == source);
    found.unwrap()
}

/// Makes a good model bad.
type Spoil = Box<dyn Fn(&mut SourceModel)>;

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_model_is_refused_with_the_field() {
    let data = tempfile::tempdir().unwrap();
    let node = hama(data.path()).await;
    let client = node.client();
    let good = doubtful(&fit(&client, DAY).await.unwrap());
    let of_sohr = good
        .sources
        .iter()
        .position(|s| s.source_id == "sohr")
        .unwrap();
    let refusals: [(&str, &str, Spoil); 6] = [
        (
            "table.foe",
            "OUT_OF_RANGE",
            Box::new(move |m| {
                let table = m.sources[of_sohr].table.as_mut().unwrap();
                table.foe[0] += 1;
            }),
        ),
        (
            "table.own",
            "MALFORMED",
            Box::new(move |m| {
                let table = m.sources[of_sohr].table.as_mut().unwrap();
                table.own.pop();
            }),
        ),
        (
            "copies[0].origin_id",
            "SOURCE_UNKNOWN",
            Box::new(|m| {
                m.copies = vec![Copying {
                    copier_id: "sohr".to_owned(),
                    origin_id: "nobody".to_owned(),
                    chance_ppm: 1,
                }];
            }),
        ),
        (
            "model.cut",
            "OUT_OF_RANGE",
            Box::new(|m| m.cut.as_mut().unwrap().seconds -= 1),
        ),
        (
            "model.cut",
            "OUT_OF_RANGE",
            Box::new(|m| m.cut.as_mut().unwrap().seconds += 86_400),
        ),
        (
            "model.model_id",
            "MALFORMED",
            Box::new(|m| m.model_id = "2024-12-09.clear.0000000000000000".to_owned()),
        ),
    ];
    for (field, reason, spoil) in refusals {
        let mut bad = good.clone();
        spoil(&mut bad);
        let Err(ClientError::Refused(refusal)) = adopt(&client, &bad).await else {
            panic!("{field} was taken");
        };
        assert_eq!(refusal.code, Code::InvalidArgument, "{field}");
        let [violation] = refusal.violations.as_slice() else {
            panic!("{:?}", refusal.violations);
        };
        assert!(violation.field.ends_with(field), "{violation:?}");
        assert_eq!(violation.reason, reason, "{field}");
    }
    let none = client
        .get_source_model(GetSourceModelRequest::default())
        .await;
    assert_eq!(none.unwrap_err().reason(), "NOT_FOUND");

    // What is only checked is not adopted.
    let request = ApplySourceModelRequest {
        model: Some(good.clone()),
        validate_only: true,
        ..ApplySourceModelRequest::default()
    };
    let checked = client.apply_source_model(request).await.unwrap();
    assert!(!checked.applied);
    assert!(adopt(&client, &good).await.unwrap().applied);
    // And there is one a day, the latest in force.
    let mut other = good.clone();
    other.temper_ppm += 1;
    let refusal = adopt(&client, &other).await.unwrap_err();
    assert_eq!(refusal.reason(), "MODEL_NOT_LATER");
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    node.stop().await;
}
