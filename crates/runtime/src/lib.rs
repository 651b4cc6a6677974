//! What every process shares: configuration, telemetry, health, node service, shutdown.
