//! Opening a log: its lock, its manifest, its recovery, and the segment to go on with.

use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, RwLock};

use ascertain_log::{End, Incarnation, MAX_BATCH_BYTES};
use tokio::sync::{Semaphore, watch};

use crate::commit::Committer;
use crate::disk::{Disk, is_read_only};
use crate::erase;
use crate::error::OpenError;
use crate::folder::{self, Manifest, read_manifest, segment_path, write_manifest};
use crate::frame::{FRAMES_START, Layout, check_segment_header};
use crate::read::Reader;
use crate::scan::{self, Scan};
use crate::segment::Segment;
use crate::{FileLog, FileLogOptions, QUEUE_KIBIBYTES, Recovery};

/// Offsets in a segment are 32 bits wide; a group of at most 65 MiB may follow this.
const MAX_SEGMENT_BYTES: u64 = 1 << 30;

pub(crate) fn open(options: &FileLogOptions, writing: bool) -> Result<FileLog, OpenError> {
    let folder = options.dir.as_path();
    let disk = options.disk.as_ref();
    let failed = |source| OpenError::Io {
        folder: folder.to_owned(),
        source,
    };
    if writing {
        make_folder(disk, folder).map_err(failed)?;
    }
    let lock = match disk.lock(folder) {
        Ok(lock) => lock.ok_or_else(|| OpenError::Locked(folder.to_owned()))?,
        // A backup may lie where nothing can be written: nobody writes there.
        Err(error) if !writing && is_read_only(&error) => Box::new(()),
        Err(error) => return Err(failed(error)),
    };
    if writing {
        erase::finish(disk, folder).map_err(failed)?;
    }
    let (manifest, segments) = manifest(options, writing)?;
    let incarnation = manifest.incarnation;
    let mut scan =
        scan::scan(disk, folder, &segments, incarnation, manifest.partitions).map_err(failed)?;
    let mut segment = None;
    if writing {
        if !scan.damages.is_empty() {
            return Err(OpenError::Damaged(scan.damages));
        }
        let ready = ready_to_write(options, incarnation, &scan);
        segment = Some(ready.map_err(failed)?);
        if manifest.is_old {
            let manifest = Manifest {
                follows: options.follows,
                ..manifest
            };
            write_manifest(disk, folder, &manifest).map_err(failed)?;
        }
    }
    let recovery = Recovery {
        records: scan.records,
        torn_bytes: scan.torn_bytes(),
        damages: std::mem::take(&mut scan.damages),
        end_is_known: scan.end_is_known,
    };

    let (senders, receivers): (Vec<_>, Vec<_>) = scan.ends.into_iter().map(watch::channel).unzip();
    let reader = Arc::new(Reader {
        disk: Arc::clone(&options.disk),
        folder: folder.to_owned(),
        incarnation,
        ends: receivers,
        index: scan.index.into_iter().map(RwLock::new).collect(),
        erasing: RwLock::default(),
    });
    let (queue, requests) = mpsc::channel();
    let (failure, failed_since) = watch::channel(None);
    let committer = Committer {
        queue: requests,
        reader: Arc::clone(&reader),
        ends: senders,
        segment,
        clock: options.clock.clone(),
        max_record_bytes: options.max_record_bytes.min(MAX_BATCH_BYTES),
        segment_bytes: segment_bytes(options),
        min_free_bytes: options.min_free_bytes,
        failure,
        _lock: lock,
    };
    let thread = std::thread::Builder::new()
        .name("log-commit".to_owned())
        .spawn(move || committer.run())
        .map_err(failed)?;
    Ok(FileLog {
        reader,
        follows: manifest.follows.or(options.follows),
        recovery,
        room: Arc::new(Semaphore::new(QUEUE_KIBIBYTES)),
        queue: Some(queue),
        failure: failed_since,
        committer: Some(thread),
    })
}

fn segment_bytes(options: &FileLogOptions) -> u64 {
    options.segment_bytes.min(MAX_SEGMENT_BYTES)
}

fn make_folder(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    disk.make_folder(folder)?;
    // Those above may be new, too.
    for above in folder.ancestors().skip(1) {
        let above = match above.as_os_str().is_empty() {
            true => Path::new("."),
            false => above,
        };
        match disk.sync_folder(above) {
            // What may not be read was not made here.
            Err(error) if is_read_only(&error) => break,
            synced => synced?,
        }
    }
    Ok(())
}

