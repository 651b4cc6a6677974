//! Following over a real connection: the contract, and what a broken one does.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests are tests, too.

use std::net::SocketAddr;
use std::sync::Arc;

use ascertain_log::conformance::{self, PARTITIONS, append, first_error, next_records};
use ascertain_log::{
    Append, AppendError, Chain, End, Erase, Follow, FollowError, Incarnation, LogReader, LogWriter,
    MemoryLog, PartitionId, Position, Record, Sequence, follow_forever,
};
use ascertain_log_remote::{LogServer, RemoteLog};
use ascertain_proto::log::v1::LogKind;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

/// Serves a log for the rest of the test.
async fn serve(log: Arc<dyn LogReader>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = LogServer::new([(LogKind::Reports, log)]).into_service();
    tokio::spawn(
        Server::builder()
            .add_service(server)
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    address
}

fn remote(address: SocketAddr, kind: LogKind) -> RemoteLog {
    RemoteLog::at(&format!("http://{address}"), kind).unwrap()
}

/// Written here, read through the wire.
struct ReadRemotely {
    writer: Arc<MemoryLog>,
    reader: RemoteLog,
}

#[async_trait]
impl LogReader for ReadRemotely {
    async fn incarnation(&self) -> Result<Incarnation, FollowError> {
        self.reader.incarnation().await
    }

    async fn ends(&self) -> Result<Vec<End>, FollowError> {
        self.reader.ends().await
    }

    fn follow(&self, p: PartitionId, after: Sequence, known: Option<Incarnation>) -> Follow {
        self.reader.follow(p, after, known)
    }
}

#[async_trait]
impl LogWriter for ReadRemotely {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        self.writer.append(batch).await
    }

    async fn erase(&self, records: Vec<Erase>) -> Result<(), AppendError> {
        self.writer.erase(records).await
    }
}

#[tokio::test]
async fn the_contract_holds_over_the_wire() {
    conformance::all(|| async {
        let writer = Arc::new(MemoryLog::new(PARTITIONS));
        let reader = remote(serve(writer.clone()).await, LogKind::Reports);
        Arc::new(ReadRemotely { writer, reader }) as Arc<dyn LogWriter>
    })
    .await;
}

