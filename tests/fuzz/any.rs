//! Any target under a fuzzer: ASCERTAIN_FUZZ names it.

#![no_main]

use std::sync::OnceLock;

fn name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| std::env::var("ASCERTAIN_FUZZ").expect("ASCERTAIN_FUZZ names a target"))
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| ascertain_tests::fuzz::run(name(), data));
