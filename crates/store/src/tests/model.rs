//! Random commits, crashes and restarts, compared with a map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Home, value};
use crate::{Batch, Family};

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Write>),
    Restart,
    Crash,
}

/// Family, key, and for a value its seed and length.
type Write = (usize, Vec<u8>, Option<(usize, usize)>);

const FAMILIES: [&str; 3] = ["a", "ab", "b"];

fn write() -> impl Strategy<Value = Write> {
    let key = prop::collection::vec(prop_oneof![Just(0), Just(1), Just(0xFF)], 0..4);
    let length = prop_oneof![3 => 0_usize..50, 1 => 6_000_usize..30_000];
    (
        0..FAMILIES.len(),
        key,
        prop::option::weighted(0.8, (0_usize..9, length)),
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(write(), 0..12).prop_map(Step::Commit),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ]
}

type Model = BTreeMap<(usize, Vec<u8>), Vec<u8>>;

fn assert_same(families: &[Family], model: &Model) {
    for (n, family) in families.iter().enumerate() {
        let expected: Vec<_> = model
            .iter()
            .filter(|((family, _), _)| *family == n)
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect();
        let found: Vec<_> = family.scan::<&[u8]>(..).map(Result::unwrap).collect();
        assert_eq!(found, expected);
        let mut backwards: Vec<_> = family.scan::<&[u8]>(..).rev().map(Result::unwrap).collect();
        backwards.reverse();
        assert_eq!(backwards, expected);
        for prefix in [&[0][..], &[0xFF], &[0xFF, 0xFF], &[1, 0]] {
            let found: Vec<_> = family.scan_prefix(prefix).map(Result::unwrap).collect();
            let mut expected = expected.clone();
            expected.retain(|(key, _)| key.starts_with(prefix));
            assert_eq!(found, expected);
        }
        for (key, value) in expected {
            assert_eq!(family.get(key).unwrap(), Some(value));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_a_sorted_map_that_survives_restarts(
        steps in prop::collection::vec(step(), 0..25),
    ) {
        let mut home = Home::new();
        let mut store = home.open().0;
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Commit(writes) => {
                    let mut batch = Batch::new();
                    for (family, key, written) in writes {
                        let name = store.family(FAMILIES[family]);
                        match written {
                            None => {
                                batch.delete(&name, &key);
                                model.remove(&(family, key));
                            }
                            Some((seed, length)) => {
                                batch.put(&name, &key, value(seed, length));
                                model.insert((family, key), value(seed, length));
                            }
                        }
                    }
                    store.commit(batch).unwrap();
                }
                Step::Restart => {
                    store.close().unwrap();
                    store = home.open().0;
                }
                Step::Crash => {
                    store.sync().unwrap();
                    let crashed = home.copy();
                    drop(store);
                    home = crashed;
                    store = home.open().0;
                }
            }
            let families: Vec<_> = FAMILIES.iter().map(|name| store.family(name)).collect();
            assert_same(&families, &model);
        }
    }
}
