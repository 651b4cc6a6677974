//! Looking at what stands beside the records of a log that is open: the manifest, and
//! the headers and watermarks of its segments.

use std::io;

use crate::folder::{read_manifest, segment_name, segment_path, segments};
use crate::frame::{FRAMES_START, Layout, check_segment_header, seed};
use crate::read::Reader;
use crate::scan::newest_mark;

/// What would keep the log from being opened again.
pub(crate) fn flaws(log: &Reader) -> io::Result<Vec<String>> {
    let mut flaws = Vec::new();
    match read_manifest(log.disk.as_ref(), &log.folder)? {
        Some(Ok(manifest)) if manifest.incarnation == log.incarnation => {}
        Some(Ok(_)) => flaws.push("the manifest is that of another log".to_owned()),
        Some(Err(detail)) => flaws.push(format!("the manifest cannot be used: {detail}")),
        None => flaws.push("the manifest is missing".to_owned()),
    }
    let there = segments(log.disk.as_ref(), &log.folder)?;
    let last = there.last().copied().unwrap_or(0);
    for number in 1..=last.max(1) {
        let name = segment_name(number);
        if !there.contains(&number) {
            flaws.push(format!("{name} is missing"));
        } else if let Some(flaw) = flaw(log, number)? {
            flaws.push(format!("{name}: {flaw}"));
        }
    }
    Ok(flaws)
}

fn flaw(log: &Reader, number: u32) -> io::Result<Option<String>> {
    let file = log.disk.open(&segment_path(&log.folder, number))?;
    let mut head = vec![0; FRAMES_START];
    let read = match file.read_at(&mut head, 0) {
        Ok(read) => read,
        Err(error) => return Ok(Some(format!("it cannot be read: {error}"))),
    };
    head.truncate(read);
    Ok(match check_segment_header(&head, log.incarnation, number) {
        Err(detail) => Some(detail),
        Ok(Layout::Plain) => None,
        // One of the two may be under the pen.
        Ok(Layout::Marked) => match newest_mark(&head, seed(log.incarnation, number)) {
            Some(_) => None,
            None => Some("neither of its two watermarks can be read".to_owned()),
        },
    })
}
