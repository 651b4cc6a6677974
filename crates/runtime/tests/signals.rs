//! What signals do to a process, tried on a real one: this test runs itself as
//! its child.

// A test may panic in its helpers too.
#![allow(clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};

use ascertain_runtime::{CommonArgs, Listener, Process, run};
use tonic::service::RoutesBuilder;

/// Tells the child what to be: `orderly`, or `stuck` with a task that never ends.
const KIND: &str = "SIGNALS_TEST_CHILD";

async fn start(process: &mut Process) -> anyhow::Result<()> {
    let listener = Listener::bind(process.config.query.listen).await?;
    if std::env::var(KIND).is_ok_and(|kind| kind == "stuck") {
        process.tasks.worker("stuck", std::future::pending());
    }
    process
        .serve(vec![listener], vec![], RoutesBuilder::default())
        .await?;
    Ok(())
}

#[test]
#[ignore = "run by the other tests as their child"]
fn child() {
    let set = vec!["query.listen=127.0.0.1:0".to_owned()];
    let code = run(
        &CommonArgs {
            set,
            ..CommonArgs::default()
        },
        start,
    );
    std::process::exit(i32::from(code != ExitCode::SUCCESS));
}

/// A child that listens, and the lines of its log.
fn listening(kind: &str) -> (Child, impl Iterator<Item = String>) {
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(KIND, kind)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let log = BufReader::new(child.stderr.take().expect("piped"));
    let mut lines = log.lines().map_while(Result::ok);
    assert!(
        lines.any(|line| line.contains("listening")),
        "the child never listened"
    );
    (child, lines)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

#[test]
fn the_first_signal_drains_in_order() {
    let (mut child, mut lines) = listening("orderly");
    signal(&child, "-TERM");
    assert!(
        lines.any(|line| line.contains("SIGTERM")),
        "the log names the signal"
    );
    assert!(lines.any(|line| line.contains("ended")));
    assert_eq!(child.wait().expect("ended").code(), Some(0));
}

#[test]
fn the_second_signal_ends_at_once_even_while_a_worker_hangs() {
    let (mut child, mut lines) = listening("stuck");
    signal(&child, "-TERM");
    assert!(lines.any(|line| line.contains("draining")));
    signal(&child, "-INT");
    assert_eq!(child.wait().expect("ended").code(), Some(130));
}
