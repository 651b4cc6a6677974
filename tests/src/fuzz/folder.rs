//! Folders of logs and stores whose files are not what was written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ascertain_log::{
    Append, FollowError, LogReader, LogWriter, PartitionId, Record, Recorded, Sequence,
};
use ascertain_log_file::{FileLog, FileLogOptions, OpenError};
use ascertain_store::{Batch, Opened, Store, StoreOptions};
use bytes::Bytes;
use futures::StreamExt as _;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const PARTITIONS: u32 = 3;
const SEGMENT_BYTES: u64 = 1_000;

/// A folder of its own, in memory where there is one.
pub(super) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.expect("a folder")
}

/// The files of a folder, by name.
type Files = Vec<(String, Vec<u8>)>;

/// A log's folder, and what was in it.
struct MadeLog {
    files: Files,
    held: BTreeMap<(u32, u64), Record>,
}

/// A log's folder after changes that the bytes tell. Opening it gives an error that
/// says something, or a log that holds nothing but what was written.
pub(super) fn log_folder(data: &[u8]) {
    static LOG: OnceLock<MadeLog> = OnceLock::new();
    let made = LOG.get_or_init(a_log);
    let folder = scratch();
    changed(&made.files, data, folder.path());

    match FileLog::open(options(folder.path())) {
        Ok(log) => {
            assert!(log.recovery().damages.is_empty());
            let records = log.recovery().records;
            let served = served(&log, &made.held);
            assert_eq!(served as u64, records);
            drop(log);
            // What was cut is gone; nothing else changes by opening.
            let log = FileLog::open(options(folder.path())).expect("opens once more");
            assert_eq!(
                (log.recovery().records, log.recovery().torn_bytes),
                (records, 0)
            );
        }
        Err(error) => {
            assert!(!error.to_string().is_empty(), "refused without a word");
            if let OpenError::Damaged(damages) = &error {
                assert!(!damages.is_empty(), "damaged, and nowhere");
            }
        }
    }
    match FileLog::open_read_only(options(folder.path())) {
        Ok(log) => {
            served(&log, &made.held);
        }
        Err(OpenError::Damaged(damages)) => panic!("read only, and refused: {damages:?}"),
        Err(_) => {}
    }
}

fn options(folder: &Path) -> FileLogOptions {
    let mut options = FileLogOptions::new(folder, PARTITIONS);
    options.segment_bytes = SEGMENT_BYTES;
    options
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all();
        builder.build().expect("a runtime")
    })
}

/// Some records in several segments and partitions, one of them large.
fn a_log() -> MadeLog {
    let folder = scratch();
    let log = FileLog::open(options(folder.path())).expect("a log");
    let mut held = BTreeMap::new();
    for n in 0..12_usize {
        let batch: Vec<Append> = (0..=n % 3)
            .map(|i| Append {
                partition: PartitionId(u32::try_from((n + i) % 3).unwrap_or_default()),
                body: Bytes::from(vec![b'a' + n as u8; 5 + n * n]),
                content: Bytes::from(vec![b'A' + n as u8; i * 7]),
                registry_sequence: Sequence(n as u64),
                recorded: Recorded::Now,
            })
            .collect();
        let positions = runtime().block_on(log.append(batch.clone()));
        for (position, append) in positions.expect("appended").into_iter().zip(batch) {
            let key = (position.partition.0, position.sequence.0);
            let (body, content) = (append.body, append.content);
            held.insert(
                key,
                Record {
                    position,
                    body,
                    content,
                },
            );
        }
    }
    drop(log);
    let files = files(folder.path());
    MadeLog { files, held }
}

/// Reads all that is served, which must be what was written, in order; how much.
fn served(log: &FileLog, held: &BTreeMap<(u32, u64), Record>) -> usize {
    runtime().block_on(async {
        let ends = log.ends().await.expect("the ends");
        let mut count = 0;
        for (partition, end) in (0..).zip(ends) {
            let mut next = 1;
            let mut follow = log.follow(PartitionId(partition), Sequence::ZERO, None);
            'partition: while next <= end.last_sequence.0 {
                let batch = match follow.next().await.expect("a batch or an error") {
                    Ok(batch) => batch,
                    Err(FollowError::Damaged { .. }) => break 'partition,
                    Err(error) => panic!("cannot be followed: {error}"),
                };
                for record in batch {
                    let key = (partition, next);
                    assert_eq!(Some(&record), held.get(&key), "altered: {key:?}");
                    next += 1;
                    count += 1;
                }
            }
        }
        count
    })
}

