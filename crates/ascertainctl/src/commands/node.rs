//! What runs in a process, and what it holds: asked, verified, backed up, restored,
//! made anew.

mod backup;
mod rebuild;
mod verify;

use std::path::PathBuf;

use ascertain_client::render;
use ascertain_proto::v1::{
    Erasures, Floods, GetNodeDigestRequest, GetNodeStatusRequest, GetNodeStatusResponse,
    PartitionStatus, RoleDigest, RoleStatus,
};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::failure::Failure;
use crate::input;
use crate::output::{Context, Rows};

/// What can be asked of a process.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Which roles run, and how far they are
    Status,
    /// Digests of what the process holds, to compare two
    Digest {
        /// Moment at which beliefs are evaluated (RFC 3339) [default: now]
        #[arg(long, value_name = "TIME", value_parser = input::time)]
        as_of: Option<Timestamp>,
    },
    /// Read and check all that the processes keep on disk, and compare it
    ///
    /// Asks ingest, reconcile and query at their default addresses, or the one process at
    /// --endpoint. They serve on meanwhile. Exit code 1 if anything is wrong.
    Verify,
    /// Back up both logs into a folder, while the node runs
    ///
    /// Asks ingest [default: http://127.0.0.1:7411] for the report log and reconcile
    /// [default: http://127.0.0.1:7412] for the state log, or the one process at --endpoint.
    /// What the folder holds already is not copied again. All of it is checked in the end.
    Backup {
        /// The folder; made if it is not there
        dir: PathBuf,
        /// Back nothing up: check a backup that is there; needs no server
        #[arg(long)]
        verify_only: bool,
    },
    /// List the backups that ingest knows, and how many erased reports each may hold
    ///
    /// `node backup` notes each. Copies of a backup, or of a data folder, are not known.
    /// Taken again into the same folder a backup loses what was erased.
    Backups {
        /// Only those that may hold something that was erased since
        #[arg(long)]
        holding_erased: bool,
        /// Take a backup that was deleted from the list
        #[arg(long, value_name = "ID", conflicts_with = "holding_erased")]
        forget: Option<Uuid>,
    },
    /// Make the logs of a data folder again from a backup; needs no server
    ///
    /// The backup is verified first. The logs are new histories: write tokens and page
    /// tokens of the old ones are refused, and followers begin anew. Stop the processes
    /// that use the data folder before.
    Restore {
        /// The backup's folder
        dir: PathBuf,
        /// The data folder to restore into
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Set logs and stores that are there aside, beside where they were
        #[arg(long)]
        replace: bool,
    },
    /// Fill the gaps of damaged logs from a backup of them; needs no server
    ///
    /// What came after the backup stays. Stop the processes that use the data folder
    /// before. The damaged log is set aside, beside where it was.
    Mend {
        /// The backup's folder
        dir: PathBuf,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Have the stores made anew from the logs at the next start; needs no server
    ///
    /// Stop the processes that use the data folder before. What is there is set aside.
    Rebuild {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Whose store [default: of all three]
        #[arg(long, value_enum)]
        role: Vec<rebuild::Role>,
    },
}

const STATUS_HEADER: &[&str] = &[
    "role",
    "serving",
    "partition",
    "processed_sequence",
    "end_sequence",
    "lag",
    "known_at",
];
const DIGEST_HEADER: &[&str] = &[
    "role",
    "record_count",
    "records",
    "belief_count",
    "beliefs",
    "log",
];

