//! What the fuzzer starts from: real inputs, from the scenario and what becomes of it.

use std::sync::Arc;

use ascertain_client::json::{to_json_text, to_value};
use ascertain_domain::id::Digest;
use ascertain_domain::marking::Audience;
use ascertain_engine::{Family, Folded};
use ascertain_ingest::{Checkpoint, Entry};
use ascertain_log::{Chain, Incarnation, PartitionId, Position, Record, Sequence};
use ascertain_log_remote::wire::to_frame;
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::inward::submission::check;
use ascertain_proto::log::v1::record_body::Content;
use ascertain_proto::log::v1::{Adopt, FollowLogResponse, RecordBody, StateEntry, StateRecord};
use ascertain_proto::page::{PageToken, write_after};
use ascertain_proto::token::WriteToken;
use ascertain_proto::v1::{
    ApplyRegistryRequest, ApplySourceModelRequest, Copying, ImportRecordsRequest, ImportedRecord,
    LearnedSource, LearnedTable, Pace, SourceModel, SubmitReportsRequest, TrackRecord,
};
use ascertain_proto::{inward, outward, resume};
use ascertain_standalone::scenario::Scenario;
use prost::Message as _;

use super::{known, received_at, wire};

const REPORTS: &str = include_str!("../../../services/standalone/scenario/hama/reports.yaml");
const REGISTRY: &str = include_str!("../../../services/standalone/scenario/hama/registry.yaml");

/// The seeds of a target.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "backtest_claims" => texts(&CLAIMS),
        "backtest_places" => texts(&PLACES),
        "backtest_sources" => texts(&SOURCES),
        "backtest_truth" => texts(&TRUTHS),
        "config" => texts(&CONFIGS),
        "import" => imports(),
        "ledger_entry" => ledger(),
        "log_folder" => folders(),
        "log_frame" => frames(),
        "model_file" => model_files(),
        "page_token" => pages(),
        "record" => bodies().into_iter().map(|(body, _)| body).collect(),
        "registry" => registries()
            .iter()
            .map(prost::Message::encode_to_vec)
            .collect(),
        "registry_file" => registry_files(),
        "report_file" => report_files(),
        "resume_point" => entries()
            .iter()
            .filter_map(|e| Some(e.resume.as_ref()?.encode_to_vec()))
            .collect(),
        "source_model" => models().into_iter().map(|m| m.encode_to_vec()).collect(),
        "state_record" => states(),
        "store_state" => texts(&STATES),
        "submission" => submissions(),
        "write_token" => tokens(),
        _ => Vec::new(),
    }
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const CLAIMS: [&str; 4] = [
    "place,source,value\nhama,sohr,opposition\nhama,sana,government\n",
    "place,source,value,time\nhama,sohr,contested,2024-12-05\nhama,sana,x,2024-12-05T08:30:00Z\n",
    "\u{feff}Time,Value,Source,Place,note\n2024-12-05 10:00,\"a, b\",s,p,\n,unknown,s,p,\n",
    "date;place;source;value\n1;2;3;4\n",
];
const TRUTHS: [&str; 3] = [
    "place,value\nhama,opposition\nhoms,unknown\n",
    "place,value,from,until\nhama,a,,2024-12-05\nhama,b,2024-12-06,2024-12-31\nhama,c,2025-01-01,\n",
    "place,value,from,until\nhama,a,2024-12-05T10:00:00Z,2024-12-05T09:00:00Z\n",
];
const SOURCES: [&str; 3] = [
    "id,name,kind,aligned_with,grade,reporting,alignment\nsohr,SOHR,monitor,,B,events,\n",
    "id,kind,aligned_with,grade\na,state media,russia,C\nb,official,pro-russian,A\nc,,,\n",
    "id\na\na\nb\n",
];
const PLACES: [&str; 3] = [
    "id,name,lat,lon,parent,kind,population\nhama,Hama,35.13,36.75,sy-hama,city,854000\n",
    "id,kind,population\na,quarter of a town,1200.0\nb,oblast,\nb,oblast,\n",
    "id,lat,lon\na,91,0\nb,,\n",
];
const CONFIGS: [&str; 4] = [
    "node = 'node-7'\npartitions = 8\n[ingest]\nlisten = '127.0.0.1:0'\n[limits]\nread_wait = 3\n",
    "[telemetry]\nlevel = 'info,ascertain_ingest=debug'\nformat = 'json'\n\0NODE=a\0INGEST__LISTEN=[::1]:1",
    "data_dir = ''\ndrain_grace = 1.5\nquery = [1]\n\0PARTITIONS=0\0CONFIG=x\0A=\0B=\0node=b\0limits.x",
    "[reconcile]\nreport_log = 'http://localhost:7411'\n[query]\nstate_log = 'http://127.0.0.1:7412'\n",
];
const STATES: [&str; 4] = [
    "ascertain-store 1\nschema fuzzed\nversion 1\ncommit 1\nclean true\n",
    "ascertain-store 1\nschema fuzzed\nversion 1\ncommit 0\nclean false\n",
    "ascertain-store 1\nschema fuzzed\nversion 2\ncommit 9\nclean true\ncrc 00000000\n",
    "ascertain-store 2\n",
];