/// The files of a folder, the lock left out.
fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        (name.unwrap_or_default(), path)
    });
    let kept = entries.filter(|(name, path)| name != "lock" && path.is_file());
    let mut files: Vec<(String, PathBuf)> = kept.collect();
    files.sort();
    let read = files.into_iter();
    read.map(|(name, path)| (name, fs::read(path).expect("a file")))
        .collect()
}

/// Writes the files into a folder, changed as the bytes tell: an act, the file that
/// it is about, where, and how much.
fn changed(files: &[(String, Vec<u8>)], data: &[u8], folder: &Path) {
    let mut files: Vec<(String, Option<Vec<u8>>)> = files
        .iter()
        .map(|(name, bytes)| (name.clone(), Some(bytes.clone())))
        .collect();
    let mut acts = data;
    while let Some((head, rest)) = acts.split_first_chunk::<5>() {
        acts = rest;
        let [act, file, high, low, length] = *head;
        let count = files.len();
        let source = files[usize::from(length) % count]
            .1
            .clone()
            .unwrap_or_default();
        let Some(bytes) = &mut files[usize::from(file) % count].1 else {
            continue;
        };
        let at = usize::from(u16::from_be_bytes([high, low])) % (bytes.len() + 1);
        let end = (at + usize::from(length)).min(bytes.len());
        let literal = &acts[..usize::from(length).min(acts.len())];
        match act % 8 {
            0 => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= 1 << (length % 8)),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..end)),
            3 => bytes[at..end].fill(0),
            4 => {
                bytes.splice(at..end, literal.iter().copied());
                acts = &acts[literal.len()..];
            }
            5 => {
                bytes.splice(at..at, literal.iter().copied());
                acts = &acts[literal.len()..];
            }
            6 => bytes.extend(source.iter().skip(at)),
            _ => files[usize::from(file) % count].1 = None,
        }
    }
    for (name, bytes) in files {
        if let Some(bytes) = bytes {
            fs::write(folder.join(name), bytes).expect("a file");
        }
    }
}

const VALUES: u8 = 20;

fn store(folder: &Path) -> StoreOptions {
    StoreOptions {
        dir: folder.join("store"),
        cache_bytes: 1 << 20,
        schema: "fuzzed",
        schema_version: 1,
        min_free_bytes: 0,
    }
}

/// A store whose state file holds these bytes, and then these bytes with the
/// checksum that they should have. It holds all that it held, or begins anew.
pub(super) fn store_state(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let crc = crc32c::crc32c(text.as_bytes());
    opened(data);
    opened(format!("{text}crc {crc:08x}\n").as_bytes());
}

fn opened(state: &[u8]) {
    static STORE: OnceLock<Files> = OnceLock::new();
    let made = STORE.get_or_init(|| {
        let folder = scratch();
        let (store, _) = Store::open(store(folder.path())).expect("a store");
        let family = store.family("f");
        let mut batch = Batch::new();
        (0..VALUES).for_each(|n| batch.put(&family, [n], vec![n; 10]));
        store.commit(batch).expect("committed");
        store.close().expect("closed");
        files(&folder.path().join("store/sled"))
    });
    let folder = scratch();
    let sled = folder.path().join("store/sled");
    fs::create_dir_all(&sled).expect("a folder");
    for (name, bytes) in made {
        fs::write(sled.join(name), bytes).expect("a file");
    }
    fs::write(folder.path().join("store/state"), state).expect("a file");

    let (store, opened) = Store::open(store(folder.path())).expect("a store, old or new");
    let values = store.verify().expect("verified");
    match opened {
        Opened::Existing { .. } => assert_eq!(values, u64::from(VALUES)),
        Opened::Fresh | Opened::Rebuilt { .. } => assert_eq!(values, 0),
    }
    store.close().expect("closed");
}