/// Reads the manifest, with the numbers of the segments; makes a log where there is
/// none. A manifest is written after the first segment, so that a log that lost all
/// of its segments is not taken for a new one.
fn manifest(options: &FileLogOptions, writing: bool) -> Result<(Manifest, Vec<u32>), OpenError> {
    let folder = options.dir.as_path();
    let disk = options.disk.as_ref();
    let failed = |source| OpenError::Io {
        folder: folder.to_owned(),
        source,
    };
    let unusable = |detail| OpenError::Manifest {
        folder: folder.to_owned(),
        detail,
    };
    let segments = folder::segments(disk, folder).map_err(failed)?;
    let manifest = match read_manifest(disk, folder).map_err(failed)? {
        Some(read) => read.map_err(unusable)?,
        None if !writing => return Err(unusable("it is missing".to_owned())),
        None => {
            let is_unused = match *segments {
                [] => true,
                [1] => is_unused(disk, folder).map_err(failed)?,
                _ => false,
            };
            // Records without a manifest belong to a log that nobody can name any more.
            if !is_unused {
                return Err(unusable("it is missing".to_owned()));
            }
            let manifest = make(options).map_err(failed)?;
            return Ok((manifest, vec![1]));
        }
    };
    if manifest.partitions != options.partitions {
        return Err(OpenError::PartitionCount {
            folder: folder.to_owned(),
            made: manifest.partitions,
            asked: options.partitions,
        });
    }
    if let (Some(made), Some(asked)) = (manifest.follows, options.follows)
        && made != asked
    {
        return Err(OpenError::FollowsAnother {
            folder: folder.to_owned(),
            made,
            asked,
        });
    }
    Ok((manifest, segments))
}

/// Whether the first segment is one that a crash left before its manifest was written.
fn is_unused(disk: &dyn Disk, folder: &Path) -> io::Result<bool> {
    let bytes = disk.read(&segment_path(folder, 1))?;
    let incarnation = bytes.get(16..32).and_then(|bytes| bytes.try_into().ok());
    let layout = incarnation.map(|i| check_segment_header(&bytes, Incarnation(i), 1));
    Ok(layout == Some(Ok(Layout::Marked)) && bytes.len() == FRAMES_START)
}

/// Makes an empty log: first its first segment, then the manifest.
fn make(options: &FileLogOptions) -> io::Result<Manifest> {
    let manifest = Manifest {
        incarnation: options.incarnation.unwrap_or_else(Incarnation::draw),
        partitions: options.partitions,
        follows: options.follows,
        is_old: false,
    };
    let (disk, folder) = (options.disk.as_ref(), options.dir.as_path());
    let ends = vec![End::EMPTY; options.partitions as usize];
    let first = (1, segment_bytes(options));
    Segment::create(disk, folder, manifest.incarnation, first, &ends)?;
    write_manifest(disk, folder, &manifest)?;
    Ok(manifest)
}

/// Cuts the torn tail, and gives the segment to go on with.
fn ready_to_write(
    options: &FileLogOptions,
    incarnation: Incarnation,
    scan: &Scan,
) -> io::Result<Segment> {
    let (disk, folder) = (options.disk.as_ref(), options.dir.as_path());
    let limit = segment_bytes(options);
    folder::remove_leftovers(disk, folder)?;
    if let Some(number) = scan.leftover {
        disk.remove(&segment_path(folder, number))?;
        disk.sync_folder(folder)?;
    }
    let tail = scan.tail.as_ref();
    let tail = tail.ok_or_else(|| io::Error::other("it has no segment that can be read"))?;
    if tail.torn_bytes > 0 {
        let path = segment_path(folder, tail.number);
        let (segment, torn_bytes) = (path.display(), tail.torn_bytes);
        tracing::warn!(%segment, torn_bytes, "cut the tail of a write that was never acknowledged");
    }
    // A failed sync perhaps left names, too, in memory only.
    disk.sync_folder(folder)?;
    if tail.follows_sealed {
        Segment::seal_again(disk, folder, tail.number - 1)?;
    }
    match tail.layout {
        Layout::Marked => Segment::resume(disk, folder, incarnation, (tail, limit), &scan.ends),
        // Never written again: what follows goes into one with a watermark.
        Layout::Plain => {
            let file = disk.open(&segment_path(folder, tail.number))?;
            file.set_length(tail.length)?;
            file.sync()?;
            let next = (tail.number + 1, limit);
            Segment::create(disk, folder, incarnation, next, &scan.ends)
        }
    }
}
