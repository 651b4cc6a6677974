//! Follows the report log, folds the evidence and appends changed states to the state log.
