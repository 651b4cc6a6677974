//! Backups taken while a node runs, restored elsewhere, and gaps filled from them.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ascertain_backup::{BackupError, Source, Taken, mend, restore, take, verify};
use ascertain_client::{Client, ClientError};
use ascertain_log_remote::RemoteLog;
use ascertain_proto::log::v1::LogKind;
use ascertain_proto::v1::{
    GetControlStateRequest, NodeVerification, NoteBackupRequest, ReadOptions, ReportSubmission,
    VerifyNodeRequest,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Digests, Node, binaries, digests, state_entries};

const AS_OF: &str = "2025-01-01T00:00:00Z";

fn source(client: &Client) -> Source {
    Source {
        reports: Arc::new(RemoteLog::new(client.channel(), LogKind::Reports)),
        states: Arc::new(RemoteLog::new(client.channel(), LogKind::States)),
    }
}

/// Live reports made from the scenario's, each with an id of its own.
fn reports(scenario: &Scenario, from: usize, count: usize) -> Vec<ReportSubmission> {
    let report = |i: usize| {
        let mut submission = scenario.submissions[i % scenario.submissions.len()].clone();
        submission.backfill = None;
        if let Some(report) = &mut submission.report {
            let name = format!("backup {i}");
            let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes());
            report.report_id = id.to_string();
            report.partner_reference = format!("N{i}");
        }
        submission
    };
    (from..from + count).map(report).collect()
}

async fn started(data: &Path) -> (Node, Scenario) {
    let node = Node::start(data).await.unwrap();
    let mut scenario = Scenario::hama().unwrap();
    scenario.registry.backfill = None;
    node.apply(&scenario).await.unwrap();
    (node, scenario)
}

async fn found(client: &Client) -> NodeVerification {
    let request = VerifyNodeRequest::default();
    client.verify_node(request, |_| ()).await.unwrap()
}

async fn held(client: &Client) -> (Digests, Vec<Vec<u8>>) {
    let digests = digests(client, client, AS_OF).await.unwrap();
    (digests, state_entries(client).await.unwrap())
}

/// Reads a state that has seen a write.
async fn read_after(client: &Client, token: String) -> Result<(), ClientError> {
    let read = ReadOptions {
        at_least: vec![token],
        ..ReadOptions::default()
    };
    let request = GetControlStateRequest {
        place: "hama-city".to_owned(),
        read: Some(read),
    };
    client.get_control_state(request).await.map(drop)
}

