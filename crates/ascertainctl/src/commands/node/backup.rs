//! Backups: taken, checked, restored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ascertain_backup::{LogPart, Manifest, Mended, Progress, Source};
use ascertain_client::render;
use ascertain_log_remote::RemoteLog;
use ascertain_proto::log::v1::LogKind;
use ascertain_proto::v1::{Backup, ForgetBackupRequest, ListBackupsRequest};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::failure::Failure;
use crate::output::{Context, Rows};

const HEADER: &[&str] = &["log", "partition", "last_sequence", "known_at", "chain"];

const KNOWN_HEADER: &[&str] = &[
    "backup_id",
    "host",
    "folder",
    "begun_at",
    "finished_at",
    "erased_reports_held",
];

/// Takes a backup.
pub(crate) async fn take(dir: &Path, context: &mut Context<'_>) -> Result<(), Failure> {
    // The clients say precisely what is wrong with an address, and what cannot be reached.
    let reports = context.writer()?;
    let states = context.calibrator(ascertain_client::DEFAULT_DEADLINE)?;
    for client in [&reports, &states] {
        client
            .get_node_status(ascertain_proto::v1::GetNodeStatusRequest {})
            .await?;
    }
    let source = Source {
        reports: Arc::new(RemoteLog::new(reports.channel(), LogKind::Reports)),
        states: Arc::new(RemoteLog::new(states.channel(), LogKind::States)),
    };
    let talk = &mut *context.talk;
    let note = async |note| reports.note_backup(note).await.map(drop);
    let taken = ascertain_backup::take(&source, dir, note, told(talk, "copied")).await?;
    let kind = if taken.was_incremental {
        "added to"
    } else {
        "backed up into"
    };
    let (new, dir) = (taken.new_records, dir.display());
    context.say(&format!(
        "{kind} {dir}: {new} new records, all of it checked"
    ))?;
    show(&taken.manifest, json!({ "newRecords": new }), context)
}

/// Lists the backups that are known, or takes one from the list.
pub(crate) async fn known(
    holding_erased_only: bool,
    forget: Option<Uuid>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let client = context.writer()?;
    if let Some(id) = forget {
        let request = ForgetBackupRequest {
            backup_id: id.to_string(),
        };
        let response = client.forget_backup(request).await?;
        let rows = || Rows::new(&["backup_id"], [vec![id.to_string()]]);
        let text = format!("{id} is not known any more\n");
        return context.show("ForgetBackupResponse", &response, rows, Some(text));
    }
    let request = ListBackupsRequest {
        holding_erased_only,
    };
    let response = client.list_backups(request).await?;
    let rows = || Rows::new(KNOWN_HEADER, response.backups.iter().map(known_row));
    let none = response.backups.is_empty();
    let text = none.then(|| "no such backup is known\n".to_owned());
    context.show("ListBackupsResponse", &response, rows, text)
}

fn known_row(backup: &Backup) -> Vec<String> {
    vec![
        backup.backup_id.clone(),
        backup.host.clone(),
        backup.folder.clone(),
        render::time(backup.begun_at.as_ref()),
        render::time(backup.finished_at.as_ref()),
        backup.erased_reports_held.to_string(),
    ]
}

/// Checks a backup.
pub(crate) async fn check(dir: &Path, context: &mut Context<'_>) -> Result<(), Failure> {
    let manifest = ascertain_backup::verify(dir).await?;
    context.say(&format!("{} is whole", dir.display()))?;
    show(&manifest, json!({}), context)
}

/// Restores a backup.
pub(crate) async fn restore(
    (dir, data): (&Path, &Path),
    replace: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let talk = &mut *context.talk;
    let mut aside = Vec::new();
    let restored = {
        let set_aside = |path: PathBuf| aside.push(path.display().to_string());
        ascertain_backup::restore(dir, data, replace, told(talk, "restored"), set_aside).await
    };
    // What was done before it failed, too.
    for path in &aside {
        context.say(&format!("set aside: {path}"))?;
    }
    let restored = restored?;
    let (records, data) = (restored.records, data.display());
    context.say(&format!(
        "{records} records are in {data}; start the node, and the stores are made anew"
    ))?;
    show(&restored.manifest, json!({ "setAside": aside }), context)
}

/// Fills the gaps of damaged logs.
pub(crate) async fn mend(
    (dir, data): (&Path, &Path),
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let mended = ascertain_backup::mend(dir, data).await?;
    let aside = |log: &Mended| {
        log.set_aside
            .as_ref()
            .map(|path| path.display().to_string())
    };
    let row = |log: &Mended| {
        let aside = aside(log).unwrap_or_else(|| "-".to_owned());
        let records = log.records.map(|records| records.to_string());
        let records = records.unwrap_or_else(|| "not in this folder".to_owned());
        vec![log.log.to_owned(), records, aside]
    };
    let value: Vec<_> = mended
        .iter()
        .map(|log| json!({ "log": log.log, "records": log.records, "setAside": aside(log) }))
        .collect();
    let header = &["log", "records_from_backup", "set_aside"];
    let rows = || Rows::new(header, mended.iter().map(row));
    context.show_value(&json!({ "logs": value }), rows)
}

/// Says now and then how far it is.
fn told<'a>(
    talk: &'a mut (dyn std::io::Write + Send),
    what: &'static str,
) -> impl FnMut(Progress) + use<'a> {
    let mut last = None;
    move |Progress { done, of }| {
        let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100);
        if last != Some(percent / 10) {
            last = Some(percent / 10);
            // Nobody is left to tell when stderr itself is gone.
            let _ = writeln!(talk, "{what}: {done} of {of} records");
        }
    }
}

fn show(manifest: &Manifest, more: Value, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut value = serde_json::to_value(manifest).map_err(std::io::Error::from)?;
    if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
        fields.extend(more);
    }
    let logs = [
        ("report-log", &manifest.report_log),
        ("state-log", &manifest.state_log),
    ];
    let rows = || {
        Rows::new(
            HEADER,
            logs.iter().flat_map(|(name, part)| rows_of(name, part)),
        )
    };
    let (digest, count) = (&manifest.records.digest, manifest.records.count);
    let text = format!("{}records {count}, digest {digest}\n", rows().to_text());
    context.show_as(&value, rows, Some(text))
}

fn rows_of(name: &str, part: &LogPart) -> Vec<Vec<String>> {
    let ends = part.partitions.iter().enumerate();
    let row = |(partition, end): (usize, &ascertain_backup::Ends)| {
        vec![
            name.to_owned(),
            partition.to_string(),
            end.last_sequence.to_string(),
            end.known_at.clone().unwrap_or_else(|| "-".to_owned()),
            end.chain.clone(),
        ]
    };
    ends.map(row).collect()
}