fn scenario() -> Scenario {
    Scenario::hama().expect("the scenario")
}

fn submissions() -> Vec<Vec<u8>> {
    let all = scenario().submissions;
    let batches = all.chunks(1).chain(all.chunks(5).take(2));
    let batches = batches.map(|chunk| SubmitReportsRequest {
        submissions: chunk.to_vec(),
    });
    batches.map(|batch| batch.encode_to_vec()).collect()
}

/// Bodies with their contents: reports, entities, and an adoption.
fn bodies() -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut bodies = Vec::new();
    for submission in scenario().submissions {
        let report = submission.report.expect("a report");
        let checked = check(&report, known().latest(), received_at()).expect("it is accepted");
        let content = checked.content.encode_to_vec();
        bodies.push((wire::body(Content::Report(checked.recorded)), content));
    }
    for request in registries() {
        let entities = inward::registry::check(&request, known()).expect("it is accepted");
        bodies.extend(
            entities
                .into_iter()
                .map(|entity| (wire::body(Content::RegistryChange(entity.wire)), Vec::new())),
        );
    }
    let adopt = RecordBody {
        stamp: None,
        content: Some(Content::Adopt(Adopt {
            registry_sequence: 7,
        })),
    };
    bodies.push((adopt.encode_to_vec(), Vec::new()));
    bodies
}

fn imports() -> Vec<Vec<u8>> {
    let records: Vec<ImportedRecord> = bodies()
        .into_iter()
        .map(|(body, content)| ImportedRecord {
            body: body.into(),
            content: content.into(),
        })
        .collect();
    let batches = records.chunks(1).chain(records.chunks(4));
    let batches = batches.map(|chunk| ImportRecordsRequest {
        records: chunk.to_vec(),
    });
    batches.map(|batch| batch.encode_to_vec()).collect()
}

/// Requests with few entities each: the fuzzer works best on what is small.
fn registries() -> Vec<ApplyRegistryRequest> {
    let all = scenario().registry;
    let mut requests = Vec::new();
    let place = all.places.iter().map(|place| ApplyRegistryRequest {
        places: vec![place.clone()],
        ..ApplyRegistryRequest::default()
    });
    requests.extend(place);
    let actor = all.actors.iter().map(|actor| ApplyRegistryRequest {
        actors: vec![actor.clone()],
        ..ApplyRegistryRequest::default()
    });
    requests.extend(actor);
    let source = all.sources.iter().map(|source| ApplyRegistryRequest {
        sources: vec![source.clone()],
        ..ApplyRegistryRequest::default()
    });
    requests.extend(source);
    requests
}

fn models() -> Vec<ApplySourceModelRequest> {
    let sources: Vec<String> = known()
        .latest()
        .sources()
        .map(|s| s.id.to_string())
        .collect();
    let row = |n: usize| {
        let each = 1_000_000 / u32::try_from(n).unwrap_or(1);
        let mut row = vec![each; n];
        row[0] += 1_000_000 - each * u32::try_from(n).unwrap_or(1);
        row
    };
    let model = SourceModel {
        cut: Some(outward::timestamp(received_at())),
        method: "fuzzed-1".to_owned(),
        input_digest: vec![7; 32],
        temper_ppm: 900_000,
        sources: sources
            .iter()
            .map(|id| LearnedSource {
                source_id: id.clone(),
                table: Some(LearnedTable {
                    own: row(4),
                    foe: row(4),
                    contested: row(3),
                    ..LearnedTable::default()
                }),
                lag_hours: Some(5),
                track_record: vec![TrackRecord {
                    predicate: 1,
                    interest: 1,
                    claims: 10,
                    true_share_ppm: 800_000,
                }],
                ..LearnedSource::default()
            })
            .collect(),
        copies: vec![Copying {
            copier_id: sources[0].clone(),
            origin_id: sources[1].clone(),
            chance_ppm: 300_000,
        }],
        pace: vec![Pace {
            home_area_id: "hama-governorate".to_owned(),
            days: vec![20_000, 20_030],
            changes_ppm: vec![1_000, 9_000],
        }],
        ..SourceModel::default()
    };
    let bare = SourceModel {
        sources: Vec::new(),
        copies: Vec::new(),
        pace: Vec::new(),
        ..model.clone()
    };
    let requests = [model, bare, SourceModel::default()];
    let requests = requests.map(|model| ApplySourceModelRequest {
        model: Some(model),
        ..ApplySourceModelRequest::default()
    });
    requests.into()
}

fn model_files() -> Vec<Vec<u8>> {
    let mut files = texts(&[
        "{\"model\":{\"method\":\"m\",\"temperPpm\":1000000}}",
        "method: m\n",
    ]);
    for request in models() {
        let value = to_value("SourceModel", &request.model.unwrap_or_default());
        files.push(
            to_json_text(&value.expect("shown"))
                .expect("a text")
                .into_bytes(),
        );
    }
    files
}

