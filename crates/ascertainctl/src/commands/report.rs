//! Reports: submit them and read them back.

use ascertain_client::render;
use ascertain_proto::v1 as pb;
use ascertain_proto::v1::submit_result::Result as Answer;
use ascertain_proto::v1::{
    Acknowledgement, CorrectReportRequest, EraseReportRequest, GetReportRequest,
    ListReportsRequest, ListReportsResponse, RecordedReportView, RetractReportRequest,
    SubmitReportsResponse, SubmitResult,
};
use prost_types::Timestamp;

use crate::failure::Failure;
use crate::input::{self, WriteArgs};
use crate::output::{Context, Format, Rows};

/// What can be done with reports.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Submit reports; one line for each says how it went
    Submit {
        /// JSON, JSON Lines or YAML: a report, a list, or an object with reports or submissions; - for stdin
        file: String,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Submit a new version of a report, which counts in its place from now on
    Correct {
        /// The id of the report that is corrected, any version
        id: String,
        /// JSON or YAML: the new version, whole, with an id of its own; - for stdin
        file: String,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Take a report back with all its versions, for good
    Retract {
        /// The id of the report, any version
        id: String,
        /// Who takes it back: with originator, what others pass on of the same goes, too
        #[arg(long, value_enum, default_value = "submitter")]
        by: Retractor,
        /// Why; names no private persons
        #[arg(long, default_value = "")]
        reason: String,
        /// When that was said (RFC 3339) [default: when it is recorded]
        #[arg(long, value_name = "TIME", value_parser = input::time)]
        at: Option<Timestamp>,
        /// A UUID for the retraction, so that it can be sent again safely [default: a new one]
        #[arg(long, value_name = "UUID")]
        retraction_id: Option<String>,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Remove what a report holds, for safety or by law; for good
    Erase {
        /// The id of the report
        id: String,
        /// How much goes: content (texts, names, locators; its claims count) or report (all of it)
        #[arg(long, value_enum)]
        scope: Scope,
        /// Why
        #[arg(long, value_enum)]
        ground: Ground,
        /// The partner who submitted it [default: your own]
        #[arg(long)]
        partner: Option<String>,
        /// Check everything, erase nothing
        #[arg(long)]
        validate_only: bool,
    },
    /// Show one report
    Get {
        /// The report's id
        id: String,
        /// The partner who submitted it [default: your own]
        #[arg(long)]
        partner: Option<String>,
        /// Token of a write that the answer must have seen; may be given again
        #[arg(long, value_name = "TOKEN")]
        at_least: Vec<String>,
    },
    /// List reports, newest known first
    List {
        /// Only reports with a claim on this place, id or code
        #[arg(long)]
        place: Option<String>,
        /// Only what was known by then (RFC 3339)
        #[arg(long, value_name = "TIME", value_parser = input::time)]
        as_known_at: Option<Timestamp>,
        /// Token of a write that the answer must have seen; may be given again
        #[arg(long, value_name = "TOKEN")]
        at_least: Vec<String>,
    },
}

/// Who takes a report back.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Retractor {
    Submitter,
    Originator,
}

/// How much is erased.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Scope {
    Content,
    Report,
}

/// Why something is erased.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Ground {
    Safety,
    Law,
    Retention,
    Mistake,
}

const HEADER: &[&str] = &[
    "known_at",
    "partner_id",
    "report_id",
    "reference",
    "originator",
    "claims",
    "flags",
];

