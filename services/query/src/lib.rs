//! Follows both logs and answers.
