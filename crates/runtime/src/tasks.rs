//! Background tasks with an owner. No task of a process is detached: each has a
//! name, is waited for at the end, and takes the process down when it fails.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};

use crate::shutdown::Shutdown;

/// When a task is told to end, and so what may still rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Ends when the drain begins.
    FrontDoor,
    /// Ends when every front door has ended.
    Worker,
}

/// What a task ends with.
type Outcome = anyhow::Result<()>;

/// The named tasks of one process.
#[derive(Debug, Default)]
pub struct Tasks {
    running: JoinSet<Outcome>,
    names: HashMap<Id, (Kind, String)>,
}

/// A task ended in a way that a process cannot go on from.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// It returned an error.
    #[error("task {name} failed")]
    Failed {
        /// The task.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It panicked.
    #[error("task {name} panicked: {message}")]
    Panicked {
        /// The task.
        name: String,
        /// What it said.
        message: String,
    },
    /// It did not end within the grace period and was aborted.
    #[error("not done within the grace period of {} s: {}", .grace.as_secs(), .names.join(", "))]
    Overdue {
        /// The tasks, sorted.
        names: Vec<String>,
        /// How long was waited.
        grace: Duration,
    },
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that takes requests. It must end soon after
    /// [`Shutdown::draining`] returns; an error or a panic drains the process.
    pub fn front_door(
        &mut self,
        name: impl Into<String>,
        task: impl Future<Output = Outcome> + Send + 'static,
    ) {
        self.spawn(Kind::FrontDoor, name.into(), task);
    }

    /// Starts a task that works behind the front door: a writer, a follower. It
    /// must end soon after [`Shutdown::stopping`] returns, and may end earlier if
    /// its work is done; an error or a panic drains the process.
    pub fn worker(
        &mut self,
        name: impl Into<String>,
        task: impl Future<Output = Outcome> + Send + 'static,
    ) {
        self.spawn(Kind::Worker, name.into(), task);
    }

    fn spawn(
        &mut self,
        kind: Kind,
        name: String,
        task: impl Future<Output = Outcome> + Send + 'static,
    ) {
        tracing::debug!(task = name, "task started");
        let id = self.running.spawn(task).id();
        self.names.insert(id, (kind, name));
    }

    /// Waits until shutdown begins or a task fails, then drains: waits for the
    /// front doors, stops the workers, waits for them. What is not done `grace`
    /// after the drain began is aborted.
    ///
    /// # Errors
    /// The first failure; later ones are logged.
    pub async fn run(mut self, shutdown: &Shutdown, grace: Duration) -> Result<(), TaskError> {
        let mut result = Ok(());
        while !shutdown.is_draining() {
            let ended = tokio::select! {
                () = shutdown.draining() => break,
                Some(ended) = self.running.join_next_with_id() => ended,
            };
            if let Err(failure) = self.settle(ended) {
                shutdown.begin(&failure.to_string());
                keep_first(&mut result, failure);
            }
        }
        if tokio::time::timeout(grace, self.drain(shutdown, &mut result))
            .await
            .is_err()
        {
            let mut names: Vec<String> = self.names.drain().map(|(_, (_, name))| name).collect();
            names.sort();
            keep_first(&mut result, TaskError::Overdue { names, grace });
            // Whoever still waits for the workers must not wait for ever.
            shutdown.stop();
            self.running.shutdown().await;
        }
        result
    }

    async fn drain(&mut self, shutdown: &Shutdown, result: &mut Result<(), TaskError>) {
        loop {
            if !self
                .names
                .values()
                .any(|(kind, _)| *kind == Kind::FrontDoor)
            {
                shutdown.stop();
            }
            let Some(ended) = self.running.join_next_with_id().await else {
                return;
            };
            if let Err(failure) = self.settle(ended) {
                keep_first(result, failure);
            }
        }
    }

    fn settle(&mut self, ended: Result<(Id, Outcome), JoinError>) -> Result<(), TaskError> {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let name = self
            .names
            .remove(&id)
            .map(|(_, name)| name)
            .unwrap_or_default();
        match ended {
            Ok((_, Ok(()))) => {
                tracing::debug!(task = name, "task ended");
                Ok(())
            }
            Ok((_, Err(error))) => Err(TaskError::Failed {
                name,
                source: error.into(),
            }),
            Err(error) if error.is_panic() => {
                let message = panic_message(error.into_panic().as_ref());
                Err(TaskError::Panicked { name, message })
            }
            // Aborted, which only `run` does.
            Err(_) => Ok(()),
        }
    }
}

fn keep_first(result: &mut Result<(), TaskError>, failure: TaskError) {
    tracing::error!(error = crate::status::chain(&failure), "task failed");
    if result.is_ok() {
        *result = Err(failure);
    }
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_failed_task_drains_the_process_and_is_named() {
        let (shutdown, mut tasks) = (Shutdown::new(), Tasks::new());
        let others = shutdown.clone();
        tasks.front_door("server", async move {
            others.draining().await;
            Ok(())
        });
        tasks.worker("follower", async { anyhow::bail!("the log is damaged") });
        let error = tasks.run(&shutdown, GRACE).await.expect_err("a failure");
        assert_eq!(error.to_string(), "task follower failed");
        assert!(shutdown.is_draining());
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_with_a_name() {
        let (shutdown, mut tasks) = (Shutdown::new(), Tasks::new());
        tasks.worker("folder", async { panic!("an odd state") });
        let error = tasks.run(&shutdown, GRACE).await.expect_err("a failure");
        assert_eq!(error.to_string(), "task folder panicked: an odd state");
    }

    #[tokio::test]
    async fn a_worker_that_is_done_early_ends_nothing() {
        let (shutdown, mut tasks) = (Shutdown::new(), Tasks::new());
        tasks.worker("catch-up", async { Ok(()) });
        let others = shutdown.clone();
        let run = tokio::spawn(async move { tasks.run(&others, GRACE).await });
        tokio::task::yield_now().await;
        assert!(!shutdown.is_draining());
        shutdown.begin("test");
        assert!(run.await.expect("no panic").is_ok());
    }

    #[tokio::test]
    async fn workers_outlive_the_front_door() {
        let (shutdown, mut tasks) = (Shutdown::new(), Tasks::new());
        let (closed, writer_lives) = tokio::sync::oneshot::channel::<()>();
        let (door, worker) = (shutdown.clone(), shutdown.clone());
        tasks.front_door("server", async move {
            door.draining().await;
            // A request in flight still finds its writer.
            closed
                .send(())
                .map_err(|()| anyhow::anyhow!("the writer is gone"))
        });
        tasks.worker("writer", async move {
            worker.stopping().await;
            drop(writer_lives);
            Ok(())
        });
        shutdown.begin("test");
        assert!(tasks.run(&shutdown, GRACE).await.is_ok());
    }

    #[tokio::test]
    async fn what_does_not_end_within_the_grace_period_is_aborted_and_named() {
        let (shutdown, mut tasks) = (Shutdown::new(), Tasks::new());
        tasks.worker("stuck", std::future::pending());
        shutdown.begin("test");
        let error = tasks
            .run(&shutdown, Duration::ZERO)
            .await
            .expect_err("overdue");
        assert!(error.to_string().contains("stuck"), "{error}");
        assert!(shutdown.is_stopping());
    }
}
