//! Which states of an area are meant.

use ascertain_proto::v1::{ListControlStatesRequest, Status};
use prost_types::{Duration, Timestamp};

use crate::input::{self, ReadArgs};

/// Which states of an area are meant.
#[derive(Debug, clap::Args)]
pub(crate) struct FilterArgs {
    /// Only this place and those below it
    #[arg(long, value_name = "PLACE")]
    within: Option<String>,
    /// Leave places out that no evidence bears on
    #[arg(long)]
    with_evidence: bool,
    /// Only states that this side leads, by actor id; may be given again
    #[arg(long, value_name = "ACTOR")]
    side: Vec<String>,
    /// Only states of this status; may be given again
    #[arg(long, value_enum)]
    status: Vec<StatusArg>,
    /// Only where the leading outcome has at least this probability, per cent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    min_confidence: Option<u32>,
    /// Only where the leading outcome has at most this probability, per cent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    max_confidence: Option<u32>,
    /// Only states with at least this dispute, 0 to 1
    #[arg(long, value_name = "DISPUTE")]
    min_dispute: Option<f64>,
    /// Only states with at most this dispute, 0 to 1
    #[arg(long, value_name = "DISPUTE")]
    max_dispute: Option<f64>,
    /// Only where something was heard within so many hours
    #[arg(long, value_name = "HOURS")]
    max_staleness_hours: Option<u32>,
    /// Only what was published anew after this knowledge time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = input::time)]
    changed_since: Option<Timestamp>,
    #[command(flatten)]
    read: ReadArgs,
}

/// A status.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum StatusArg {
    Held,
    Contested,
    Mixed,
    Vacated,
    Unknown,
}

impl From<FilterArgs> for ListControlStatesRequest {
    fn from(args: FilterArgs) -> Self {
        let statuses = args.status.into_iter().map(|status| match status {
            StatusArg::Held => Status::Held,
            StatusArg::Contested => Status::Contested,
            StatusArg::Mixed => Status::Mixed,
            StatusArg::Vacated => Status::Vacated,
            StatusArg::Unknown => Status::Unknown,
        });
        Self {
            within_place_id: args.within.unwrap_or_default(),
            read: Some(args.read.into()),
            with_evidence_only: args.with_evidence,
            sides: args.side,
            statuses: statuses.map(i32::from).collect(),
            min_confidence_ppm: args.min_confidence.unwrap_or_default(),
            max_confidence_ppm: args.max_confidence.unwrap_or_default(),
            min_dispute: args.min_dispute,
            max_dispute: args.max_dispute,
            max_staleness: args.max_staleness_hours.map(|hours| Duration {
                seconds: i64::from(hours) * 3_600,
                nanos: 0,
            }),
            changed_since: args.changed_since,
            ..Self::default()
        }
    }
}

/// Per cent as parts per million.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within 0 to 100
fn percent(text: &str) -> Result<u32, String> {
    match text.trim_end_matches('%').trim().parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok((percent * 10_000.0).round() as u32),
        _ => Err("give per cent from 0 to 100, such as 80".to_owned()),
    }
}
