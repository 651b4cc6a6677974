//! What a service takes from the machine that it runs on.

use std::sync::Arc;

use ascertain_engine::METHOD_VERSION;
use ascertain_log::{Clock, system_clock};
use ascertain_proto::inward::submission::{Salt, draw_salt};
use ascertain_store::{Opened, Store, StoreError, StoreOptions};

/// Opens stores.
pub type Stores = Arc<dyn Fn(StoreOptions) -> Result<(Store, Opened), StoreError> + Send + Sync>;

/// The time, chance and disks of a machine. A simulation gives its own, so that a
/// seed decides all that happens.
#[derive(Clone)]
pub struct Machine {
    /// Tells the time, UTC.
    pub clock: Clock,
    /// Draws the salt of each report's content.
    pub salts: Arc<dyn Fn() -> Salt + Send + Sync>,
    /// Opens stores; blocks.
    pub stores: Stores,
    /// The method that states are said to be computed by. That of this build, but where a
    /// test plays an upgrade.
    pub method_version: &'static str,
}

impl Machine {
    /// The machine that this process runs on.
    #[must_use]
    pub fn real() -> Self {
        Self {
            clock: system_clock(),
            salts: Arc::new(draw_salt),
            stores: Arc::new(Store::open),
            method_version: METHOD_VERSION,
        }
    }
}
