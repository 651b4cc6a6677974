//! What a process runs: one role, or all three.

use std::collections::BTreeMap;

use ascertain_proto::v1::{Check, LogPosition, RoleDigest, RoleStatus, RoleVerification};
use prost_types::Timestamp;
use tonic::Status;

/// One of `ingest`, `reconcile` and `query`, as operators see it.
#[tonic::async_trait]
pub trait Role: Send + Sync {
    /// `ingest`, `reconcile` or `query`.
    fn name(&self) -> &'static str;

    /// How far the role is. Must not wait for anything that may be stuck.
    async fn status(&self) -> RoleStatus;

    /// Condenses what the role holds, so that two nodes can be compared.
    ///
    /// # Errors
    /// UNAVAILABLE where the role is not caught up; INTERNAL where its store fails.
    async fn digest(&self, as_of: Timestamp) -> Result<RoleDigest, Status>;

    /// Where the role is in the report log.
    ///
    /// # Errors
    /// UNAVAILABLE where that cannot be told now.
    async fn positions(&self) -> Result<Vec<LogPosition>, Status>;

    /// Reads and checks all that the role keeps on disk, and condenses its reports and
    /// states up to these positions, one for each partition that is to be compared.
    /// What is found wrong stands in the answer.
    ///
    /// # Errors
    /// UNAVAILABLE where the role does not reach the positions in time.
    async fn verify(&self, up_to: &[LogPosition]) -> Result<RoleVerification, Status>;
}

/// How many problems of a check are told.
const PROBLEMS_TOLD: usize = 20;

/// A check under way.
#[derive(Debug)]
pub struct Checking(Check);

impl Checking {
    /// A check of what `name` says.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Check {
            name: name.to_owned(),
            ..Check::default()
        })
    }

    /// Notes that so many more items were read.
    pub fn read(&mut self, items: u64) {
        self.0.checked += items;
    }

    /// Notes that something is wrong.
    pub fn problem(&mut self, what: impl Into<String>) {
        self.0.problem_count += 1;
        if self.0.problems.len() < PROBLEMS_TOLD {
            self.0.problems.push(what.into());
        }
    }

    /// What was found.
    #[must_use]
    pub fn done(self) -> Check {
        self.0
    }
}

/// A check for each other method than this build's that published some of what is kept:
/// with how many entries, and nothing wrong. They are history.
pub fn of_other_methods(
    kept: &str,
    methods: BTreeMap<String, u64>,
    own: &str,
) -> impl Iterator<Item = Check> {
    let others = methods.into_iter().filter(move |(method, _)| method != own);
    others.map(move |(method, count)| {
        let name = format!("{kept}: entries of method {method}, kept as they were published");
        let mut check = Checking::new(&name);
        check.read(count);
        check.done()
    })
}
