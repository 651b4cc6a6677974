//! Random batches and restarts, compared with the memory log.

use ascertain_domain::time::Timestamp;
use ascertain_log::conformance::{PARTITIONS, append, at};
use ascertain_log::{Append, LogReader, LogWriter, MemoryLog, PartitionId, Recorded, Sequence};
use bytes::Bytes;
use proptest::prelude::*;
use std::sync::Arc;

use super::{Home, whole};

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Append>),
    Restart,
}

fn record() -> impl Strategy<Value = Append> {
    let recorded = (0_u8..3, 0_i64..1000).prop_map(|(kind, micros)| {
        let time = Timestamp::from_micros(micros).unwrap();
        match kind {
            0 => Recorded::Now,
            1 => Recorded::Stated(time),
            _ => Recorded::Of(time),
        }
    });
    // One partition too many, so that some batches are refused.
    let partition = 0..=PARTITIONS;
    let content = prop::collection::vec(any::<u8>(), 0..200);
    (partition, "[a-z]{0,40}", content, recorded, 0_u64..9).prop_map(
        |(partition, body, content, recorded, registry)| Append {
            content: Bytes::from(content),
            registry_sequence: Sequence(registry),
            ..at(append(partition, &body), recorded)
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => prop::collection::vec(record(), 0..6).prop_map(Step::Append),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_file_log_is_a_memory_log_that_survives_restarts(
        steps in prop::collection::vec(step(), 0..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(same_as_in_memory(steps));
    }
}

async fn same_as_in_memory(steps: Vec<Step>) {
    let clock: ascertain_log::Clock = Arc::new(|| Timestamp::from_micros(500).unwrap());
    let mut home = Home::new();
    home.segment_bytes = 700;
    let open = || {
        let mut options = home.options();
        options.clock = Arc::clone(&clock);
        crate::FileLog::open(options).unwrap()
    };
    let memory = MemoryLog::with_clock(PARTITIONS, Arc::clone(&clock));
    let mut file = open();
    for step in steps {
        match step {
            Step::Append(batch) => {
                let expected = memory.append(batch.clone()).await;
                let got = file.append(batch).await;
                assert_eq!(format!("{got:?}"), format!("{expected:?}"));
            }
            Step::Restart => {
                drop(file);
                file = open();
            }
        }
    }
    assert_eq!(file.ends().await.unwrap(), memory.ends().await.unwrap());
    for partition in 0..PARTITIONS {
        let count = memory.ends().await.unwrap()[partition as usize].last_sequence;
        let mut follow = memory.follow(PartitionId(partition), Sequence::ZERO, None);
        let expected =
            ascertain_log::conformance::next_records(&mut follow, count.0 as usize).await;
        assert_eq!(whole(&file, partition).await, expected);
    }
}
