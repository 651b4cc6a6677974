//! The backups that are known.

use std::sync::Arc;

use ascertain_domain::id::ReportId;
use ascertain_proto::v1;
use ascertain_proto::v1::backup_service_server::BackupService;
use ascertain_runtime::blocking;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;
use v1::Reason;

use crate::backups::{BackupsError, Note, Positions};
use crate::error::{Refusal, field};
use crate::service::Core;

/// The longest path of a folder, bytes.
const MAX_FOLDER_BYTES: usize = 4_096;
/// The longest name of a machine, bytes.
const MAX_HOST_BYTES: usize = 255;

/// The backup service.
pub(crate) struct BackupHandler(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl BackupService for BackupHandler {
    async fn note_backup(
        &self,
        request: Request<v1::NoteBackupRequest>,
    ) -> Result<Response<v1::NoteBackupResponse>, Status> {
        let noted = self.0.note_backup(request.into_inner()).await;
        let answer = noted.map(|backup| v1::NoteBackupResponse {
            backup: Some(backup),
        });
        answer.map(Response::new).map_err(Refusal::into_status)
    }

    async fn list_backups(
        &self,
        request: Request<v1::ListBackupsRequest>,
    ) -> Result<Response<v1::ListBackupsResponse>, Status> {
        let core = Arc::clone(&self.0);
        let known = blocking(move || core.known_backups()).await;
        let mut backups = known.map_err(Refusal::into_status)?;
        if request.into_inner().holding_erased_only {
            backups.retain(|backup| backup.erased_reports_held > 0);
        }
        Ok(Response::new(v1::ListBackupsResponse { backups }))
    }

    async fn forget_backup(
        &self,
        request: Request<v1::ForgetBackupRequest>,
    ) -> Result<Response<v1::ForgetBackupResponse>, Status> {
        let forgotten = self.0.forget_backup(&request.get_ref().backup_id).await;
        let answer = forgotten.map(|()| v1::ForgetBackupResponse {});
        answer.map(Response::new).map_err(Refusal::into_status)
    }
}

impl Core {
    async fn note_backup(
        self: &Arc<Self>,
        request: v1::NoteBackupRequest,
    ) -> Result<v1::Backup, Refusal> {
        let of = request.incarnation.clone();
        let note = self.check(request).await?;
        if of != self.incarnation.0 {
            return Err(BackupsError::OtherHistory.into());
        }
        let (core, now) = (Arc::clone(self), (self.clock)());
        blocking(move || {
            let id = note.id;
            core.backups.note(note, core.incarnation, now)?;
            let known = core.known_backups()?;
            let noted = known
                .into_iter()
                .find(|known| known.backup_id == id.to_string());
            noted.ok_or_else(|| unknown(id))
        })
        .await
    }

    async fn forget_backup(self: &Arc<Self>, id: &str) -> Result<(), Refusal> {
        let mut mistakes = Vec::new();
        let id = backup_id(id, &mut mistakes);
        let id = id.ok_or_else(|| Refusal::violated(Code::InvalidArgument, mistakes))?;
        let core = Arc::clone(self);
        match blocking(move || core.backups.forget(id)).await? {
            true => Ok(()),
            false => Err(unknown(id)),
        }
    }

    /// All that is said of a backup, or every mistake in it.
    async fn check(&self, request: v1::NoteBackupRequest) -> Result<Note, Refusal> {
        let ends = self.log.ends().await;
        let ends = ends.map_err(|error| Refusal::unavailable(error.to_string()))?;
        let mut mistakes = Vec::new();
        let id = backup_id(&request.backup_id, &mut mistakes);
        let texts = [
            ("folder", &request.folder, MAX_FOLDER_BYTES),
            ("host", &request.host, MAX_HOST_BYTES),
        ];
        for (name, text, most) in texts {
            if text.len() > most {
                let what = format!("has {} bytes; {most} is the most", text.len());
                mistakes.push(field(name, Reason::TooLong, what));
            }
        }
        if request.folder.is_empty() {
            mistakes.push(field(
                "folder",
                Reason::Required,
                "is empty; say where it is",
            ));
        }
        if request.up_to.is_empty() {
            let what = "is empty; give the ends of the report log as they were found";
            mistakes.push(field("up_to", Reason::Required, what));
        }
        let mut up_to = Positions::new();
        for (i, position) in request.up_to.iter().enumerate() {
            let end = usize::try_from(position.partition).ok();
            let end = end.and_then(|partition| ends.get(partition));
            let end = end.map_or(0, |end| end.last_sequence.0);
            if position.sequence > end {
                let what = format!(
                    "record {} of partition {} is beyond the end of the log, {end}",
                    position.sequence, position.partition
                );
                mistakes.push(field(&format!("up_to[{i}]"), Reason::OutOfRange, what));
            }
            if up_to
                .insert(position.partition, position.sequence)
                .is_some()
            {
                let what = format!("names partition {} once more", position.partition);
                mistakes.push(field(&format!("up_to[{i}]"), Reason::Duplicate, what));
            }
        }
        if !request.up_to.is_empty() && up_to.len() < ends.len() {
            let what = format!("names {} of {} partitions", up_to.len(), ends.len());
            mistakes.push(field("up_to", Reason::Required, what));
        }
        if request.incarnation.is_empty() {
            let what = "is empty; give the incarnation of the report log";
            mistakes.push(field("incarnation", Reason::Required, what));
        }
        match id {
            Some(id) if mistakes.is_empty() => Ok(Note {
                id,
                folder: request.folder,
                host: request.host,
                up_to,
                finished: request.finished,
            }),
            _ => Err(Refusal::violated(Code::InvalidArgument, mistakes)),
        }
    }
}

fn backup_id(given: &str, mistakes: &mut Vec<v1::FieldViolation>) -> Option<Uuid> {
    let id = ReportId::parse(given);
    if id.is_none() {
        let (reason, what) = match given {
            "" => (Reason::Required, "is empty; give a UUID".to_owned()),
            given => {
                let what = format!("`{given}` is no UUID in its hyphenated form");
                (Reason::InvalidUuid, what)
            }
        };
        mistakes.push(field("backup_id", reason, what));
    }
    id.map(|id| id.0)
}

fn unknown(id: Uuid) -> Refusal {
    let what = format!("no backup {id} is known; `ascertainctl node backups` lists them");
    Refusal::new(Code::NotFound, Reason::BackupUnknown, what)
}
