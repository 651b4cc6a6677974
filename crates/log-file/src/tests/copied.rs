//! Records that keep the positions that another log gave them.

use ascertain_log::{AppendError, LogReader};

use super::{Home, put, whole};

#[tokio::test]
async fn a_copy_has_the_positions_of_the_original_and_goes_on_from_them() {
    let (original, copy) = (Home::new(), Home::new());
    let log = original.open();
    put(&log, &[(0, "r"), (1, "a"), (1, "b"), (2, "c")]).await;
    let copied = copy.open();
    for partition in 0..3 {
        copied
            .append_copied(whole(&log, partition).await)
            .await
            .unwrap();
    }
    assert_eq!(copied.ends().await.unwrap(), log.ends().await.unwrap());
    drop(copied);
    let copied = copy.open();
    assert_eq!(whole(&copied, 1).await, whole(&log, 1).await);
    put(&copied, &[(1, "d")]).await;
    assert_ne!(
        copied.incarnation().await.unwrap(),
        log.incarnation().await.unwrap()
    );
}

#[tokio::test]
async fn what_does_not_continue_is_refused_whole() {
    let (original, copy) = (Home::new(), Home::new());
    let log = original.open();
    put(&log, &[(1, "a"), (1, "b"), (1, "c")]).await;
    let records = whole(&log, 1).await;
    let copied = copy.open();
    let mut changed = records.clone();
    changed[1].body = "B".into();
    for wrong in [records[1..].to_vec(), changed] {
        let refused = copied.append_copied(wrong).await;
        assert!(matches!(refused, Err(AppendError::Refused(_))));
    }
    copied.append_copied(records).await.unwrap();
    assert_eq!(whole(&copied, 1).await.len(), 3);
}