fn report_files() -> Vec<Vec<u8>> {
    let mut files = texts(&[
        REPORTS,
        "{\"reportId\":\"a\"}\n{\"reportId\":\"b\",\"tlp\":\"TLP_CLEAR\"}\n",
        "reportId: a\n---\nreportId: b\nclaims: [{predicate: PREDICATE_PRESENT}]\n",
        "{\"submissions\":[{\"report\":{},\"backfill\":{\"firstKnownAt\":\"2024-12-05T00:00:00Z\"}}]}",
        "- &a {report_id: x}\n- *a\n",
    ]);
    for submission in scenario().submissions.iter().take(6) {
        let value = to_value("ReportSubmission", submission).expect("shown");
        files.push(to_json_text(&value).expect("a text").into_bytes());
    }
    files
}

fn registry_files() -> Vec<Vec<u8>> {
    let mut files = texts(&[
        REGISTRY,
        "places:\n- placeId: hama\n---\nactors:\n- actor_id: a\n",
    ]);
    for request in registries().iter().step_by(4) {
        let value = to_value("ApplyRegistryRequest", request).expect("shown");
        files.push(to_json_text(&value).expect("a text").into_bytes());
    }
    files
}

/// The entries of places that all reports of the scenario lead to.
fn entries() -> Vec<StateEntry> {
    let registry = known().latest();
    let reports: Vec<_> = bodies()
        .into_iter()
        .filter_map(|(body, _)| match decode_body(&body) {
            Ok(Body::Report(report)) => Some(Arc::new(report)),
            _ => None,
        })
        .collect();
    let mut entries = Vec::new();
    for place in registry.places() {
        let family = Family {
            place,
            registry,
            audience: Audience::Clear,
            reports: &reports,
        };
        let mut fold = Folded::of(family);
        if !fold.has_evidence() {
            continue;
        }
        let state = fold.evaluate(received_at(), received_at());
        let method = outward::Method {
            version: "fuzzed",
            source_model: "prior",
        };
        entries.push(StateEntry {
            state: Some(outward::control_state(&state, method)),
            resume: Some(resume::outward(&fold.resume_point())),
            cause: 1,
        });
    }
    entries
}

fn states() -> Vec<Vec<u8>> {
    let entries = entries();
    let records = entries.chunks(1).chain(entries.chunks(3));
    let records = records.map(|entries| StateRecord {
        report_sequence: 9,
        part: 0,
        is_last: true,
        registry_sequence: 3,
        entries: entries.to_vec(),
    });
    records.map(|record| record.encode_to_vec()).collect()
}

fn ledger() -> Vec<Vec<u8>> {
    let entry = Entry {
        others: [(1, 12)].into(),
        submitted: Digest::of(b"one"),
        body: Digest::of(b"two"),
        first_recorded_at: received_at(),
        time_inconsistent: true,
        positions: [(1, 9), (4, 1_000_000)].into(),
    };
    let checkpoint = Checkpoint {
        sequence: Sequence(9),
        known_at: Some(received_at()),
        live: true,
    };
    vec![entry.to_bytes(), checkpoint.to_bytes()]
}

fn frames() -> Vec<Vec<u8>> {
    let position = Position {
        partition: PartitionId(1),
        sequence: Sequence(1),
        recorded_at: received_at(),
        known_at: received_at(),
        registry_sequence: Sequence(3),
        chain: Chain::START.extend(b"body"),
    };
    let record = Record {
        position,
        body: b"body".as_slice().into(),
        content: b"content".as_slice().into(),
    };
    let response = FollowLogResponse {
        frames: vec![to_frame(record.clone()), to_frame(record)],
        last_sequence: 2,
        incarnation: Incarnation([7; 16]).0.to_vec(),
    };
    vec![
        response.encode_to_vec(),
        FollowLogResponse::default().encode_to_vec(),
    ]
}

fn tokens() -> Vec<Vec<u8>> {
    let token = WriteToken {
        incarnation: [7; 16],
        positions: [(0, 3), (4, 1_000)].into(),
    };
    vec![token.encode().into_bytes(), b"0a02FFFF".to_vec()]
}

fn pages() -> Vec<Vec<u8>> {
    let bound = *b"the list";
    let token = PageToken {
        first: received_at(),
        second: received_at(),
        rest: "hama".to_owned(),
    };
    let mut pages = texts(&[&token.write(bound), &write_after("hama", bound), "zz"]);
    pages.push([&bound[..], &[0; 16], b"3/9"].concat());
    pages
}

/// Acts on the files of a log's folder: see `folder`.
fn folders() -> Vec<Vec<u8>> {
    let mut folders = vec![Vec::new()];
    for act in 0..8 {
        for file in 0..4 {
            folders.push(vec![act, file, 0, 90, 20]);
            folders.push([&[act, file, 1, 60, 6][..], b"frames"].concat());
        }
    }
    folders.push(vec![6, 1, 0, 64, 1, 0, 1, 0, 70, 3]);
    folders
}
