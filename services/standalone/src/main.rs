//! `ascertain`: the three services in one process.

use std::process::ExitCode;

use ascertain_runtime::{CommonArgs, Process};
use ascertain_standalone::{demo, ready, start};
use clap::Parser as _;

/// Who controls this place, how sure are we, since when, and why?
#[derive(clap::Parser)]
#[command(name = "ascertain", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Run ingest, reconcile and query in this process until SIGTERM or Ctrl-C
    Serve(CommonArgs),
    /// Replay the battle for Hama through gRPC and show what was believed when, and why
    Demo(demo::Args),
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Serve(common) => ascertain_runtime::run(&common, serve),
        Command::Demo(args) => demo::run(&args),
    }
}

async fn serve(process: &mut Process) -> anyhow::Result<()> {
    let addresses = start(process).await?;
    let shutdown = process.shutdown.clone();
    process.tasks.worker("announcement", async move {
        tokio::select! {
            () = shutdown.draining() => return Ok(()),
            ready = ready(addresses.query) => ready?,
        }
        let (ingest, reconcile, query) = (addresses.ingest, addresses.reconcile, addresses.query);
        tracing::info!(%ingest, %reconcile, %query, "serving");
        Ok(())
    });
    Ok(())
}
