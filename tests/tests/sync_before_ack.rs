//! The system calls of acknowledgements under load: the sync that covers a report
//! has returned before the reply is written to its client.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // a test fails by panicking

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use ascertain_client::Client;
use ascertain_proto::v1::SubmitReportRequest;
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Acked, Program, live};
use tokio::task::JoinSet;

const CLIENTS: usize = 8;
const REPORTS: usize = 160;

/// A system call that ended.
#[derive(Debug)]
struct Call {
    began: f64,
    ended: f64,
    name: String,
    /// Arguments and result, as they were traced.
    text: String,
}

/// Attaches strace to a process; `None`, said loudly, where that cannot be done.
fn trace(program: &Program, out: &Path) -> Option<Child> {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-y", "-ttt", "-T", "-s", "1000000"])
        .args([
            "-e",
            "trace=pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg",
        ])
        .args(["-p", &program.id().to_string()])
        .arg("-o")
        .arg(out);
    let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!("SKIPPED: strace cannot be run ({error}); nothing was shown");
            return None;
        }
    };
    // It says when it is attached, or why it is not.
    let mut said = BufReader::new(child.stderr.take()?).lines();
    let first = said.next().transpose().ok().flatten().unwrap_or_default();
    if !first.contains("attached") {
        eprintln!("SKIPPED: strace may not trace here ({first}); nothing was shown");
        child.wait().unwrap();
        return None;
    }
    // Keep reading, so that it never waits for us.
    std::thread::spawn(move || said.map_while(Result::ok).for_each(drop));
    Some(child)
}

/// The calls of a trace; those that were interrupted by other threads are joined.
fn calls(trace: &str) -> Vec<Call> {
    let mut open: BTreeMap<&str, (f64, String)> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        // Small numbers of threads are padded with spaces.
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((time, rest)) = rest.trim_start().split_once(' ') else {
            continue;
        };
        let Ok(at) = time.parse::<f64>() else {
            continue;
        };
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            open.insert(thread, (at, begun.to_owned()));
            continue;
        }
        let (began, text) = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let (began, begun) = open.remove(thread).unwrap_or_default();
                let after = resumed.split_once(" resumed>").unwrap_or_default().1;
                (began, begun + after)
            }
            None => (at, rest.to_owned()),
        };
        // `-T` says at the end of the line how long it took.
        let took = text
            .rsplit_once('<')
            .and_then(|(_, took)| took.strip_suffix('>'));
        let Some(took) = took.and_then(|took| took.parse::<f64>().ok()) else {
            continue;
        };
        calls.push(Call {
            began,
            ended: began + took,
            name: text.split('(').next().unwrap_or_default().to_owned(),
            text,
        });
    }
    calls
}

impl Call {
    /// The file that it is about, as `-y` shows it.
    fn file(&self) -> &str {
        let inside = self.text.split_once('<').map(|(_, rest)| rest);
        inside
            .and_then(|rest| rest.split_once('>'))
            .unwrap_or_default()
            .0
    }

    fn is_on_log(&self) -> bool {
        self.file().contains("/report-log/")
    }

    fn succeeded(&self) -> bool {
        self.text.contains(") = ") && !self.text.contains(") = -1")
    }

    /// Short, for people.
    fn shown(&self) -> String {
        let file = self.file().rsplit('/').next().unwrap_or_default();
        let result = self.text.rsplit_once(") = ").unwrap_or_default().1;
        format!(
            "{:.6} to {:.6}  {}({file}) = {result}",
            self.began, self.ended, self.name
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sync_returns_before_the_reply_is_written() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start("ascertain-ingest", data.path(), &[], 1)
        .await
        .unwrap();
    let scenario = Scenario::hama().unwrap();
    let mut registry = scenario.registry.clone();
    registry.backfill = None;
    let client = Client::connect(&program.url()).unwrap();
    client.apply_registry(registry).await.unwrap();

    let out = data.path().join("trace");
    let Some(mut strace) = trace(&program, &out) else {
        return;
    };
    let acked = Arc::new(Acked::default());
    let mut load = JoinSet::new();
    for reports in live(&scenario, "traced", REPORTS).chunks(REPORTS / CLIENTS) {
        let reports: Vec<SubmitReportRequest> = reports.to_vec();
        let (client, acked) = (Client::connect(&program.url()).unwrap(), Arc::clone(&acked));
        load.spawn(async move {
            for report in reports {
                let answer = client.submit_report(report).await.unwrap();
                acked.note(answer.acknowledgement.unwrap());
            }
        });
    }
    while let Some(done) = load.join_next().await {
        done.unwrap();
    }
    program.terminate().unwrap();
    strace.wait().unwrap();

    let trace = std::fs::read(&out).unwrap();
    let calls = calls(&String::from_utf8_lossy(&trace));
    let writes = |call: &&Call| matches!(call.name.as_str(), "pwrite64" | "write" | "writev");
    let replies = |call: &&Call| {
        matches!(
            call.name.as_str(),
            "write" | "writev" | "sendto" | "sendmsg"
        )
    };
    let syncs: Vec<&Call> = calls
        .iter()
        .filter(|call| matches!(call.name.as_str(), "fdatasync" | "fsync") && call.succeeded())
        .collect();
    let (mut shown, mut groups) = (0, BTreeMap::new());
    for (report_id, _) in acked.all() {
        let naming = || calls.iter().filter(|call| call.text.contains(&report_id));
        let reply = naming()
            .filter(replies)
            .find(|call| !call.file().starts_with('/'));
        let reply = reply.unwrap_or_else(|| panic!("no reply names {report_id}"));
        // It stands in each partition that its places name: the last write counts.
        let mut written = naming().filter(writes).filter(|call| call.is_on_log());
        let written = written.rfind(|call| call.began < reply.began);
        let written = written.unwrap_or_else(|| panic!("{report_id} was acknowledged unwritten"));
        let covers = |sync: &&&Call| {
            sync.file() == written.file()
                && written.ended <= sync.began
                && sync.ended <= reply.began
        };
        let Some(sync) = syncs.iter().find(covers) else {
            panic!(
                "{report_id} was acknowledged before it was synced:\n{}\n{}",
                written.shown(),
                reply.shown()
            );
        };
        *groups.entry(written.shown()).or_insert(0) += 1;
        if shown < 2 {
            eprintln!(
                "{report_id}\n  {}\n  {}\n  {}",
                written.shown(),
                sync.shown(),
                reply.shown()
            );
        }
        shown += 1;
    }
    let largest = groups.values().max().copied().unwrap_or(0);
    eprintln!(
        "{shown} acknowledgements, in {} writes of up to {largest} reports, {} syncs in the trace: \
         every sync returned before its replies",
        groups.len(),
        syncs.len()
    );
    assert_eq!(shown, REPORTS);
}
