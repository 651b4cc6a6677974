//! The system seen from outside: what the tests in `tests/tests` share.
//!
//! A [`Node`] is the three services in this process; a [`Program`] is a real
//! binary in a process of its own, to be killed. [`bodies`] and [`import`] carry
//! records from one to another with their stamps. In [`simulation`] the three services
//! run over logs, disks and a network that fail as a seed has it.

mod archive;
mod chance;
mod deployment;
pub mod fuzz;
mod held;
mod load;
mod node;
mod program;
pub mod python;
mod records;
pub mod simulation;
mod told;

pub use archive::{Archive, LATE_PLACE, at};
pub use chance::Chance;
pub use deployment::Deployment;
pub use held::{Held, held};
pub use load::{Acked, live, long, stream};
pub use node::Node;
pub use program::{Program, binaries};
pub use records::{Digests, bodies, caught_up, digests, frames, import, state_entries};
pub use told::{hama, told_but};
