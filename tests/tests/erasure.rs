//! Erasure: what was erased is in no file, and answers that rested on it say so.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ascertain_backup::Taken;
use ascertain_client::{Client, ClientError, Refusal};
use ascertain_log_remote::RemoteLog;
use ascertain_proto::log::v1::LogKind;
use ascertain_proto::v1::{
    Backup, ControlState, EraseReportRequest, EraseReportResponse, ErasureGround, ErasureScope,
    ForgetBackupRequest, GetControlStateRequest, GetNodeStatusRequest, GetReportRequest,
    ListBackupsRequest, ListReportsRequest, ReadOptions, RecordedReportView, Report,
    ReportSubmission, RetractReportRequest, Retractor, SubmitReportRequest, VerifyNodeRequest,
};
use ascertain_tests::{Node, told_but};
use prost::Message as _;

const MORNING: &str = "2024-12-05T11:30:00+03:00";
/// Words of the text of R9, and of nothing else.
const TEXT: &str = "inside two north-western neighbourhoods";

struct Told {
    node: Node,
    tokens: Vec<String>,
    data: tempfile::TempDir,
}

impl Told {
    async fn but(left_out: &[&str]) -> Self {
        let (node, tokens, data) = told_but(left_out).await.unwrap();
        Self { node, tokens, data }
    }

    async fn erase(&mut self, reference: &str, scope: ErasureScope) -> EraseReportResponse {
        let request = erasure(reference, scope);
        let erased = self.node.client().erase_report(request).await.unwrap();
        self.tokens.push(erased.write_token.clone());
        erased
    }

    /// The belief as of that morning, but for what tells by which records and when it
    /// became known.
    async fn belief(&self, place: &str) -> ControlState {
        let state = self.ask(place, None).await;
        ControlState {
            as_known_at: None,
            input_digest: Vec::new(),
            ..state
        }
    }

    /// The state of that morning, as known then.
    async fn then(&self, place: &str) -> ControlState {
        self.ask(place, Some(MORNING)).await
    }

    async fn ask(&self, place: &str, as_known_at: Option<&str>) -> ControlState {
        let read = ReadOptions {
            as_of: Some(MORNING.parse().unwrap()),
            as_known_at: as_known_at.map(|time| time.parse().unwrap()),
            at_least: self.tokens.clone(),
            ..ReadOptions::default()
        };
        let request = GetControlStateRequest {
            place: place.to_owned(),
            read: Some(read),
        };
        let answer = self.node.client().get_control_state(request).await;
        answer.unwrap().state.unwrap()
    }

    async fn report(&self, reference: &str) -> Result<RecordedReportView, Box<Refusal>> {
        let request = GetReportRequest {
            report_id: hama(reference).report_id,
            at_least: self.tokens.clone(),
            ..GetReportRequest::default()
        };
        match self.node.client().get_report(request).await {
            Ok(answer) => Ok(answer.report.unwrap()),
            Err(ClientError::Refused(refusal)) => Err(refusal),
            Err(other) => unreachable!("{other}"),
        }
    }

    async fn listed(&self) -> Vec<String> {
        let request = ListReportsRequest::default();
        let listed = self.node.client().list_reports(request).await.unwrap();
        let reports = listed.into_iter().map(|view| view.report.unwrap());
        reports.map(|report| report.partner_reference).collect()
    }
}