pub(crate) async fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Verify => verify::run(context).await,
        Command::Backup {
            dir,
            verify_only: true,
        } => backup::check(&dir, context).await,
        Command::Backup { dir, .. } => backup::take(&dir, context).await,
        Command::Backups {
            holding_erased,
            forget,
        } => backup::known(holding_erased, forget, context).await,
        Command::Restore { dir, data, replace } => {
            backup::restore((&dir, &data), replace, context).await
        }
        Command::Mend { dir, data } => backup::mend((&dir, &data), context).await,
        Command::Rebuild { data, role } => rebuild::run(&data, &role, context),
        Command::Status => {
            let client = context.reader()?;
            let status = client.get_node_status(GetNodeStatusRequest {}).await?;
            let rows = || Rows::new(STATUS_HEADER, status.roles.iter().flat_map(role_rows));
            let text = status_text(&status, &rows());
            context.show("GetNodeStatusResponse", &status, rows, Some(text))
        }
        Command::Digest { as_of } => {
            let client = context.reader()?;
            let digest = client
                .get_node_digest(GetNodeDigestRequest { as_of })
                .await?;
            let rows = || Rows::new(DIGEST_HEADER, digest.roles.iter().map(digest_row));
            let as_of = render::time(digest.as_of.as_ref());
            let text = format!("beliefs as of {as_of}\n\n{}", rows().to_text());
            context.show("GetNodeDigestResponse", &digest, rows, Some(text))
        }
    }
}

fn status_text(status: &GetNodeStatusResponse, rows: &Rows) -> String {
    let GetNodeStatusResponse {
        node,
        version,
        started_at,
        roles,
    } = status;
    let started = render::time(started_at.as_ref());
    let mut text = format!(
        "node {node}, version {version}, started {started}\n\n{}",
        rows.to_text()
    );
    for role in roles {
        for counter in &role.counters {
            text += &format!("{}.{} {}\n", role.role, counter.name, counter.value);
        }
        if let Some(erasures) = &role.erasures {
            text += &erasures_text(&role.role, erasures);
        }
        if let Some(floods) = &role.floods {
            text += &floods_text(&role.role, floods);
        }
    }
    text
}

/// How far a role has erased what it was told to, where there is anything.
fn erasures_text(role: &str, erasures: &Erasures) -> String {
    let Erasures {
        known,
        pending,
        backups_holding,
    } = erasures;
    let mut text = String::new();
    if *known > 0 {
        text += &format!("{role}.erasures {known}, pending {pending}\n");
    }
    if *backups_holding > 0 {
        text += &format!("{role}.backups_holding_erased {backups_holding}\n");
    }
    text
}

/// How many places unproven sources flood, and where it is worst.
fn floods_text(role: &str, floods: &Floods) -> String {
    let mut text = format!("{role}.places_in_flood {}", floods.places);
    if floods.places > 0 {
        let Floods {
            worst_place_id,
            worst_claims,
            worst_known_at,
            ..
        } = floods;
        let known = render::time(worst_known_at.as_ref());
        text += &format!(", worst {worst_place_id}: {worst_claims:.1} claims, known {known}");
    }
    text + "\n"
}

/// One row for each partition; a role without partitions has one all the same.
fn role_rows(role: &RoleStatus) -> Vec<Vec<String>> {
    let serving = role.serving.to_string();
    let row = |partition: &PartitionStatus| {
        let lag = partition
            .end_sequence
            .saturating_sub(partition.processed_sequence);
        vec![
            role.role.clone(),
            serving.clone(),
            partition.partition.to_string(),
            partition.processed_sequence.to_string(),
            partition.end_sequence.to_string(),
            lag.to_string(),
            render::time(partition.known_at.as_ref()),
        ]
    };
    if role.partitions.is_empty() {
        let mut bare = vec![role.role.clone(), serving];
        bare.resize(STATUS_HEADER.len(), "-".to_owned());
        return vec![bare];
    }
    role.partitions.iter().map(row).collect()
}

fn digest_row(role: &RoleDigest) -> Vec<String> {
    vec![
        role.role.clone(),
        role.record_count.to_string(),
        hex(&role.records),
        role.belief_count.to_string(),
        hex(&role.beliefs),
        hex(&role.log),
    ]
}

/// A digest in hexadecimal; `-` where the role holds nothing of the kind.
fn hex(digest: &[u8]) -> String {
    if digest.is_empty() {
        return "-".to_owned();
    }
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
