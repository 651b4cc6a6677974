//! sled opened, synced, checksummed and verified the one right way.
