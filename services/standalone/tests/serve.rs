//! The three services in one process, from their start to the end of the drain.
#![allow(clippy::expect_used)] // Helpers of tests are tests, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ascertain_client::Client;
use ascertain_proto::v1::GetNodeStatusRequest;
use ascertain_runtime::{CommonArgs, Config, Process};
use ascertain_standalone::{ready, start};

fn config(data: &Path) -> Config {
    let free_port = |service| format!("{service}.listen=127.0.0.1:0");
    let args = CommonArgs {
        data_dir: Some(data.to_owned()),
        set: ["ingest", "reconcile", "query"].map(free_port).to_vec(),
        ..CommonArgs::default()
    };
    Config::load(&args, &BTreeMap::new()).expect("a valid configuration")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_port_serves_all_three_roles_and_drains_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    // Twice: the second start finds what the first one left.
    for _ in 0..2 {
        let mut process = Process::new(config(folder.path()));
        let addresses = start(&mut process).await.expect("started");
        let shutdown = process.shutdown.clone();
        let waiting = tokio::spawn(process.wait());
        for address in [addresses.ingest, addresses.reconcile, addresses.query] {
            ready(address).await.expect("it serves");
            let client = Client::connect(&format!("http://{address}")).expect("an address");
            let status = client.get_node_status(GetNodeStatusRequest {}).await;
            let roles = status.expect("an answer").roles;
            let names: Vec<&str> = roles.iter().map(|role| role.role.as_str()).collect();
            assert_eq!(names, ["ingest", "reconcile", "query"]);
            assert!(roles.iter().all(|role| role.serving), "{roles:?}");
        }
        shutdown.begin("the test is over");
        let ended = waiting.await.expect("no panic");
        ended.expect("drained in order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_in_use_by_another_process_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = Process::new(config(folder.path()));
    start(&mut first).await.expect("started");
    let mut second = Process::new(config(folder.path()));
    let error = start(&mut second).await.expect_err("in use");
    assert!(format!("{error:#}").contains("report log"), "{error:#}");
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/standalone/ascertain.toml")
}

#[test]
fn the_example_configuration_states_the_defaults() {
    let args = CommonArgs {
        config: Some(example()),
        ..CommonArgs::default()
    };
    let nothing = BTreeMap::new();
    let read = Config::load(&args, &nothing).expect("it is valid");
    let defaults = Config::load(&CommonArgs::default(), &nothing).expect("they are valid");
    assert_eq!(read, defaults);
}

#[test]
fn the_example_configuration_names_every_key() {
    // The message about an unknown key lists those that there are.
    let args = CommonArgs {
        set: vec!["no_such_key=1".into()],
        ..CommonArgs::default()
    };
    let mistakes = Config::load(&args, &BTreeMap::new()).expect_err("no such key");
    let known = mistakes.0[0].right.trim_start_matches("the keys are: ");
    let known: BTreeSet<String> = known.split(", ").map(str::to_owned).collect();
    let text = std::fs::read_to_string(example()).expect("it is there");
    let (mut section, mut named) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned() + ".";
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            named.insert(format!("{section}{}", key.trim()));
        }
    }
    assert_eq!(named, known);
}
