//! The backups that are known.

use std::sync::Arc;

use ascertain_proto::inward::backup::{check, check_id};
use ascertain_proto::v1;
use ascertain_proto::v1::backup_service_server::BackupService;
use ascertain_runtime::blocking;
use tonic::{Code, Request, Response, Status};
use v1::Reason;

use crate::backups::{BackupsError, Note};
use crate::error::Refusal;
use crate::service::Core;

/// The backup service.
pub(crate) struct BackupHandler(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl BackupService for BackupHandler {
    async fn note_backup(
        &self,
        request: Request<v1::NoteBackupRequest>,
    ) -> Result<Response<v1::NoteBackupResponse>, Status> {
        let noted = self.0.note_backup(request.into_inner()).await;
        let answer = noted.map(|backup| v1::NoteBackupResponse { backup });
        answer.map(Response::new).map_err(Refusal::into_status)
    }

    async fn list_backups(
        &self,
        request: Request<v1::ListBackupsRequest>,
    ) -> Result<Response<v1::ListBackupsResponse>, Status> {
        let core = Arc::clone(&self.0);
        let known = blocking(move || core.known_backups()).await;
        let mut backups = known.map_err(|error| Refusal::from(error).into_status())?;
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
    ) -> Result<Option<v1::Backup>, Refusal> {
        let ends = self.log.ends().await;
        let ends = ends.map_err(|error| Refusal::unavailable(error.to_string()))?;
        let ends: Vec<u64> = ends.iter().map(|end| end.last_sequence.0).collect();
        let (id, up_to) = check(&request, &ends).map_err(Refusal::invalid)?;
        if request.incarnation != self.incarnation.0 {
            return Err(BackupsError::OtherHistory.into());
        }
        let note = Note {
            id,
            folder: request.folder,
            host: request.host,
            up_to,
            finished: request.finished,
        };
        let (core, now) = (Arc::clone(self), (self.clock)());
        blocking(move || {
            let known = core.backups.note(note, core.incarnation, now)?;
            Ok(core.shown(vec![(id, known)])?.pop())
        })
        .await
    }

    async fn forget_backup(self: &Arc<Self>, id: &str) -> Result<(), Refusal> {
        let id = check_id(id).map_err(Refusal::invalid)?;
        let core = Arc::clone(self);
        match blocking(move || core.backups.forget(id)).await? {
            true => Ok(()),
            false => {
                let what =
                    format!("no backup {id} is known; `ascertainctl node backups` lists them");
                Err(Refusal::new(Code::NotFound, Reason::BackupUnknown, what))
            }
        }
    }
}