pub(crate) async fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Submit { file, write } => submit(&file, &write, context).await,
        Command::Correct { id, file, write } => {
            let mut given = input::submissions(&input::read(&file)?, &write)?;
            let (Some(submission), true) = (given.pop(), given.is_empty()) else {
                let what = format!("{file} must hold one report: the new version");
                return Err(Failure::Usage(what));
            };
            let request = CorrectReportRequest {
                corrects_report_id: id,
                report: submission.report,
                validate_only: submission.validate_only,
                backfill: submission.backfill,
            };
            let response = context.writer()?.correct_report(request).await?;
            let acknowledgement = response.acknowledgement.as_ref();
            acknowledged("CorrectReportResponse", &response, acknowledgement, context)
        }
        Command::Retract {
            id,
            by,
            reason,
            at,
            retraction_id,
            write,
        } => {
            let drawn = || uuid::Uuid::new_v4().to_string();
            let by = match by {
                Retractor::Submitter => pb::Retractor::Submitter,
                Retractor::Originator => pb::Retractor::Originator,
            };
            let request = RetractReportRequest {
                report_id: id,
                retraction_id: retraction_id.unwrap_or_else(drawn),
                retracted_by: by.into(),
                retracted_at: at,
                text: reason,
                partner_reference: String::new(),
                validate_only: write.validate_only,
                backfill: write.backfill(),
            };
            let response = context.writer()?.retract_report(request).await?;
            let acknowledgement = response.acknowledgement.as_ref();
            acknowledged("RetractReportResponse", &response, acknowledgement, context)
        }
        Command::Erase {
            id,
            scope,
            ground,
            partner,
            validate_only,
        } => {
            let request = erasure(id, partner, (scope, ground), validate_only);
            erase(request, context).await
        }
        Command::Get {
            id,
            partner,
            at_least,
        } => {
            let partner_id = partner.unwrap_or_default();
            let request = GetReportRequest {
                report_id: id,
                partner_id,
                at_least,
            };
            let response = context.reader()?.get_report(request).await?;
            let view = response.report.ok_or(Failure::Empty)?;
            let rows = || Rows::new(HEADER, [row(&view)]);
            context.show(
                "RecordedReportView",
                &view,
                rows,
                Some(render::report(&view)),
            )
        }
        Command::List {
            place,
            as_known_at,
            at_least,
        } => {
            let place = place.unwrap_or_default();
            let request = ListReportsRequest {
                place,
                as_known_at,
                at_least,
                ..ListReportsRequest::default()
            };
            let reports = context.reader()?.list_reports(request).await?;
            let response = ListReportsResponse {
                reports,
                next_page_token: String::new(),
            };
            let rows = || Rows::new(HEADER, response.reports.iter().map(row));
            context.show("ListReportsResponse", &response, rows, None)
        }
    }
}

fn erasure(
    report_id: String,
    partner: Option<String>,
    (scope, ground): (Scope, Ground),
    validate_only: bool,
) -> EraseReportRequest {
    let scope = match scope {
        Scope::Content => pb::ErasureScope::Content,
        Scope::Report => pb::ErasureScope::Report,
    };
    let ground = match ground {
        Ground::Safety => pb::ErasureGround::Safety,
        Ground::Law => pb::ErasureGround::Law,
        Ground::Retention => pb::ErasureGround::Retention,
        Ground::Mistake => pb::ErasureGround::Mistake,
    };
    EraseReportRequest {
        report_id,
        partner_id: partner.unwrap_or_default(),
        scope: scope.into(),
        ground: ground.into(),
        validate_only,
    }
}

async fn erase(request: EraseReportRequest, context: &mut Context<'_>) -> Result<(), Failure> {
    let (id, validate_only) = (request.report_id.clone(), request.validate_only);
    let erased = context.writer()?.erase_report(request).await?;
    let header = &[
        "report_id",
        "duplicate",
        "arrived",
        "done_here",
        "write_token",
    ];
    let row = vec![
        id,
        erased.duplicate.to_string(),
        erased.arrived.to_string(),
        erased.done_here.to_string(),
        erased.write_token.clone(),
    ];
    let rows = || Rows::new(header, [row]);
    context.show("EraseReportResponse", &erased, rows, None)?;
    for backup in &erased.older_backups {
        let (id, folder, host) = (&backup.backup_id, &backup.folder, &backup.host);
        context.say(&format!(
            "backup {id} in {folder} on {host} may hold it: take it again into the same folder, or \
             delete it and `node backups --forget` it"
        ))?;
    }
    if validate_only {
        return Ok(());
    }
    if !erased.arrived {
        context.say("the report has not arrived; it is erased when it comes")?;
    }
    context.say("stores are compacted within seconds: `node status` tells what is pending")
}

/// Shows the answer to one report, which holds its acknowledgement.
fn acknowledged(
    name: &str,
    response: &impl prost::Message,
    acknowledgement: Option<&Acknowledgement>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let acknowledgement = acknowledgement.ok_or(Failure::Empty)?;
    let result = SubmitResult {
        result: Some(Answer::Acknowledgement(acknowledgement.clone())),
    };
    let rows = || Rows::new(RESULT_HEADER, [result_row(&result)]);
    context.show(name, response, rows, Some(line(&result)))?;
    for link in &acknowledgement.pending_links {
        context.say(&format!("{link} has not arrived yet"))?;
    }
    Ok(())
}

