//! A client in another language, from the public contract alone: what partners
//! build on must work without a line of ours.

// Clippy lets tests panic, but not the functions beside them.
#![allow(clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use ascertain_tests::Node;
use ascertain_tests::python::{environment, has_python, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_submits_reads_and_is_told_each_mistake() {
    if !has_python("the Python client") {
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
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-client");
        let python = environment(&cache, &client_dir().join("requirements.txt"));
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
