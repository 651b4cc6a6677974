//! What an acknowledgement costs beside the least that it can cost: appending the same
//! bytes to a file and syncing it, with the same grouping. Both in turn, in one run.
//!
//! ```text
//! cargo bench -p ascertain-log-file --bench append
//! ```

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a bench may fail, and prints its table

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use ascertain_log::{Append, LogWriter, PartitionId, Recorded, Sequence};
use ascertain_log_file::{FileLog, FileLogOptions};
use bytes::Bytes;
use tokio::sync::oneshot;

/// How long each of a pair runs.
const RUN: Duration = Duration::from_millis(1500);
/// So many pairs; the median is shown.
const PAIRS: usize = 5;
const BODY_BYTES: usize = 300;
const CONTENT_BYTES: usize = 100;

/// Acknowledged records a second, and the median and the worst percentile of waits.
#[derive(Clone, Copy)]
struct Run {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

/// The least: bytes go to a file, one sync for all that wait.
fn raw(path: &Path) -> Sender<(Vec<u8>, oneshot::Sender<()>)> {
    let mut file = File::create(path).unwrap();
    let (sender, queue): (_, Receiver<(Vec<u8>, oneshot::Sender<()>)>) = channel();
    std::thread::spawn(move || {
        while let Ok(first) = queue.recv() {
            let mut waiting = vec![first];
            while waiting.len() < 4096
                && let Ok(next) = queue.try_recv()
            {
                waiting.push(next);
            }
            let mut group = Vec::new();
            for (bytes, _) in &waiting {
                group.extend(crc32c::crc32c(bytes).to_le_bytes());
                group.extend(bytes);
            }
            file.write_all(&group).unwrap();
            file.sync_data().unwrap();
            for (_, done) in waiting {
                let _ = done.send(());
            }
        }
    });
    sender
}

/// So many producers append one record after the other.
async fn run<F>(producers: usize, append: impl Fn() -> F + Clone + Send + 'static) -> Run
where
    F: Future<Output = ()> + Send,
{
    let start = Instant::now();
    let tasks: Vec<_> = (0..producers)
        .map(|_| {
            let append = append.clone();
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while start.elapsed() < RUN {
                    let asked = Instant::now();
                    append().await;
                    waits.push(asked.elapsed());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    let seconds = start.elapsed().as_secs_f64();
    waits.sort_unstable();
    Run {
        rate: waits.len() as f64 / seconds,
        p50: waits[waits.len() / 2],
        p99: waits[waits.len() * 99 / 100],
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() {
    println!("| producers | raw, acks/s | log, acks/s | ratio | raw p50, p99, ms | log p50, p99, ms | ratio of p50 |");
    println!("|---|---|---|---|---|---|---|");
    for producers in [1, 64, 1024] {
        let mut pairs = Vec::new();
        for _ in 0..PAIRS {
            let folder = tempfile::tempdir_in(".").unwrap();
            let queue = raw(&folder.path().join("raw"));
            let bytes = vec![7; BODY_BYTES + CONTENT_BYTES + 72];
            let raw = run(producers, move || {
                let (queue, bytes) = (queue.clone(), bytes.clone());
                async move {
                    let (done, wait) = oneshot::channel();
                    queue.send((bytes, done)).unwrap();
                    wait.await.unwrap();
                }
            });
            let raw = raw.await;
            let options = FileLogOptions::new(folder.path().join("log"), 5);
            let log = Arc::new(FileLog::open(options).unwrap());
            let (body, content) = (Bytes::from(vec![7; BODY_BYTES]), Bytes::from(vec![8; CONTENT_BYTES]));
            let ours = run(producers, move || {
                let log = Arc::clone(&log);
                let append = Append {
                    partition: PartitionId(1),
                    body: body.clone(),
                    content: content.clone(),
                    registry_sequence: Sequence::ZERO,
                    recorded: Recorded::Now,
                };
                async move {
                    log.append(vec![append]).await.unwrap();
                }
            });
            pairs.push((raw, ours.await));
        }
        let of = |f: fn(&(Run, Run)) -> f64| median(pairs.iter().map(f));
        println!(
            "| {producers} | {:.0} | {:.0} | {:.2} | {:.2}, {:.2} | {:.2}, {:.2} | {:.2} |",
            of(|(raw, _)| raw.rate),
            of(|(_, log)| log.rate),
            of(|(raw, log)| log.rate / raw.rate),
            of(|(raw, _)| raw.p50.as_secs_f64() * 1e3),
            of(|(raw, _)| raw.p99.as_secs_f64() * 1e3),
            of(|(_, log)| log.p50.as_secs_f64() * 1e3),
            of(|(_, log)| log.p99.as_secs_f64() * 1e3),
            of(|(raw, log)| log.p50.as_secs_f64() / raw.p50.as_secs_f64()),
        );
    }
}
