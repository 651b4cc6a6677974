//! Following a log that another process writes, over gRPC, and serving one.
