use super::*;

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn from_toml(text: &str) -> Result<Config, ConfigErrors> {
    let mut raw = RawConfig::default();
    raw.merge_toml(text, "test.toml");
    raw.validate()
}

fn defaults() -> Config {
    Config::load(&CommonArgs::default(), &BTreeMap::new()).expect("the defaults are valid")
}

#[test]
fn nothing_needs_to_be_configured() {
    let config = defaults();
    assert_eq!(config.node, "node-1");
    assert_eq!(config.partitions, 4);
    assert_eq!(config.ingest.listen.to_string(), "127.0.0.1:7411");
    assert_eq!(config.query.state_log, "http://127.0.0.1:7412");
    assert_eq!(config.limits.max_message_bytes, 4 * 1024 * 1024);
    assert_eq!(config.limits.request_timeout, Duration::from_secs(30));
    assert_eq!(config.limits.min_free_bytes, 256 << 20);
    assert_eq!(config.limits.store_min_free_bytes(), 64 << 20);
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let folder = std::env::temp_dir().join(format!("ascertain-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("ascertain.toml");
    std::fs::write(
        &file,
        "node = \"file\"\npartitions = 8\n[telemetry]\nlevel = \"warn\"\n",
    )
    .expect("a file");
    let args = CommonArgs {
        node: Some("flag".into()),
        ..CommonArgs::default()
    };
    let variables = environment(&[
        ("ASCERTAIN_CONFIG", file.to_str().expect("UTF-8")),
        ("ASCERTAIN_NODE", "environment"),
        ("ASCERTAIN_TELEMETRY__LEVEL", "debug"),
        ("ASCERTAIN_ENDPOINT", "http://127.0.0.1:7413"),
        ("PATH", "/bin"),
    ]);
    let config = Config::load(&args, &variables).expect("valid");
    std::fs::remove_dir_all(&folder).expect("removed");
    assert_eq!(config.node, "flag");
    assert_eq!(config.telemetry.level, "debug");
    assert_eq!(config.partitions, 8);
}

#[test]
fn every_mistake_is_told_at_once_with_its_key_and_its_remedy() {
    let errors = from_toml(
        "node = \"Node 1\"\npartitions = 0\ndrain_grce = 3\n\
         [ingest]\nlisten = \"0.0.0.0:7411\"\n\
         [query]\nreport_log = \"ftp://127.0.0.1\"\n\
         [limits]\nread_wait = 1.5\nmax_batch_reports = [1]\n",
    )
    .expect_err("mistakes");
    let keys: Vec<&str> = errors
        .0
        .iter()
        .map(|mistake| mistake.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "drain_grce",
            "ingest.listen",
            "limits.max_batch_reports",
            "limits.read_wait",
            "node",
            "partitions",
            "query.report_log",
        ]
    );
    let text = errors.to_string();
    assert!(
        text.starts_with("7 mistakes in the configuration:\n"),
        "{text}"
    );
    assert!(text.contains("mutual TLS"), "{text}");
    assert!(text.contains("drain_grace"), "the keys there are: {text}");
    assert!(text.contains("1 to 256"), "{text}");
}

#[test]
fn a_mistake_says_where_it_was_written() {
    let variables = environment(&[("ASCERTAIN_INGEST__LISTEN", "localhost")]);
    let errors = Config::load(&CommonArgs::default(), &variables).expect_err("no address");
    assert_eq!(errors.0.len(), 1);
    assert_eq!(errors.0[0].origin, "ASCERTAIN_INGEST__LISTEN");
}

#[test]
fn an_unknown_variable_of_ours_is_a_mistake() {
    let variables = environment(&[("ASCERTAIN_NODENAME", "a")]);
    let errors = Config::load(&CommonArgs::default(), &variables).expect_err("unknown");
    assert_eq!(errors.0[0].key, "nodename");
}

#[test]
fn a_file_that_cannot_be_read_or_parsed_is_told_beside_the_other_mistakes() {
    let args = CommonArgs {
        config: Some("/nowhere/ascertain.toml".into()),
        node: Some(String::new()),
        ..CommonArgs::default()
    };
    let errors = Config::load(&args, &BTreeMap::new()).expect_err("no file");
    assert_eq!(errors.0.len(), 2);
    assert!(from_toml("node = ").is_err());
}

#[test]
fn a_free_port_may_be_asked_for_with_any_key_on_the_command_line() {
    let args = CommonArgs {
        set: vec!["query.listen=[::1]:0".into()],
        ..CommonArgs::default()
    };
    let config = Config::load(&args, &BTreeMap::new()).expect("valid");
    assert_eq!(config.query.listen.port(), 0);
}
