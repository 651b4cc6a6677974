//! What every process shares: configuration, telemetry, health, the node service,
//! background tasks and shutdown. [`run`] shows how a binary is put together.

pub mod blocking;
pub mod config;
pub mod health;
pub mod machine;
pub mod node;
pub mod pace;
mod process;
pub mod role;
pub mod server;
pub mod shutdown;
pub mod space;
pub mod status;
pub mod tasks;
pub mod telemetry;
mod timeout;

pub use blocking::blocking;
pub use config::{CommonArgs, Config};
pub use health::{Health, RoleHealth};
pub use machine::Machine;
pub use pace::Pace;
pub use process::{Process, run};
pub use role::{Checking, Role, of_other_methods};
pub use server::Listener;
pub use shutdown::Shutdown;
pub use space::SpaceWait;
pub use tasks::Tasks;
