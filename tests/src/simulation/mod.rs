//! The three services over logs, disks and a network that fail as a seed has it.
//!
//! ```text
//! partners ─ network ─▶ ingest ─▶ [ report log ] ─▶ reconcile ─▶ [ state log ] ─▶ query ─ network ─▶ readers
//!                         │                            │                            │
//!                        disk                         disk                         disk
//! ```
//!
//! The services are the real ones. Everything below and around them is simulated on
//! one thread with a clock of its own, so that a seed gives the same run, event by
//! event, whenever it is played: [`chance`] decides, [`log`], [`disk`], [`network`]
//! and [`fate`] do the harm, [`clients`] and [`readers`] remember what they were
//! told, and [`checks`] says at the end whether all of it was kept.

mod chance;
mod checks;
mod clients;
mod disk;
mod eraser;
mod fate;
mod log;
mod network;
mod readers;
mod said;
mod world;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ascertain_log::{Incarnation, MemoryLog};
use ascertain_runtime::blocking::inline_on_this_thread;
use tokio::runtime::Builder;

use self::chance::Chance;
use self::clients::Book;
use self::log::FaultyLog;
use self::world::{PLACE_PARTITIONS, Service, World};

pub use self::chance::Counts;

/// No world lasts longer, in its own time; one that does hangs.
const HANGS_AFTER: Duration = Duration::from_secs(3 * 3600);

/// What a world came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Over every event of it, in order.
    pub trace: String,
    /// What was done, and how often.
    pub operations: Counts,
    /// What went wrong, and how often.
    pub faults: Counts,
}

/// Plays the world of a seed to its end. `shown` writes every event to stderr.
///
/// # Errors
/// The first promise that was not kept.
pub fn play(seed: u64, shown: bool) -> anyhow::Result<Outcome> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(async {
        let chance = Arc::new(Chance::new(seed, shown));
        let takes = Arc::clone(&chance);
        let _inline = inline_on_this_thread(move || takes.moment(4));
        let lived = tokio::time::timeout(HANGS_AFTER, Box::pin(live(&chance)));
        lived.await.context("the world hangs")??;
        let (trace, operations, faults) = chance.told();
        let trace = trace.to_string();
        Ok(Outcome {
            seed,
            trace,
            operations,
            faults,
        })
    })
}

fn log(name: &'static str, chance: &Arc<Chance>) -> FaultyLog {
    let clock = Arc::clone(chance);
    let history = Incarnation(chance.sixteen());
    let log = MemoryLog::of_history(PLACE_PARTITIONS + 1, Arc::new(move || clock.now()), history);
    FaultyLog::new(name, Arc::new(log), Arc::clone(chance))
}

async fn live(chance: &Arc<Chance>) -> anyhow::Result<()> {
    let world = World::new(chance, log("reports", chance), log("states", chance))?;
    for service in Service::ALL {
        world.supervise(service);
    }
    let book = Arc::new(Book::default());
    let befalling = tokio::spawn(fate::befall(Arc::clone(&world)));
    let lived = at_work(&world, &book).await;
    chance.calm_down();
    befalling.await?;
    let kept = match lived {
        Ok(()) => checks::all(&world, &book).await,
        failed => failed,
    };
    world.wipe();
    if let Some(failure) = chance.failure() {
        anyhow::bail!(failure);
    }
    kept
}

/// The clients, until each has said and asked all that it wanted.
async fn at_work(world: &Arc<World>, book: &Arc<Book>) -> anyhow::Result<()> {
    clients::apply(world, said::registry()).await?;
    book.open().sources = said::SOURCES.map(str::to_owned).into();
    let chance = &world.chance;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let count = 2 + chance.below(7);
        let partner = clients::partner(Arc::clone(world), Arc::clone(book), count);
        clients.push(tokio::spawn(partner));
    }
    if chance.happens(300) {
        let count = 1 + chance.below(5);
        let eraser = eraser::eraser(Arc::clone(world), Arc::clone(book), count);
        clients.push(tokio::spawn(eraser));
    }
    let keeper = clients::keeper(Arc::clone(world), Arc::clone(book), chance.below(4));
    clients.push(tokio::spawn(keeper));
    for _ in 0..2 {
        let count = 3 + chance.below(8);
        let reader = readers::reader(Arc::clone(world), Arc::clone(book), count);
        clients.push(tokio::spawn(reader));
    }
    let mut lived = Ok(());
    for client in clients {
        let ended = client.await.context("a client panicked").and_then(|e| e);
        if lived.is_ok() {
            lived = ended;
        }
    }
    lived
}