/// Waits until all roles of a node say that nothing is pending.
async fn compacted(client: &Client, known: u64) {
    let waiting = async {
        loop {
            let status = client
                .get_node_status(GetNodeStatusRequest {})
                .await
                .unwrap();
            let erasures = status.roles.iter().filter_map(|role| role.erasures);
            let done = erasures.filter(|e| e.known == known && e.pending == 0);
            if done.count() == 3 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap();
}

/// A report of the scenario, by the partner's reference.
fn hama(reference: &str) -> Report {
    ascertain_tests::hama(reference).unwrap()
}

fn erasure(reference: &str, scope: ErasureScope) -> EraseReportRequest {
    EraseReportRequest {
        report_id: hama(reference).report_id,
        scope: scope.into(),
        ground: ErasureGround::Safety.into(),
        ..EraseReportRequest::default()
    }
}

/// Whether any file below a folder holds some bytes.
fn holds(folder: &Path, what: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => holds(&path, what),
            false => {
                let bytes = std::fs::read(path).unwrap();
                bytes.windows(what.len()).any(|window| window == what)
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn erased_content_is_in_no_file_and_no_answer_moves() {
    let mut told = Told::but(&[]).await;
    let before = told.belief("sawaaek").await;
    assert!(holds(told.data.path(), TEXT.as_bytes()));

    let erased = told.erase("R9", ErasureScope::Content).await;
    assert!(erased.arrived && erased.done_here && !erased.duplicate);
    compacted(&told.node.client(), 1).await;
    assert!(!holds(told.data.path(), TEXT.as_bytes()));
    assert_eq!(told.belief("sawaaek").await, before);
    let view = told.report("R9").await.unwrap();
    assert_eq!(view.flags, ["CONTENT_ERASED"]);
    let report = view.report.unwrap();
    assert_eq!((report.text.as_str(), report.claims.len()), ("", 1));
    assert!(told.erase("R9", ErasureScope::Content).await.duplicate);

    // Sent again it is the same report, and its text is not kept.
    let again = ReportSubmission {
        report: Some(hama("R9")),
        ..ReportSubmission::default()
    };
    assert!(told.node.submit(&[again]).await.unwrap()[0].duplicate);
    // Nor after a restart.
    let Told { node, data, .. } = told;
    node.stop().await;
    assert!(!holds(data.path(), TEXT.as_bytes()));
    let node = Node::start(data.path()).await.unwrap();
    compacted(&node.client(), 1).await;
    assert!(!holds(data.path(), TEXT.as_bytes()));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_report_is_as_if_it_had_never_been_there_and_old_answers_say_so() {
    let mut told = Told::but(&[]).await;
    let old = told.then("sawaaek").await;
    assert_eq!(old.erased_reports, 0);
    let body = {
        let bodies = ascertain_tests::bodies(&told.node.client()).await.unwrap();
        let id = hama("R9").report_id.into_bytes();
        let mut bodies = bodies.into_iter().map(|record| record.body);
        bodies
            .find(|body| body.windows(id.len()).any(|w| w == id))
            .unwrap()
    };
    assert!(holds(told.data.path(), &body));

    let erased = told.erase("R9", ErasureScope::Report).await;
    assert!(erased.arrived && erased.done_here);
    compacted(&told.node.client(), 1).await;
    assert!(!holds(told.data.path(), &body));
    assert!(!holds(told.data.path(), TEXT.as_bytes()));
    let never = Told::but(&["R9"]).await;
    for place in ["sawaaek", "hama-city"] {
        assert_eq!(
            told.belief(place).await,
            never.belief(place).await,
            "{place}"
        );
    }
    // What was published is history; that it cannot be made again is said.
    let published = told.then("sawaaek").await;
    assert_eq!(published.erased_reports, 1);
    let published = ControlState {
        erased_reports: 0,
        ..published
    };
    assert_eq!(published.encode_to_vec(), old.encode_to_vec());

    let gone = told.report("R9").await.unwrap_err();
    assert_eq!(gone.reason, "REPORT_ERASED");
    let listed = told.listed().await;
    assert!(!listed.contains(&"R9".to_owned()) && listed.contains(&"R10".to_owned()));
    // It is not taken again, neither as it was nor otherwise.
    let same = SubmitReportRequest {
        report: Some(hama("R9")),
        ..SubmitReportRequest::default()
    };
    assert!(told.node.client().submit_report(same).await.is_err());
    let again = SubmitReportRequest {
        report: Some(Report {
            text: "another".to_owned(),
            ..hama("R9")
        }),
        ..SubmitReportRequest::default()
    };
    assert!(told.node.client().submit_report(again).await.is_err());

    // A node that makes its stores and its index anew comes to the same.
    let Told { node, data, tokens } = told;
    node.stop().await;
    for role in ["ingest", "reconcile", "query"] {
        std::fs::remove_dir_all(data.path().join(role).join("store")).unwrap();
    }
    let node = Node::start(data.path()).await.unwrap();
    let told = Told { node, data, tokens };
    assert_eq!(told.belief("sawaaek").await, never.belief("sawaaek").await);
    assert_eq!(told.report("R9").await.unwrap_err().reason, "REPORT_ERASED");
    assert_eq!(told.then("sawaaek").await.erased_reports, 1);
    told.node.stop().await;
    assert!(!holds(told.data.path(), &body));
}

fn id(taken: &Taken) -> String {
    taken.manifest.mark.as_ref().unwrap().id.to_string()
}

async fn backups_holding(client: &Client) -> u64 {
    let status = client.get_node_status(GetNodeStatusRequest {}).await;
    let roles = status.unwrap().roles.into_iter();
    roles
        .filter_map(|role| role.erasures)
        .map(|erasures| erasures.backups_holding)
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_again_holds_nothing_that_was_erased_and_is_restored() {
    let mut told = Told::but(&[]).await;
    let backup = tempfile::tempdir().unwrap();
    let client = told.node.client();
    let source = ascertain_backup::Source {
        reports: Arc::new(RemoteLog::new(client.channel(), LogKind::Reports)),
        states: Arc::new(RemoteLog::new(client.channel(), LogKind::States)),
    };
    let note = async |note| client.note_backup(note).await.map(drop);
    let take = |folder: &tempfile::TempDir| {
        let folder = folder.path().to_owned();
        let (source, note) = (&source, &note);
        async move { ascertain_backup::take(source, &folder, note, |_| ()).await }
    };
    let first = take(&backup).await.unwrap();
    let kept_elsewhere = tempfile::tempdir().unwrap();
    let other = take(&kept_elsewhere).await.unwrap();
    assert!(holds(backup.path(), TEXT.as_bytes()));
    told.erase("R9", ErasureScope::Content).await;
    // Whoever erases is told of every backup that may hold it.
    let erased = told.erase("R10", ErasureScope::Report).await;
    let mut both = [&first, &other].map(id);
    both.sort_unstable();
    let ids = |backups: &[Backup]| -> Vec<String> {
        backups
            .iter()
            .map(|backup| backup.backup_id.clone())
            .collect()
    };
    assert_eq!(ids(&erased.older_backups), both);
    compacted(&client, 2).await;
    let again = take(&backup).await.unwrap();
    assert_eq!(id(&again), id(&first));
    assert!(!holds(backup.path(), TEXT.as_bytes()));
    // The one that was not taken again is listed, and not touched.
    let holding = ListBackupsRequest {
        holding_erased_only: true,
    };
    let older = client.list_backups(holding).await.unwrap().backups;
    assert_eq!(ids(&older), [id(&other)]);
    assert_eq!(older[0].erased_reports_held, 2);
    assert_eq!(older[0].folder, kept_elsewhere.path().display().to_string());
    assert!(holds(kept_elsewhere.path(), TEXT.as_bytes()));
    assert_eq!(backups_holding(&client).await, 1);
    // Also by an ingest that knows of the report by its tombstone alone.
    drop(source);
    let Told { node, data, tokens } = told;
    node.stop().await;
    std::fs::remove_dir_all(data.path().join("ingest/store")).unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let told = Told { node, data, tokens };
    let client = told.node.client();
    let still = client.list_backups(holding).await.unwrap().backups;
    assert_eq!(still, older);
    assert_eq!(backups_holding(&client).await, 1);
    kept_elsewhere.close().unwrap();
    let forget = ForgetBackupRequest {
        backup_id: id(&other),
    };
    client.forget_backup(forget).await.unwrap();
    assert_eq!(client.list_backups(holding).await.unwrap().backups, []);
    assert_eq!(backups_holding(&client).await, 0);
    let all = ListBackupsRequest::default();
    let known = client.list_backups(all).await.unwrap().backups;
    assert_eq!(ids(&known), [id(&first)]);
    let id = hama("R10").report_id;
    let claims = format!("{id}\x12\x03R10");
    assert!(!holds(backup.path(), claims.as_bytes()));

    // Reading all that the roles keep finds nothing wrong.
    let request = VerifyNodeRequest::default();
    let found = client.verify_node(request, |_| ()).await.unwrap();
    let checks = found.roles.iter().flat_map(|role| &role.checks);
    let problems: u64 = checks.map(|check| check.problem_count).sum();
    assert_eq!(problems, 0, "{found:?}");
    let held: Vec<_> = found
        .roles
        .iter()
        .map(|r| (r.report_count, &r.reports))
        .collect();
    assert!(held.iter().all(|one| *one == held[0]), "{held:?}");

    let believed = told.belief("hama-city").await;
    told.node.stop().await;
    let elsewhere = tempfile::tempdir().unwrap();
    ascertain_backup::restore(backup.path(), elsewhere.path(), false, |_| (), |_| ())
        .await
        .unwrap();
    let node = Node::start(elsewhere.path()).await.unwrap();
    let restored = Told {
        node,
        tokens: Vec::new(),
        data: elsewhere,
    };
    assert_eq!(restored.belief("hama-city").await, believed);
    let gone = restored.report("R10").await.unwrap_err();
    assert_eq!(gone.reason, "REPORT_ERASED");
    restored.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_erased_retraction_took_back_counts_again_and_answers_of_then_say_so() {
    let mut told = Told::but(&[]).await;
    let before = told.belief("sawaaek").await;
    let client = told.node.client();
    let retraction = "0d4f8a52-0000-4000-8000-00000000000a";
    let request = RetractReportRequest {
        report_id: hama("R9").report_id,
        retraction_id: retraction.to_owned(),
        retracted_by: Retractor::Submitter.into(),
        ..RetractReportRequest::default()
    };
    let retracted = client.retract_report(request).await.unwrap();
    let retracted = retracted.acknowledgement.unwrap();
    told.tokens.push(retracted.write_token);
    let without = told.ask("sawaaek", None).await;
    assert_ne!(without.outcomes, before.outcomes);

    let request = EraseReportRequest {
        report_id: retraction.to_owned(),
        scope: ErasureScope::Report.into(),
        ground: ErasureGround::Mistake.into(),
        ..EraseReportRequest::default()
    };
    let erased = client.erase_report(request).await.unwrap();
    told.tokens.push(erased.write_token);
    assert_eq!(told.belief("sawaaek").await, before);
    // What was known between the two cannot be made again.
    let then = GetControlStateRequest {
        place: "sawaaek".to_owned(),
        read: Some(ReadOptions {
            as_known_at: without.as_known_at,
            ..ReadOptions::default()
        }),
    };
    let then = client.get_control_state(then).await.unwrap();
    assert_eq!(then.state.unwrap().erased_reports, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_before_it_comes_is_never_kept() {
    let mut told = Told::but(&["R9", "R10"]).await;
    let before = told.belief("sawaaek").await;
    let erased = told.erase("R9", ErasureScope::Content).await;
    assert!(!erased.arrived && erased.done_here);
    told.erase("R10", ErasureScope::Report).await;
    let submit = |reference| SubmitReportRequest {
        report: Some(hama(reference)),
        ..SubmitReportRequest::default()
    };
    let taken = told
        .node
        .client()
        .submit_report(submit("R9"))
        .await
        .unwrap();
    told.tokens.push(taken.acknowledgement.unwrap().write_token);
    assert!(!holds(told.data.path(), TEXT.as_bytes()));
    assert_ne!(told.belief("sawaaek").await, before);
    let refused = told.node.client().submit_report(submit("R10")).await;
    let Err(ClientError::Refused(refused)) = refused else {
        unreachable!("{refused:?}");
    };
    assert_eq!(refused.reason, "REPORT_ERASED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_erasure_is_refused_with_every_mistake() {
    let told = Told::but(&[]).await;
    let bad = EraseReportRequest {
        report_id: "R9".to_owned(),
        partner_id: "No Partner".to_owned(),
        scope: 0,
        ground: 9,
        validate_only: false,
    };
    let refused = told.node.client().erase_report(bad).await;
    let Err(ClientError::Refused(refused)) = refused else {
        unreachable!("{refused:?}");
    };
    let found: Vec<(&str, &str)> = refused
        .violations
        .iter()
        .map(|v| (&*v.field, &*v.reason))
        .collect();
    let expected = [
        ("report_id", "INVALID_UUID"),
        ("partner_id", "MALFORMED"),
        ("scope", "REQUIRED"),
        ("ground", "OUT_OF_RANGE"),
    ];
    assert_eq!(found, expected);
}
