//! Python environments for tests that look at us from outside, made by the tests
//! themselves.

// A harness fails the test.
#![allow(clippy::expect_used, clippy::panic)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether this machine has a Python that can make environments. If not, says so past the
/// capture of the test harness: a skip must be seen. In CI it fails.
///
/// # Panics
/// In CI, where nothing may pass because a tool is missing.
#[must_use]
pub fn has_python(what: &str) -> bool {
    let Err(why) = probe() else {
        return true;
    };
    assert!(may_skip(), "{what} must be tested in CI: {why}");
    let line = format!("\n!!! SKIPPED: {what} is not tested: {why} !!!\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("stderr");
    false
}

fn probe() -> Result<(), &'static str> {
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

/// The Python of an environment with what a file requires: that of an earlier run where
/// the file is the same.
///
/// # Panics
/// Where it cannot be made.
#[must_use]
pub fn environment(cache: &Path, requirements: &Path) -> PathBuf {
    let wanted = std::fs::read_to_string(requirements).expect("requirements");
    let (venv, installed) = (cache.join("venv"), cache.join("installed"));
    let python = venv.join("bin/python");
    if std::fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
        std::fs::create_dir_all(cache).expect("a folder");
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
            .arg(requirements));
        // Last, so that an installation that broke off is made anew.
        std::fs::write(&installed, wanted).expect("a file");
    }
    python
}

/// Runs a command to its end; what it printed.
///
/// # Panics
/// Where it fails.
pub fn run(command: &mut Command) -> String {
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