const RESULT_HEADER: &[&str] = &["report_id", "result", "write_token", "reason", "message"];

async fn submit(file: &str, write: &WriteArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let submissions = input::submissions(&input::read(file)?, write)?;
    let client = context.writer()?;
    let mut response = SubmitReportsResponse::default();
    let (mut tally, mut written) = (Tally::default(), Ok(()));
    let (format, out) = (context.format, &mut *context.out);
    let submitted = client
        .submit_all(futures::stream::iter(submissions), |result| {
            tally.count(&result);
            // People see each result as it comes; the other forms are one document.
            if format == Format::Table {
                let line = line(&result);
                if written.is_ok() {
                    written = out.write_all(line.as_bytes());
                }
            } else {
                response.results.push(result);
            }
        })
        .await;
    written?;
    if format != Format::Table {
        let rows = || Rows::new(RESULT_HEADER, response.results.iter().map(result_row));
        context.show("SubmitReportsResponse", &response, rows, None)?;
    }
    let Tally {
        stored,
        duplicates,
        refused,
    } = tally;
    let verb = if write.validate_only {
        "valid"
    } else {
        "stored"
    };
    context.say(&format!(
        "{stored} {verb}, {duplicates} stored before, {refused} refused"
    ))?;
    let total = submitted?;
    if refused > 0 {
        Err(Failure::SomeRefused { refused, total })
    } else {
        Ok(())
    }
}

#[derive(Default)]
struct Tally {
    stored: usize,
    duplicates: usize,
    refused: usize,
}

impl Tally {
    fn count(&mut self, result: &SubmitResult) {
        match &result.result {
            Some(Answer::Acknowledgement(ack)) if ack.duplicate => self.duplicates += 1,
            Some(Answer::Acknowledgement(_)) => self.stored += 1,
            Some(Answer::Rejection(_)) | None => self.refused += 1,
        }
    }
}

/// Id, `ok`, `duplicate` or `refused`, the write token, and why it was refused.
fn result_row(result: &SubmitResult) -> Vec<String> {
    match &result.result {
        Some(Answer::Acknowledgement(ack)) => {
            let how = if ack.duplicate { "duplicate" } else { "ok" };
            let flags = ack.flags.join(" ");
            vec![
                ack.report_id.clone(),
                how.into(),
                ack.write_token.clone(),
                String::new(),
                flags,
            ]
        }
        Some(Answer::Rejection(no)) => {
            let mistakes = no
                .violations
                .iter()
                .map(|one| format!("{}: {}", one.field, one.description));
            let told: Vec<String> = std::iter::once(no.message.clone())
                .chain(mistakes)
                .collect();
            vec![
                no.id.clone(),
                "refused".into(),
                String::new(),
                no.reason.clone(),
                told.join("; "),
            ]
        }
        None => vec![
            String::new(),
            "refused".into(),
            String::new(),
            String::new(),
            "no answer".into(),
        ],
    }
}

/// The same for people: one line, and one below it for each mistake.
fn line(result: &SubmitResult) -> String {
    if let Some(Answer::Rejection(no)) = &result.result {
        let id = if no.id.is_empty() { "-" } else { &no.id };
        let mut text = format!("{id}  refused  {}: {}\n", no.reason, no.message);
        for violation in &no.violations {
            text += &format!("  {}: {}\n", violation.field, violation.description);
        }
        return text;
    }
    let row = result_row(result);
    let cells: Vec<&str> = row
        .iter()
        .map(String::as_str)
        .filter(|cell| !cell.is_empty())
        .collect();
    cells.join("  ") + "\n"
}

fn row(view: &RecordedReportView) -> Vec<String> {
    let report = view.report.clone().unwrap_or_default();
    let claims: Vec<String> = report.claims.iter().map(render::claim).collect();
    vec![
        render::time(view.known_at.as_ref()),
        view.partner_id.clone(),
        report.report_id.clone(),
        report.partner_reference.clone(),
        render::originator(&report),
        claims.join("; "),
        view.flags.join(" "),
    ]
}
