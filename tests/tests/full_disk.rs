//! A full disk in the middle of a stream, then space again, with a real process on a
//! small file system of its own: nothing is acknowledged that is not there, reads go
//! on, and the same process goes on once there is space.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // a test fails by panicking

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ascertain_client::{Client, ClientError};
use ascertain_proto::v1::{GetControlStateRequest, ReportSubmission};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{
    Acked, Node, Program, bodies, caught_up, digests, held, import, live, stream,
};
use tempfile::TempDir;
use tonic::Code;

const AS_OF: &str = "2025-01-01T00:00:00Z";
/// Room for three empty stores and two logs, and some reports.
const DISK_BYTES: u64 = 512 << 20;
/// What the node leaves free.
const FLOOR_BYTES: u64 = 24 << 20;
/// What is left when the stream of reports begins: the stores take space in pieces, and
/// several times what a report has.
const ROOM_BYTES: u64 = 12 << 20;
/// Below all floors, that of the stores too, which is a quarter of the node's. A store
/// that is within a write when others take the very last bytes cannot go on: its process
/// ends, and is to be started again.
const LEFT_BYTES: u64 = 3 << 20;
/// As much text as a report may have, so that few fill the room.
const TEXT_BYTES: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(60);

/// A small file system in memory; gone when it is dropped.
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// `None`, said loudly, where it may not be mounted.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_BYTES}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path());
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self { folder }),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr);
                eprintln!("SKIPPED: no file system may be mounted here ({why}); nothing was shown");
                None
            }
            Err(error) => {
                eprintln!("SKIPPED: mount cannot be run ({error}); nothing was shown");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Bytes that are free.
    fn free(&self) -> u64 {
        let mut stat = Command::new("stat");
        stat.args(["-f", "-c", "%a %S"]).arg(self.path());
        let output = stat.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let numbers: Vec<u64> = text
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect();
        numbers[0] * numbers[1]
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Takes space until so much is free.
    fn fill(&self, free: u64) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .unwrap();
        let mut rest = self.free().saturating_sub(free);
        let zeros = vec![0; 1 << 20];
        while rest > 0 {
            let part = rest.min(zeros.len() as u64);
            if file.write_all(&zeros[..part as usize]).is_err() {
                // Full to the last byte.
                break;
            }
            rest -= part;
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Reports with long texts, each of its own.
fn heavy(scenario: &Scenario, label: &str, count: usize) -> Vec<ReportSubmission> {
    let mut reports = live(scenario, label, count);
    for (i, report) in reports.iter_mut().enumerate() {
        let report = report.report.as_mut().unwrap();
        report.text = format!("{label} {i} ").repeat(TEXT_BYTES / 24);
        report.text.truncate(TEXT_BYTES);
    }
    reports
}

/// Whether the server says that there is no space now, and when to come back.
fn is_full(error: &ClientError) -> bool {
    let refusal = error.refusal().unwrap_or_else(|| panic!("{error:?}"));
    assert!(
        matches!(refusal.code, Code::ResourceExhausted | Code::Unavailable),
        "{refusal:?}"
    );
    assert!(
        refusal.retry_after.is_some_and(|after| !after.is_zero()),
        "{refusal:?}"
    );
    true
}

async fn reads_go_on(client: &Client) {
    let request = GetControlStateRequest {
        place: "hama-city".to_owned(),
        ..GetControlStateRequest::default()
    };
    let answer = client.get_control_state(request).await.unwrap();
    assert!(answer.state.is_some());
}

/// Streams reports, one stream after the other, until some are refused; how many.
async fn until_refused(client: &Client, reports: &[ReportSubmission], acked: &Acked) -> usize {
    for chunk in reports.chunks(64) {
        stream(client, chunk.to_vec(), acked).await.unwrap();
        let refused = acked.refused();
        if let Some(rejection) = refused.first() {
            for rejection in &refused {
                let code = Code::from(rejection.code);
                assert!(
                    matches!(code, Code::ResourceExhausted | Code::Unavailable),
                    "{rejection:?}"
                );
            }
            eprintln!("refused: {:?}: {}", rejection.reason, rejection.message);
            return refused.len();
        }
    }
    panic!("the disk was never full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_the_same_process_goes_on() {
    let Some(disk) = Disk::mount() else {
        return;
    };
    let data = disk.path().join("data");
    let set = [format!("limits.min_free_bytes={FLOOR_BYTES}")];
    let mut program = Program::start("ascertain", &data, &set, 3).await.unwrap();
    let client = Client::connect(&program.url())
        .unwrap()
        .with_deadline(PATIENCE);
    let scenario = Scenario::hama().unwrap();
    let mut registry = scenario.registry.clone();
    registry.backfill = None;
    let registered = registry.places.len() + registry.actors.len() + registry.sources.len();
    client.apply_registry(registry).await.unwrap();
    let acked = Arc::new(Acked::default());

    let reports = heavy(&scenario, "full", 1_000);
    let (before, then) = reports.split_at(40);
    stream(&client, before.to_vec(), &acked).await.unwrap();
    assert_eq!(acked.count(), before.len());
    reads_go_on(&client).await;

    // The stream meets the floor.
    caught_up(&client, &client).await.unwrap();
    disk.fill(FLOOR_BYTES + ROOM_BYTES);
    let refused = until_refused(&client, then, &acked).await;
    let taken = acked.count();
    assert!(
        taken > before.len() && taken < reports.len(),
        "{taken} taken"
    );
    reads_go_on(&client).await;

    // Then others write until nothing more may be written.
    disk.fill(LEFT_BYTES);
    for report in reports.iter().rev().take(8) {
        let error = client.submit_report(report.clone()).await.unwrap_err();
        assert!(is_full(&error));
    }
    reads_go_on(&client).await;
    assert!(
        program.is_running().unwrap(),
        "the process ended for want of space"
    );

    // Space again: the same process takes all that it refused.
    std::fs::remove_file(disk.ballast()).unwrap();
    let again = async {
        loop {
            stream(&client, reports.clone(), &acked).await.unwrap();
            if acked.refused().is_empty() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
    assert_eq!(acked.count(), reports.len());
    assert_eq!(acked.altered(), Vec::<String>::new());
    let found = digests(&client, &client, AS_OF).await.unwrap();
    assert_eq!(found.record_count, (registered + reports.len()) as u64);
    let held = held(&client).await.unwrap();
    for (report_id, recorded) in acked.all() {
        let held = held
            .get(&report_id)
            .unwrap_or_else(|| panic!("lost: {report_id}"));
        assert!(!held.is_doubled(), "{report_id}");
        assert!(held.recorded.contains(&recorded), "{report_id}");
    }
    let records = bodies(&client).await.unwrap();
    assert!(program.is_running().unwrap());
    program.terminate().unwrap();

    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let client = node.client();
    import(&client, &records, &[100]).await.unwrap();
    assert_eq!(digests(&client, &client, AS_OF).await.unwrap(), found);
    node.stop().await;
    eprintln!(
        "{taken} reports taken before the disk was full, {refused} refused by the stream, all \
         {} there after there was space again",
        reports.len()
    );
}
