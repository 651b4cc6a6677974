//! The operator's command line. Data goes to stdout, talk to stderr. Exit codes:
//! 0 done, 1 the server said no, 2 wrong usage, 3 the server cannot be reached.

mod commands;
mod export;
mod failure;
mod input;
mod output;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use commands::{actor, adjudication, backtest, node, place, report, source, source_model, state};
use failure::Failure;
use output::{Context, Format};

/// Ask and tell Ascertain: who controls a place, how sure, since when, and why.
#[derive(Debug, Parser)]
#[command(name = "ascertainctl", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The flags of every command.
#[derive(Debug, Clone, clap::Args)]
struct Global {
    /// Address of the process to ask [default: by command, http://127.0.0.1:7411 to write and for the registry, http://127.0.0.1:7412 to fit source models, http://127.0.0.1:7413 to read]
    #[arg(long, global = true, env = "ASCERTAIN_ENDPOINT", value_name = "URL")]
    endpoint: Option<String>,
    /// Form of the data on stdout
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Seconds that a call may take, its retries included [default: 10; 1800 to fit a source model]
    #[arg(long, global = true, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: Option<u64>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What partners reported
    #[command(subcommand)]
    Report(report::Command),
    /// Who controls a place, and why
    #[command(subcommand)]
    State(state::Command),
    /// Rule who holds a place, beside what the evidence says
    Adjudicate(adjudication::Args),
    /// Rulings on places: list, take back
    #[command(subcommand)]
    Adjudication(adjudication::Command),
    /// Places of the registry
    #[command(subcommand)]
    Place(place::Command),
    /// Actors of the registry
    #[command(subcommand)]
    Actor(actor::Command),
    /// Sources of the registry
    #[command(subcommand)]
    Source(source::Command),
    /// What was learned of sources: fit, adopt, show
    #[command(subcommand)]
    SourceModel(source_model::Command),
    /// What runs in a process
    #[command(subcommand)]
    Node(node::Command),
    /// How right answers would have been, from claims in a file; needs no server
    Backtest(backtest::Args),
}

fn main() -> ExitCode {
    // Wrong usage ends here, with exit code 2.
    let cli = Cli::parse();
    let (mut out, mut talk) = (std::io::stdout(), std::io::stderr());
    let result = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(run(cli, &mut out, &mut talk)),
        Err(error) => Err(Failure::Output(error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell(&mut talk);
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(
    cli: Cli,
    out: &mut (dyn std::io::Write + Send),
    talk: &mut (dyn std::io::Write + Send),
) -> Result<(), Failure> {
    let Global {
        endpoint,
        output,
        timeout,
    } = cli.global;
    let mut context = Context {
        endpoint,
        format: output,
        deadline: timeout.map(Duration::from_secs),
        out,
        talk,
    };
    match cli.command {
        Command::Report(command) => report::run(command, &mut context).await,
        Command::State(command) => state::run(command, &mut context).await,
        Command::Adjudicate(args) => adjudication::adjudicate(args, &mut context).await,
        Command::Adjudication(command) => adjudication::run(command, &mut context).await,
        Command::Place(command) => place::run(command, &mut context).await,
        Command::Actor(command) => actor::run(command, &mut context).await,
        Command::Source(command) => source::run(command, &mut context).await,
        Command::SourceModel(command) => source_model::run(command, &mut context).await,
        Command::Node(command) => node::run(command, &mut context).await,
        Command::Backtest(args) => backtest::run(&args, &mut context),
    }
}

#[cfg(test)]
mod tests;
