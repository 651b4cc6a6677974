//! The three services in one process: ascertain serve and ascertain demo.