#[tokio::test]
async fn a_server_that_drains_ends_its_followers_as_unavailable() {
    let (drain, draining) = tokio::sync::oneshot::channel::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let log: Arc<dyn LogReader> = Arc::new(MemoryLog::new(2));
    let server = LogServer::new([(LogKind::Reports, log)]).until(async {
        // Dropped or sent: both end it.
        let _ = draining.await;
    });
    tokio::spawn(
        Server::builder()
            .add_service(server.into_service())
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    let mut follow = remote(address, LogKind::Reports).follow(PartitionId(1), Sequence::ZERO, None);
    assert!(follow.next().await.unwrap().unwrap().is_empty());
    drop(drain);
    let error = first_error(follow).await;
    assert!(matches!(error, FollowError::Unavailable(_)), "{error:?}");
}

/// A connection between follower and server that the test can cut.
struct Cable {
    address: SocketAddr,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Cable {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let accepted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                accepted.lock().await.spawn(async move {
                    let mut far = TcpStream::connect(server).await.unwrap();
                    // However it ends, the follower must cope.
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self {
            address,
            connections,
        }
    }

    async fn cut(&self) {
        self.connections.lock().await.shutdown().await;
    }
}

#[tokio::test]
async fn a_broken_connection_ends_a_follower_as_unavailable() {
    let log = Arc::new(MemoryLog::new(2));
    let cable = Cable::to(serve(log.clone()).await).await;
    log.append(vec![append(1, "a")]).await.unwrap();
    let reader = remote(cable.address, LogKind::Reports);
    let mut follow = reader.follow(PartitionId(1), Sequence::ZERO, None);
    next_records(&mut follow, 1).await;
    cable.cut().await;
    let error = follow.next().await.unwrap();
    assert!(
        matches!(error, Err(FollowError::Unavailable(_))),
        "{error:?}"
    );
    assert!(follow.next().await.is_none());
}

#[tokio::test]
async fn following_for_ever_has_no_gap_and_no_duplicate() {
    let log = Arc::new(MemoryLog::new(2));
    let cable = Cable::to(serve(log.clone()).await).await;
    let reader = Arc::new(remote(cable.address, LogKind::Reports));
    let mut follow = follow_forever(reader, PartitionId(1), Sequence::ZERO, None);
    let mut seen = Vec::new();
    for round in 0..5_u32 {
        log.append(vec![append(1, &format!("{round}"))])
            .await
            .unwrap();
        seen.extend(next_records(&mut follow, 1).await);
        cable.cut().await;
        // Written while nobody could see it.
        log.append(vec![append(1, &format!("{round}, cut"))])
            .await
            .unwrap();
        seen.extend(next_records(&mut follow, 1).await);
    }
    let sequences: Vec<_> = seen.iter().map(|r| r.position.sequence.0).collect();
    assert_eq!(sequences, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn following_for_ever_ends_where_the_log_is_another() {
    let first = Arc::new(MemoryLog::new(2));
    let known = first.incarnation().await.unwrap();
    let another = remote(serve(Arc::new(MemoryLog::new(2))).await, LogKind::Reports);
    let follow = follow_forever(
        Arc::new(another),
        PartitionId(1),
        Sequence::ZERO,
        Some(known),
    );
    let error = first_error(follow).await;
    assert!(matches!(error, FollowError::IncarnationChanged));
}

#[tokio::test]
async fn a_log_that_is_not_here_is_not_taken_for_a_missing_partition() {
    let address = serve(Arc::new(MemoryLog::new(2))).await;
    let reader = remote(address, LogKind::States);
    let error = first_error(reader.follow(PartitionId(1), Sequence::ZERO, None)).await;
    assert!(
        matches!(&error, FollowError::Unavailable(text) if text.contains("LOG_KIND_STATES")),
        "{error:?}"
    );
    assert!(reader.ends().await.is_err());
}

#[tokio::test]
async fn nobody_at_the_other_end_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let reader = remote(address, LogKind::Reports);
    let error = reader.incarnation().await;
    assert!(
        matches!(error, Err(FollowError::Unavailable(_))),
        "{error:?}"
    );
}

/// A log that lies about its records.
struct Liar {
    truth: MemoryLog,
    lie: fn(&mut Record),
}

#[async_trait]
impl LogReader for Liar {
    async fn incarnation(&self) -> Result<Incarnation, FollowError> {
        self.truth.incarnation().await
    }

    async fn ends(&self) -> Result<Vec<End>, FollowError> {
        self.truth.ends().await
    }

    fn follow(&self, p: PartitionId, after: Sequence, known: Option<Incarnation>) -> Follow {
        let lie = self.lie;
        let lied = move |mut batch: Vec<Record>| {
            batch.iter_mut().skip(1).for_each(lie);
            stream::iter([Ok(batch)])
        };
        let truth = self.truth.follow(p, after, known);
        truth.flat_map(move |batch| lied(batch.unwrap())).boxed()
    }
}

#[tokio::test]
async fn what_does_not_continue_is_not_believed() {
    let lies: [fn(&mut Record); 4] = [
        |record| record.body = Bytes::from("another body"),
        |record| record.position.chain = Chain::START,
        |record| record.position.sequence = record.position.sequence.next(),
        |record| record.position.partition = PartitionId(0),
    ];
    for lie in lies {
        let truth = MemoryLog::new(2);
        let batch = ["a", "b", "c"].map(|text| append(1, text));
        truth.append(batch.to_vec()).await.unwrap();
        let reader = remote(serve(Arc::new(Liar { truth, lie })).await, LogKind::Reports);
        // From the start, and from the middle, where the second frame tells.
        for after in [0, 1] {
            let follow = reader.follow(PartitionId(1), Sequence(after), None);
            let error = first_error(follow).await;
            assert!(
                matches!(error, FollowError::Damaged { sequence, .. } if sequence.0 == after + 2),
                "{error:?}"
            );
        }
    }
}