async fn unnoted(_: NoteBackupRequest) -> Result<(), ClientError> {
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_restored_elsewhere_and_goes_on() {
    let (data, backup, elsewhere) = (dir(), dir(), dir());
    let (node, scenario) = started(data.path()).await;
    node.submit(&reports(&scenario, 0, 60)).await.unwrap();

    // Reports keep coming while it is taken, and are acknowledged.
    let (stop, submitted) = (AtomicBool::new(false), AtomicUsize::new(60));
    let load = async {
        while !stop.load(Ordering::SeqCst) {
            let from = submitted.fetch_add(10, Ordering::SeqCst);
            node.submit(&reports(&scenario, from, 10)).await.unwrap();
        }
    };
    let taking = async {
        let client = node.client();
        let first = take(&source(&client), backup.path(), unnoted, |_| ())
            .await
            .unwrap();
        let second = take(&source(&client), backup.path(), unnoted, |_| ())
            .await
            .unwrap();
        stop.store(true, Ordering::SeqCst);
        (first, second)
    };
    let ((), (first, second)) = tokio::join!(load, taking);
    assert!(!first.was_incremental && second.was_incremental);
    assert!(first.manifest.records.count >= 60);
    // Only what came in between was copied again.
    let ends = |taken: &Taken| {
        let logs = [&taken.manifest.report_log, &taken.manifest.state_log];
        let ends = logs.into_iter().flat_map(|log| &log.partitions);
        ends.map(|end| end.last_sequence).sum::<u64>()
    };
    assert_eq!(second.new_records, ends(&second) - ends(&first));
    assert!(found(&node.client()).await.sound);
    node.stop().await;

    let restored = restore(backup.path(), elsewhere.path(), false, |_| (), |_| ())
        .await
        .unwrap();
    assert_eq!(restored.manifest, second.manifest);
    let node = Node::start(elsewhere.path()).await.unwrap();
    let client = node.client();
    let (held, _) = held(&client).await;
    let records = &second.manifest.records;
    assert_eq!(hex(&held.records), records.digest);
    assert_eq!(held.record_count, records.count);
    assert!(found(&client).await.sound);
    // What came after the backup is submitted again; the rest is known.
    let all = reports(&scenario, 0, submitted.load(Ordering::SeqCst));
    let acknowledged = node.submit(&all).await.unwrap();
    let known = acknowledged.iter().filter(|ack| ack.duplicate).count();
    assert!(known as u64 >= records.count - 43 && known < all.len());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_log_is_another_history_and_keeps_what_was_published() {
    let (data, backup, elsewhere) = (dir(), dir(), dir());
    let (node, scenario) = started(data.path()).await;
    node.submit(&reports(&scenario, 0, 40)).await.unwrap();
    let client = node.client();
    let before = held(&client).await;
    let token = node.submit(&reports(&scenario, 0, 1)).await.unwrap()[0]
        .write_token
        .clone();
    take(&source(&client), backup.path(), unnoted, |_| ())
        .await
        .unwrap();
    node.stop().await;

    // Not over what is there, unless that is said; then it is set aside.
    let refused = restore(backup.path(), data.path(), false, |_| (), |_| ()).await;
    assert!(matches!(refused, Err(BackupError::Occupied(_))));
    let mut set_aside = Vec::new();
    restore(
        backup.path(),
        data.path(),
        true,
        |_| (),
        |path| set_aside.push(path),
    )
    .await
    .unwrap();
    // Two logs and three stores.
    assert_eq!(set_aside.len(), 5, "{set_aside:?}");
    assert!(set_aside.iter().all(|path| path.exists()));
    let node = Node::start(data.path()).await.unwrap();
    assert_eq!(held(&node.client()).await, before);
    let stale = read_after(&node.client(), token).await.unwrap_err();
    assert!(stale.to_string().contains("another history"), "{stale}");
    // Neither does the old backup go on from it.
    let other = take(&source(&node.client()), backup.path(), unnoted, |_| ()).await;
    assert!(matches!(other, Err(BackupError::OtherHistory { .. })));
    node.stop().await;

    // A state log under another report log is noticed.
    restore(backup.path(), elsewhere.path(), false, |_| (), |_| ())
        .await
        .unwrap();
    let states = "reconcile/state-log";
    fs::remove_dir_all(elsewhere.path().join(states)).unwrap();
    copy(&data.path().join(states), &elsewhere.path().join(states));
    let error = Node::start(elsewhere.path()).await.err().unwrap();
    let text = format!("{error:#}");
    assert!(text.contains("do not belong together"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_changed_is_not_restored() {
    let (data, backup) = (dir(), dir());
    let (node, scenario) = started(data.path()).await;
    node.submit(&reports(&scenario, 0, 20)).await.unwrap();
    take(&source(&node.client()), backup.path(), unnoted, |_| ())
        .await
        .unwrap();
    node.stop().await;
    verify(backup.path()).await.unwrap();
    for file in [
        "manifest.json",
        "report-log/00000000000000000001.seg",
        "state-log/00000000000000000001.seg",
        "report-log/manifest",
    ] {
        let path = backup.path().join(file);
        let whole = fs::read(&path).unwrap();
        for at in [whole.len() / 3, 12_400.min(whole.len() - 2)] {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            fs::write(&path, changed).unwrap();
            let elsewhere = dir();
            let refused = restore(backup.path(), elsewhere.path(), false, |_| (), |_| ()).await;
            assert!(refused.is_err(), "{file}, byte {at}");
            assert!(!elsewhere.path().join("ingest/report-log").exists());
        }
        fs::write(&path, whole).unwrap();
    }
    verify(backup.path()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_are_filled_from_a_backup_and_what_came_after_it_stays() {
    let (data, backup) = (dir(), dir());
    let (node, scenario) = started(data.path()).await;
    node.submit(&reports(&scenario, 0, 40)).await.unwrap();
    held(&node.client()).await;
    take(&source(&node.client()), backup.path(), unnoted, |_| ())
        .await
        .unwrap();
    node.submit(&reports(&scenario, 40, 40)).await.unwrap();
    let before = held(&node.client()).await;
    let token = node.submit(&reports(&scenario, 0, 1)).await.unwrap()[0]
        .write_token
        .clone();
    node.stop().await;

    for log in ["ingest/report-log", "reconcile/state-log"] {
        let segment = data.path().join(log).join("00000000000000000001.seg");
        let mut bytes = fs::read(&segment).unwrap();
        bytes[20_000..20_100].fill(0xEE);
        fs::write(&segment, bytes).unwrap();
    }
    // It does not start, says which records are lost, and what mends it.
    let error = Node::start(data.path()).await.err().unwrap();
    let text = format!("{error:#}");
    for part in ["lacks records", "node mend BACKUP", "nothing was changed"] {
        assert!(text.contains(part), "{text}");
    }
    let mended = mend(backup.path(), data.path()).await.unwrap();
    assert!(mended.iter().all(|log| log.records > Some(0)), "{mended:?}");
    let node = Node::start(data.path()).await.unwrap();
    assert_eq!(held(&node.client()).await, before);
    assert!(found(&node.client()).await.sound);
    // The same history: tokens hold.
    read_after(&node.client(), token).await.unwrap();
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_end_is_not_known_is_not_mended() {
    let (data, backup) = (dir(), dir());
    let (node, scenario) = started(data.path()).await;
    node.submit(&reports(&scenario, 0, 20)).await.unwrap();
    take(&source(&node.client()), backup.path(), unnoted, |_| ())
        .await
        .unwrap();
    node.submit(&reports(&scenario, 20, 20)).await.unwrap();
    let before = held(&node.client()).await;
    node.stop().await;
    let segment = data
        .path()
        .join("ingest/report-log/00000000000000000001.seg");
    let whole = fs::read(&segment).unwrap();

    // Its header alone: all that stands behind it is there.
    let mut bytes = whole.clone();
    bytes[20] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let mended = mend(backup.path(), data.path()).await.unwrap();
    assert_eq!(mended[0].records, Some(0));
    let node = Node::start(data.path()).await.unwrap();
    assert_eq!(held(&node.client()).await, before);
    node.stop().await;

    // Its header and both watermarks: nothing says how many records there were.
    let mut bytes = fs::read(&segment).unwrap();
    bytes[..12_288].fill(0);
    fs::write(&segment, &bytes).unwrap();
    let refused = mend(backup.path(), data.path()).await;
    assert!(matches!(refused, Err(BackupError::EndUnknown(_))));
    assert_eq!(fs::read(&segment).unwrap(), bytes);

    // A machine that has one of the two logs only.
    fs::remove_dir_all(data.path().join("ingest")).unwrap();
    let mended = mend(backup.path(), data.path()).await.unwrap();
    let records: Vec<_> = mended.iter().map(|log| log.records).collect();
    assert_eq!(records, [None, Some(0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_restored_under_a_running_process() {
    let (data, backup) = (dir(), dir());
    let (node, scenario) = started(data.path()).await;
    node.submit(&reports(&scenario, 0, 20)).await.unwrap();
    take(&source(&node.client()), backup.path(), unnoted, |_| ())
        .await
        .unwrap();
    let refused = restore(backup.path(), data.path(), true, |_| (), |_| ()).await;
    assert!(matches!(refused, Err(BackupError::InUse(_))));
    node.stop().await;
    // A query of its own has a store only; nor does a process start meanwhile.
    let held = ascertain_store::Store::hold(&data.path().join("query/store")).unwrap();
    let refused = restore(backup.path(), data.path(), true, |_| (), |_| ()).await;
    assert!(matches!(refused, Err(BackupError::InUse(_))));
    drop(held);
    let started = AtomicBool::new(false);
    restore(
        backup.path(),
        data.path(),
        true,
        |_| {
            let log = data.path().join("ingest/report-log");
            let opened =
                ascertain_log_file::FileLog::open(ascertain_log_file::FileLogOptions::new(log, 5));
            started.fetch_or(opened.is_ok(), Ordering::SeqCst);
        },
        |_| (),
    )
    .await
    .unwrap();
    assert!(!started.load(Ordering::SeqCst));
    let node = Node::start(data.path()).await.unwrap();
    assert!(found(&node.client()).await.sound);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lies_is_found_by_verification() {
    let data = dir();
    let (node, scenario) = started(data.path()).await;
    node.submit(&reports(&scenario, 0, 30)).await.unwrap();
    let sound = found(&node.client()).await;
    assert!(sound.sound, "{sound:?}");
    let reports = sound.roles.iter().map(|role| role.report_count);
    assert!(reports.clone().all(|count| count == 30), "{sound:?}");
    // The header of a segment: it would not open again.
    let segment = data
        .path()
        .join("reconcile/state-log/00000000000000000001.seg");
    flip(&segment, 20);
    let unsound = found(&node.client()).await;
    assert!(!unsound.sound);
    flip(&segment, 20);
    assert!(found(&node.client()).await.sound);
    // A byte of the last report changes under the running node.
    let segment = data
        .path()
        .join("ingest/report-log/00000000000000000001.seg");
    let bytes = fs::read(&segment).unwrap();
    flip(
        &segment,
        bytes.iter().rposition(|byte| *byte != 0).unwrap() - 20,
    );
    let found = found(&node.client()).await;
    assert!(!found.sound);
    let problems = found.roles.iter().flat_map(|role| &role.checks);
    let problems: Vec<_> = problems.flat_map(|check| &check.problems).collect();
    assert!(
        problems.iter().any(|p| p.contains("checksum")),
        "{problems:?}"
    );
    assert!(!found.differences.is_empty());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_which_backups_are_known_and_forgets_those_that_are_gone() {
    let (data, backup) = (dir(), dir());
    let (node, scenario) = started(data.path()).await;
    node.submit(&reports(&scenario, 0, 10)).await.unwrap();
    let (url, folder) = (node.url(), backup.path().to_owned());
    let erased = reports(&scenario, 0, 1).remove(0).report.unwrap().report_id;
    let said = tokio::task::spawn_blocking(move || {
        let program = binaries().unwrap().join("ascertainctl");
        let ctl = |arguments: &[&str]| {
            let mut command = std::process::Command::new(&program);
            let ended = command.args(["--endpoint", &url]).args(arguments).output();
            let ended = ended.unwrap();
            assert!(ended.status.success(), "{arguments:?}: {ended:?}");
            let text = |bytes| String::from_utf8(bytes).unwrap();
            text(ended.stdout) + &text(ended.stderr)
        };
        let folder = folder.display().to_string();
        ctl(&["node", "backup", &folder]);
        let known = ctl(&["-o", "csv", "node", "backups"]);
        let row = known.lines().find(|line| line.contains(&folder)).unwrap();
        let id = row.split(',').next().unwrap().to_owned();
        let none = ctl(&["node", "backups", "--holding-erased"]);
        let erased = ctl(&[
            "report", "erase", &erased, "--scope", "report", "--ground", "safety",
        ]);
        let holding = ctl(&["node", "backups", "--holding-erased"]);
        let status = ctl(&["node", "status"]);
        ctl(&["node", "backups", "--forget", &id]);
        let forgotten = ctl(&["node", "backups"]);
        (id, folder, [none, erased, holding, status, forgotten])
    });
    let (id, folder, [none, erased, holding, status, forgotten]) = said.await.unwrap();
    assert!(none.contains("no such backup is known"), "{none}");
    assert!(erased.contains(&id) && erased.contains(&folder), "{erased}");
    assert!(holding.contains(&id), "{holding}");
    assert!(
        status.contains("ingest.backups_holding_erased 1"),
        "{status}"
    );
    assert!(forgotten.contains("no such backup is known"), "{forgotten}");
    node.stop().await;
}

/// Changes a byte under whoever has the file open.
fn flip(path: &Path, at: usize) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at as u64).unwrap();
}

fn dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
