//! Real processes that make one node: all in one, or the three apart. Each can be
//! killed and started again on its data and its ports.

use std::net::TcpListener;
use std::path::Path;

use ascertain_client::Client;
use ascertain_standalone::ready;
use tempfile::TempDir;

use crate::{Chance, Program};

/// The binaries of a node whose services run apart.
const APART: [&str; 3] = ["ascertain-ingest", "ascertain-reconcile", "ascertain-query"];

/// The processes of a node.
pub struct Deployment {
    data: TempDir,
    names: &'static [&'static str],
    ports: [u16; 3],
    set: Vec<String>,
    programs: Vec<Option<Program>>,
}

impl Deployment {
    /// The three services in one process; `set` holds configuration.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn one(set: &[String]) -> anyhow::Result<Self> {
        Self::of(&["ascertain"], set).await
    }

    /// The three services in processes of their own.
    ///
    /// # Errors
    /// If they do not come up.
    pub async fn apart(set: &[String]) -> anyhow::Result<Self> {
        Self::of(&APART, set).await
    }

    async fn of(names: &'static [&'static str], set: &[String]) -> anyhow::Result<Self> {
        let ports = ports()?;
        let [ingest, reconcile, query] = ports.map(|port| format!("127.0.0.1:{port}"));
        let own = [
            format!("ingest.listen={ingest}"),
            format!("reconcile.listen={reconcile}"),
            format!("query.listen={query}"),
            format!("reconcile.report_log=http://{ingest}"),
            format!("query.report_log=http://{ingest}"),
            format!("query.state_log=http://{reconcile}"),
        ];
        let mut deployment = Self {
            data: tempfile::tempdir()?,
            names,
            ports,
            set: [&own[..], set].concat(),
            programs: names.iter().map(|_| None).collect(),
        };
        let all = deployment.all();
        deployment.start(&all).await?;
        Ok(deployment)
    }

    /// Every process, by number.
    #[must_use]
    pub fn all(&self) -> Vec<usize> {
        (0..self.names.len()).collect()
    }

    /// The folder of everything.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Starts processes that are not there, and waits for nothing.
    ///
    /// # Errors
    /// If one cannot be started.
    pub fn launch(&mut self, which: &[usize]) -> anyhow::Result<()> {
        for &i in which {
            let program = Program::launch(self.names[i], self.data.path(), &self.set)?;
            self.programs[i] = Some(program);
        }
        Ok(())
    }

    /// Starts processes that are not there, and waits until all of the node serves.
    ///
    /// # Errors
    /// If one does not come up.
    pub async fn start(&mut self, which: &[usize]) -> anyhow::Result<()> {
        self.launch(which)?;
        let addresses = if self.names.len() == 1 { 3 } else { 1 };
        for &i in which {
            if let Some(mut program) = self.programs[i].take() {
                let listening = tokio::task::spawn_blocking(move || {
                    program.listening(addresses)?;
                    anyhow::Ok(program)
                });
                self.programs[i] = Some(listening.await??);
            }
        }
        for port in self.ports {
            ready(([127, 0, 0, 1], port).into()).await?;
        }
        Ok(())
    }

    /// Kills processes, as `kill -9` does, in any order.
    ///
    /// # Errors
    /// If one cannot be killed, or had ended before.
    pub fn kill(&mut self, which: &[usize], chance: &mut Chance) -> anyhow::Result<()> {
        let mut which = which.to_vec();
        chance.shuffle(&mut which);
        for i in which {
            if let Some(mut program) = self.programs[i].take() {
                anyhow::ensure!(program.is_running()?, "{} ended by itself", self.names[i]);
                program.kill()?;
            }
        }
        Ok(())
    }

    /// Drains every process, the last first.
    ///
    /// # Errors
    /// If one does not end in order.
    pub fn terminate(&mut self) -> anyhow::Result<()> {
        for program in self.programs.iter_mut().rev() {
            program.take().map_or(Ok(()), Program::terminate)?;
        }
        Ok(())
    }

    /// A new client of ingest.
    ///
    /// # Errors
    /// Never: the address is one.
    pub fn ingest(&self) -> anyhow::Result<Client> {
        self.client(self.ports[0])
    }

    /// A new client of query.
    ///
    /// # Errors
    /// Never: the address is one.
    pub fn query(&self) -> anyhow::Result<Client> {
        self.client(self.ports[2])
    }

    fn client(&self, port: u16) -> anyhow::Result<Client> {
        Ok(Client::connect(&format!("http://127.0.0.1:{port}"))?)
    }
}

/// Ports that are free, and that the system gives to nobody by itself: a process
/// that is started again must find its own free.
fn ports() -> anyhow::Result<[u16; 3]> {
    let mut chance = Chance::new(u64::from(std::process::id()));
    let mut found = Vec::new();
    for _ in 0..1_000 {
        let port = u16::try_from(10_000 + chance.below(20_000))?;
        if found.iter().all(|(known, _)| *known != port)
            && let Ok(listener) = TcpListener::bind(("127.0.0.1", port))
        {
            found.push((port, listener));
        }
        if let [(a, _), (b, _), (c, _)] = found.as_slice() {
            return Ok([*a, *b, *c]);
        }
    }
    anyhow::bail!("no free ports")
}
