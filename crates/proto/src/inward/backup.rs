//! What is told of a backup.

use std::collections::BTreeMap;

use ascertain_domain::violation::{Reason, Violation, Violations};
use uuid::Uuid;

use super::text::{self, Limit};
use crate::v1;

/// The longest path of a folder, bytes.
const MAX_FOLDER_BYTES: usize = 4_096;
/// The longest name of a machine, bytes.
const MAX_HOST_BYTES: usize = 255;

/// Reads the id of a backup.
///
/// # Errors
/// What is wrong with it.
pub fn check_id(given: &str) -> Result<Uuid, Vec<Violation>> {
    let mut v = Violations::at("");
    let id = text::report_id(given, "backup_id", &mut v);
    v.finish()?;
    id.map(|id| id.0).ok_or_else(Vec::new)
}

/// The id of a backup, and how far it goes in each partition of the report log, which ends
/// at `ends`, partition 0 first.
///
/// # Errors
/// Every mistake, with its field.
pub fn check(
    request: &v1::NoteBackupRequest,
    ends: &[u64],
) -> Result<(Uuid, BTreeMap<u32, u64>), Vec<Violation>> {
    let mut v = Violations::at("");
    let id = text::report_id(&request.backup_id, "backup_id", &mut v);
    if request.folder.is_empty() {
        v.add("folder", Reason::Required, "is empty; say where it is");
    }
    let folder = Limit::Bytes(MAX_FOLDER_BYTES);
    text::check(&request.folder, folder, "folder", &mut v);
    text::check(&request.host, Limit::Bytes(MAX_HOST_BYTES), "host", &mut v);
    let mut up_to = BTreeMap::new();
    for (i, position) in request.up_to.iter().enumerate() {
        let (partition, sequence) = (position.partition, position.sequence);
        let field = format!("up_to[{i}]");
        let end = usize::try_from(partition).ok().and_then(|p| ends.get(p));
        let end = end.copied().unwrap_or_default();
        if sequence > end {
            let what = format!(
                "record {sequence} of partition {partition} is beyond the end of the log, {end}"
            );
            v.add(&field, Reason::OutOfRange, what);
        }
        if up_to.insert(partition, sequence).is_some() {
            let what = format!("names partition {partition} once more");
            v.add(&field, Reason::Duplicate, what);
        }
    }
    if up_to.len() < ends.len() {
        let what = format!(
            "names {} of {} partitions; give the end of each as it was found",
            up_to.len(),
            ends.len()
        );
        v.add("up_to", Reason::Required, what);
    }
    if request.incarnation.is_empty() {
        let what = "is empty; give the incarnation of the report log";
        v.add("incarnation", Reason::Required, what);
    }
    v.finish()?;
    id.map(|id| (id.0, up_to)).ok_or_else(Vec::new)
}
