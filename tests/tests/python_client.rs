//! A client in another language, from the public contract alone: what partners
//! build on must work without a line of ours.

// Clippy lets tests panic, but not the functions beside them.
#![allow(clippy::expect_used, clippy::panic)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ascertain_tests::Node;

/// Whether this machine can run the test; why not, for people.
fn python() -> Result<(), &'static str> {
    if std::env::var_os("ASCERTAIN_TESTS_NO_PYTHON").is_some() {
        return Err("ASCERTAIN_TESTS_NO_PYTHON is set");
    }
    // Debian ships python3 without what makes a venv.
    let probe = Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .stderr(Stdio::null())
        .status();
    match probe {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("python3 has no venv with pip (package python3-venv)"),
        Err(_) => Err("there is no python3"),
    }
}

/// CI must not pass because a tool is missing.
fn may_skip() -> bool {
    !matches!(std::env::var("CI"), Ok(value) if !value.is_empty() && value != "false")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_submits_reads_and_is_told_each_mistake() {
    if let Err(why) = python() {
        assert!(may_skip(), "the Python client must be tested in CI: {why}");
        // Past the capture of the test harness: a skip must be seen.
        let line = format!("\n!!! SKIPPED: the Python client is not tested: {why} !!!\n");
        std::io::stderr()
            .write_all(line.as_bytes())
            .expect("stderr");
        return;
    }
    let client = tokio::task::spawn_blocking(Client::prepare)
        .await
        .expect("the client can be prepared");
    let data = tempfile::tempdir().expect("a folder");
    let node = Node::start(data.path()).await.expect("a node");
    let url = node.url();
    let target = url.trim_start_matches("http://").to_owned();
    let printed = tokio::task::spawn_blocking(move || client.run(&target))
        .await
        .expect("the client ran");
    assert!(
        printed.contains("\"placeId\": \"example-town\""),
        "{printed}"
    );
    assert!(printed.contains("\"asKnownAt\""), "{printed}");
    node.stop().await;
}

/// The client with its environment and its stubs.
struct Client {
    python: PathBuf,
    stubs: PathBuf,
}

fn client_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python")
}

impl Client {
    /// Makes the environment, or takes that of an earlier run with the same
    /// versions, and generates the stubs anew.
    fn prepare() -> Self {
        let requirements = client_dir().join("requirements.txt");
        let wanted = std::fs::read_to_string(&requirements).expect("requirements.txt");
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-client");
        let (venv, installed) = (cache.join("venv"), cache.join("installed"));
        let python = venv.join("bin/python");
        if std::fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
            std::fs::create_dir_all(&cache).expect("a folder");
            run(Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&venv));
            run(Command::new(&python)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ])
                .arg("--requirement")
                .arg(&requirements));
            // Last, so that an installation that broke off is made anew.
            std::fs::write(&installed, wanted).expect("a file");
        }
        let stubs = cache.join("stubs");
        if stubs.exists() {
            std::fs::remove_dir_all(&stubs).expect("old stubs go");
        }
        std::fs::create_dir_all(&stubs).expect("a folder");
        let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
        let mut protos: Vec<PathBuf> = std::fs::read_dir(proto.join("ascertain/v1"))
            .expect("the contract")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        protos.sort();
        run(Command::new(&python)
            .args(["-m", "grpc_tools.protoc"])
            .arg(format!("--proto_path={}", proto.display()))
            .arg(format!("--python_out={}", stubs.display()))
            .arg(format!("--grpc_python_out={}", stubs.display()))
            .args(&protos));
        Self { python, stubs }
    }

    /// Runs against a node; what it printed.
    fn run(&self, target: &str) -> String {
        run(Command::new(&self.python)
            .arg(client_dir().join("submit_and_read.py"))
            .arg(target)
            .env("PYTHONPATH", &self.stubs)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // A proxy of the machine has no business on loopback.
            .env_remove("grpc_proxy")
            .env_remove("https_proxy")
            .env_remove("http_proxy"))
    }
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let (out, talk) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{out}{talk}",
        output.status
    );
    out.into_owned()
}
