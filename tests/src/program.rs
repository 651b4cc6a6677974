//! A real binary in a process of its own.

use std::io::{BufRead as _, BufReader, Lines};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::OnceLock;

use anyhow::Context as _;
use ascertain_standalone::ready;

/// A process under test; killed when it is dropped.
pub struct Program {
    name: String,
    child: Child,
    lines: Option<Lines<BufReader<ChildStderr>>>,
    /// Where it listens, in the order in which it said so.
    pub listens: Vec<SocketAddr>,
}

/// Builds the binaries once, as this test was built, and says where they are.
///
/// # Errors
/// If they cannot be built.
pub fn binaries() -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let exe = std::env::current_exe().map_err(|e| e.to_string())?;
        let folder = exe
            .parent()
            .and_then(Path::parent)
            .ok_or("no target folder")?
            .to_owned();
        let target = folder.parent().ok_or("no target folder")?;
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let mut build = Command::new(env!("CARGO"));
        build.args([
            "build",
            "--locked",
            "--quiet",
            "--bins",
            "--workspace",
            "--manifest-path",
        ]);
        build.arg(manifest).arg("--target-dir").arg(target);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        match build.status() {
            Ok(status) if status.success() => Ok(folder),
            Ok(status) => Err(format!("the binaries cannot be built: {status}")),
            Err(error) => Err(error.to_string()),
        }
    });
    built.clone().map_err(anyhow::Error::msg)
}

impl Program {
    /// Starts a binary on free ports and waits until each of so many addresses
    /// serves. `set` holds configuration, `key=value`.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start(
        name: &str,
        data_dir: &Path,
        set: &[String],
        addresses: usize,
    ) -> anyhow::Result<Self> {
        let mut program = Self::spawn(name, data_dir, set, addresses)?;
        for address in program.listens.clone() {
            let served = ready(address)
                .await
                .with_context(|| format!("{name} at {address}"));
            if served.is_err() {
                program.kill()?;
                served?;
            }
        }
        Ok(program)
    }

    /// Starts a binary on free ports and waits until it says where it listens.
    ///
    /// # Errors
    /// If it ends before.
    pub fn spawn(
        name: &str,
        data_dir: &Path,
        set: &[String],
        addresses: usize,
    ) -> anyhow::Result<Self> {
        let mut program = Self::launch(name, data_dir, set)?;
        program.listening(addresses)?;
        Ok(program)
    }

    /// Starts a binary on free ports, or on those that are set, and waits for nothing.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn launch(name: &str, data_dir: &Path, set: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(binaries()?.join(name));
        // What is said to the tests is not said to the programs, which know no such keys.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("ASCERTAIN_") {
                command.env_remove(variable);
            }
        }
        if name == "ascertain" {
            command.arg("serve");
        }
        command.arg("--data-dir").arg(data_dir).args([
            "--log-format",
            "json",
            "--log-level",
            "info",
        ]);
        for role in ["ingest", "reconcile", "query"] {
            command.args(["--set", &format!("{role}.listen=127.0.0.1:0")]);
        }
        for pair in set {
            command.args(["--set", pair]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("no stderr")?;
        Ok(Self {
            name: name.to_owned(),
            child,
            lines: Some(BufReader::new(stderr).lines()),
            listens: Vec::new(),
        })
    }

    /// Waits until it says that it listens on so many addresses.
    ///
    /// # Errors
    /// If it ends before.
    pub fn listening(&mut self, addresses: usize) -> anyhow::Result<()> {
        let mut lines = self.lines.take().context("it listens already")?;
        let mut said = Vec::new();
        while self.listens.len() < addresses {
            let Some(line) = lines.next().transpose()? else {
                let status = self.child.wait()?;
                anyhow::bail!(
                    "{} ended with {status} before it listened:\n{}",
                    self.name,
                    said.join("\n")
                );
            };
            self.listens.extend(listening(&line));
            said.push(line);
        }
        // Keep reading, so that the process never waits for us.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(())
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// If that cannot be told.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// An address of it.
    ///
    /// # Panics
    /// Never: it listens on one at least.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listens[0])
    }

    /// Kills it, as `kill -9` does.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to drain (SIGTERM), and waits for its end.
    ///
    /// # Errors
    /// If it does not end in order.
    pub fn terminate(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()?;
        anyhow::ensure!(asked.success(), "SIGTERM could not be sent");
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "the drain ended with {status}");
        Ok(())
    }
}

/// The address in a log line that says where a process listens.
fn listening(line: &str) -> Option<SocketAddr> {
    let at = line.find("\"address\":\"")? + "\"address\":\"".len();
    line.get(at..)?.split('"').next()?.parse().ok()
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
