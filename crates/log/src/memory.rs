//! x
/// x
#[derive(Debug)] pub struct MemoryLog;
