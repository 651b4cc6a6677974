//! The report log and the state log as append-only segment files.
