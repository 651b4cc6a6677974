//! Verifying what processes keep on disk.

use std::time::Duration;

use ascertain_client::{Client, ClientError};
use ascertain_proto::v1::{
    Check, LogPosition, NodeVerification, RoleVerification, VerificationProgress, VerifyNodeRequest,
};
use ascertain_proto::verification::differences;

use crate::failure::Failure;
use crate::output::{Context, Rows};

/// So long a verification may take where no `--timeout` is given.
const DEADLINE: Duration = Duration::from_secs(3_600);

const HEADER: &[&str] = &["role", "check", "checked", "problems"];

/// Verifies the process at the endpoint, or those of the three roles, and shows what was
/// found. Problems are a failure.
pub(crate) async fn run(context: &mut Context<'_>) -> Result<(), Failure> {
    let mut all = NodeVerification {
        sound: true,
        ..NodeVerification::default()
    };
    let mut failed = None;
    for client in context.every_role(DEADLINE)? {
        // One process with all roles answers for all of them.
        let found = match verify(&client, all.up_to.clone(), context).await {
            Ok(found) => found,
            // What the others say is shown all the same.
            Err(error) => {
                context.say(&format!("not verified: {error}"))?;
                failed = failed.or(Some(error));
                continue;
            }
        };
        if all.up_to.is_empty() {
            all.up_to = found.up_to;
        }
        all.sound &= found.sound;
        all.differences.extend(found.differences);
        all.roles.extend(found.roles);
        let is_whole = ["ingest", "reconcile", "query"]
            .iter()
            .all(|role| all.roles.iter().any(|found| found.role == *role));
        if is_whole {
            break;
        }
    }
    for difference in differences(&all.roles) {
        if !all.differences.contains(&difference) {
            all.differences.push(difference);
        }
    }
    all.sound &= all.differences.is_empty() && failed.is_none();
    let rows = || Rows::new(HEADER, all.roles.iter().flat_map(rows_of));
    let text = text(&all, &rows());
    context.show("NodeVerification", &all, rows, Some(text))?;
    match failed {
        Some(error) => Err(error.into()),
        None if all.sound => Ok(()),
        None => Err(Failure::Unsound),
    }
}

async fn verify(
    client: &Client,
    up_to: Vec<LogPosition>,
    context: &mut Context<'_>,
) -> Result<NodeVerification, ClientError> {
    let mut last = String::new();
    let talk = &mut context.talk;
    let told = |progress: VerificationProgress| {
        if progress.role != last {
            // Nobody is left to tell when stderr itself is gone.
            let _ = writeln!(talk, "verifying {}", progress.role);
            last = progress.role;
        }
    };
    client.verify_node(VerifyNodeRequest { up_to }, told).await
}

fn rows_of(role: &RoleVerification) -> Vec<Vec<String>> {
    let row = |check: &Check| {
        vec![
            role.role.clone(),
            check.name.clone(),
            check.checked.to_string(),
            check.problem_count.to_string(),
        ]
    };
    role.checks.iter().map(row).collect()
}

fn text(all: &NodeVerification, rows: &Rows) -> String {
    let mut text = rows.to_text();
    for role in &all.roles {
        for problem in role.checks.iter().flat_map(|check| &check.problems) {
            text += &format!("{}: {problem}\n", role.role);
        }
    }
    for difference in &all.differences {
        text += &format!("{difference}\n");
    }
    let held = all.roles.iter().map(|role| role.report_count).max();
    let states = all.roles.iter().map(|role| role.state_count).max();
    text + &format!(
        "{}: {} reports and {} states in {}\n",
        if all.sound { "sound" } else { "NOT SOUND" },
        held.unwrap_or_default(),
        states.unwrap_or_default(),
        all.roles
            .iter()
            .map(|role| role.role.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    )
}
