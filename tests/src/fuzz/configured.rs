//! The configuration.

use std::collections::BTreeMap;

use ascertain_runtime::config::raw::RawConfig;

/// A TOML text, then, each after a zero byte, variables of the environment and
/// pairs as flags give them.
pub(super) fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('\0');
    let toml = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let read = || {
        let mut raw = RawConfig::default();
        raw.merge_toml(toml, "fuzzed.toml");
        let variables = rest.iter().filter_map(|pair| pair.split_once('='));
        let variables: BTreeMap<String, String> = variables
            .map(|(name, value)| (format!("ASCERTAIN_{name}"), value.to_owned()))
            .collect();
        raw.merge_environment(&variables);
        for pair in rest.iter().skip(4) {
            raw.merge_pair(pair);
        }
        raw.validate()
    };
    let config = read();
    assert_eq!(config, read(), "the same text, another configuration");
    match config {
        Ok(config) => {
            assert!((1..=256).contains(&config.partitions));
            assert!(config.ingest.listen.ip().is_loopback());
            assert!(config.reconcile.listen.ip().is_loopback());
            assert!(config.query.listen.ip().is_loopback());
            assert!((1..=10_000).contains(&config.limits.max_batch_reports));
            assert!((64 << 10..=64 << 20).contains(&config.limits.max_message_bytes));
            assert!((1..=40).contains(&config.node.len()));
        }
        Err(errors) => {
            assert!(!errors.0.is_empty(), "refused without a mistake");
            for mistake in &errors.0 {
                assert!(!mistake.wrong.is_empty() && !mistake.right.is_empty());
                assert!(!mistake.origin.is_empty(), "{mistake:?}");
            }
        }
    }
}
