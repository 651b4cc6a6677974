//! A typed client with deadlines and retries.
