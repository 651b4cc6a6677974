//! Targets for a fuzzer, one for every decoder and parser that meets bytes from
//! outside. Each takes any bytes, and panics where a promise is broken.
//!
//! `tests/fuzz` holds the binary of a fuzzer and the corpus; `scripts/fuzz` runs
//! them; `tests/tests/fuzz_corpus.rs` replays the corpus and the seeds.

// A broken promise is a panic, as in any test.
#![allow(clippy::expect_used, clippy::panic)]

mod configured;
mod files;
mod folder;
mod records;
mod seeds;
mod stored;
mod wire;

use std::sync::OnceLock;

use ascertain_domain::registry::{Registry, Version};
use ascertain_domain::time::Timestamp;
use ascertain_proto::inward;
use ascertain_standalone::scenario::Scenario;
use prost::Message;

pub use seeds::seeds;

/// A target.
pub type Target = fn(&[u8]);

/// Every target, by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("backtest_claims", files::backtest_claims),
    ("backtest_places", files::backtest_places),
    ("backtest_sources", files::backtest_sources),
    ("backtest_truth", files::backtest_truth),
    ("config", configured::config),
    ("import", records::import),
    ("ledger_entry", stored::ledger_entry),
    ("log_folder", folder::log_folder),
    ("log_frame", wire::log_frame),
    ("model_file", files::model_file),
    ("page_token", stored::page_token),
    ("record", records::record),
    ("registry", wire::registry),
    ("registry_file", files::registry_file),
    ("report_file", files::report_file),
    ("resume_point", stored::resume_point),
    ("source_model", wire::source_model),
    ("state_record", records::state_record),
    ("store_state", folder::store_state),
    ("submission", wire::submission),
    ("write_token", stored::write_token),
];

/// Runs a target once.
///
/// # Panics
/// If there is no such target, or a promise is broken.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = found.unwrap_or_else(|| panic!("there is no target {name}"));
    target(data);
}

/// When everything is received.
fn received_at() -> Timestamp {
    "2025-01-01T00:00:00Z".parse().expect("a time")
}

/// The registry of the scenario.
fn known() -> &'static Registry {
    static KNOWN: OnceLock<Registry> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let scenario = Scenario::hama().expect("the scenario");
        let mut registry = Registry::default();
        let entities = inward::registry::check(&scenario.registry, &registry);
        for (sequence, entity) in (1..).zip(entities.expect("a registry")) {
            registry.apply(sequence, Version::LATEST, entity.change);
        }
        registry
    })
}

/// A message, if the bytes are one; written and read again it must be the same.
fn decoded<M: Message + Default>(data: &[u8]) -> Option<M> {
    let message = M::decode(data).ok()?;
    let bytes = message.encode_to_vec();
    let again = M::decode(bytes.as_slice()).expect("what was written is read");
    assert_eq!(again.encode_to_vec(), bytes, "a message changes on its way");
    Some(message)
}
