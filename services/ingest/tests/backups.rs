//! The list of backups: how bad notes are refused, and what is not taken in.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod harness;

use ascertain_proto::v1::backup_service_client::BackupServiceClient;
use ascertain_proto::v1::{
    ForgetBackupRequest, ListBackupsRequest, LogPosition, NoteBackupRequest,
};
use harness::{Node, reason, violations};
use tonic::Code;

const ID: &str = "0d4f8a52-0000-4000-8000-0000000000aa";

fn good(incarnation: &[u8]) -> NoteBackupRequest {
    NoteBackupRequest {
        backup_id: ID.to_owned(),
        folder: "/srv/backup".to_owned(),
        host: "vault".to_owned(),
        up_to: (0..4)
            .map(|partition| LogPosition {
                partition,
                sequence: 0,
            })
            .collect(),
        finished: false,
        incarnation: incarnation.to_vec(),
    }
}

#[tokio::test]
async fn a_bad_note_is_refused_with_every_mistake() {
    let node = Node::empty().await;
    let mut backups = BackupServiceClient::new(node.channel.clone());
    let empty = backups.note_backup(NoteBackupRequest::default()).await;
    let required = ["backup_id", "folder", "up_to", "incarnation"]
        .map(|field| (field.to_owned(), "REQUIRED".to_owned()));
    assert_eq!(violations(&empty.unwrap_err()), required);
    let bad = NoteBackupRequest {
        backup_id: "the first".to_owned(),
        folder: "f".repeat(4_097),
        host: "h".repeat(256),
        up_to: vec![
            LogPosition::default(),
            LogPosition {
                partition: 1,
                sequence: 1,
            },
            LogPosition {
                partition: 99,
                sequence: 1,
            },
            LogPosition::default(),
        ],
        finished: true,
        incarnation: vec![7],
    };
    let bad = backups.note_backup(bad).await.unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument);
    let mistakes = [
        ("backup_id", "INVALID_UUID"),
        ("folder", "TOO_LONG"),
        ("host", "TOO_LONG"),
        ("up_to[1]", "OUT_OF_RANGE"),
        ("up_to[2]", "OUT_OF_RANGE"),
        ("up_to[3]", "DUPLICATE"),
        ("up_to", "REQUIRED"),
    ];
    let mistakes = mistakes.map(|(field, reason)| (field.to_owned(), reason.to_owned()));
    assert_eq!(violations(&bad), mistakes);
    let of_another = backups
        .note_backup(good(b"of another log"))
        .await
        .unwrap_err();
    assert_eq!(of_another.code(), Code::FailedPrecondition);
    assert_eq!(reason(&of_another), "LOG_INCARNATION_CHANGED");
    let known = backups.list_backups(ListBackupsRequest::default()).await;
    assert_eq!(known.unwrap().into_inner().backups, []);
    for (id, wrong) in [("", "REQUIRED"), ("the first", "INVALID_UUID")] {
        let backup_id = id.to_owned();
        let refused = backups
            .forget_backup(ForgetBackupRequest { backup_id })
            .await;
        assert_eq!(
            violations(&refused.unwrap_err()),
            [("backup_id".to_owned(), wrong.to_owned())]
        );
    }
    let backup_id = ID.to_owned();
    let unknown = backups
        .forget_backup(ForgetBackupRequest { backup_id })
        .await;
    let unknown = unknown.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(reason(&unknown), "BACKUP_UNKNOWN");
    let (_, _folder) = node.end().await;
}

#[tokio::test]
async fn what_is_noted_outlives_the_store_and_no_more_are_kept_than_can_be_shown() {
    let node = Node::empty().await;
    let mut backups = BackupServiceClient::new(node.channel.clone());
    let history = node.log.incarnation().await.unwrap().0;
    let good = || good(&history);
    let noted = backups.note_backup(good()).await.unwrap().into_inner();
    let noted = noted.backup.unwrap();
    assert_eq!((noted.finished_at, noted.erased_reports_held), (None, 0));
    let finished = NoteBackupRequest {
        finished: true,
        ..good()
    };
    let finished = backups.note_backup(finished).await.unwrap().into_inner();
    let finished = finished.backup.unwrap();
    assert!(finished.finished_at.is_some());
    drop(backups);

    // As many as are kept, as if so many had been noted.
    let (log, folder) = node.end().await;
    let list = folder.path().join("backups.json");
    let text = std::fs::read_to_string(&list).unwrap();
    let known: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut many = known.as_object().unwrap().clone();
    for i in 1..1_000 {
        many.insert(uuid::Uuid::from_u128(i).to_string(), known[ID].clone());
    }
    std::fs::write(&list, serde_json::to_vec(&many).unwrap()).unwrap();
    std::fs::remove_dir_all(folder.path().join("ingest")).unwrap();
    let node = Node::over(log, folder).await;
    let mut backups = BackupServiceClient::new(node.channel.clone());
    let listed = backups.list_backups(ListBackupsRequest::default()).await;
    let listed = listed.unwrap().into_inner().backups;
    assert_eq!(listed.len(), 1_000);
    assert!(listed.contains(&finished));
    let one_more = NoteBackupRequest {
        backup_id: uuid::Uuid::from_u128(1_000).to_string(),
        ..good()
    };
    let refused = backups.note_backup(one_more).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(reason(&refused), "TOO_MANY_BACKUPS");
    assert!(backups.note_backup(good()).await.is_ok());
    drop(backups);
    let (_, _folder) = node.end().await;
}
