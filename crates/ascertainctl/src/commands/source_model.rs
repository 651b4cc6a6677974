//! Source models: fitted from what is known, adopted, read.

use std::time::Duration;

use ascertain_client::{files, render};
use ascertain_proto::v1::{
    ApplySourceModelRequest, ApplySourceModelResponse, Audience, FitProgress,
    FitSourceModelRequest, GetSourceModelRequest, LearnedSource, ListSourceModelsRequest,
    ListSourceModelsResponse, SourceModel, SourceModelSummary,
};

use crate::failure::Failure;
use crate::input::{self, WriteArgs};
use crate::output::{Context, Rows};

/// So long a fit may take where no `--timeout` is given: as long as the server lets it.
const FIT_DEADLINE: Duration = Duration::from_secs(1_800);

/// What can be done with source models.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Fit a model from all that was known before a day
    ///
    /// Asks reconcile [default: http://127.0.0.1:7412]. What comes out in JSON or YAML
    /// can be adopted as it is; the same day gives the same bytes.
    Fit {
        /// What was first known before 00:00 UTC of this day is read; it must have begun
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        day: String,
        /// For whom
        #[arg(long, value_enum, default_value_t = For::Clear)]
        audience: For,
        /// Adopt it at once; asks ingest [default: http://127.0.0.1:7411], or --endpoint
        #[arg(long)]
        adopt: bool,
    },
    /// Adopt a model: from now on answers rest on it
    Adopt {
        /// The model in JSON or YAML, as `fit` gave it; - for stdin
        file: String,
        #[command(flatten)]
        write: WriteArgs,
    },
    /// Show the model in force, or one that was
    Get {
        /// Its id [default: the one in force]
        id: Option<String>,
        /// Whose model in force
        #[arg(long, value_enum, default_value_t = For::Clear)]
        audience: For,
    },
    /// List the models that were ever adopted
    List,
}

/// An audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum For {
    /// Anybody
    Clear,
    /// The community
    Green,
    /// Organisations with a need to know
    Amber,
    /// Operators
    Full,
}

impl From<For> for Audience {
    fn from(audience: For) -> Self {
        match audience {
            For::Clear => Self::Clear,
            For::Green => Self::Green,
            For::Amber => Self::Amber,
            For::Full => Self::Full,
        }
    }
}

const HEADER: &[&str] = &[
    "model_id",
    "cut",
    "method",
    "sources",
    "copies",
    "temper",
    "in_force",
    "adopted_at",
    "node",
    "caller",
];
const SOURCES_HEADER: &[&str] = &[
    "source_id",
    "table",
    "reporting",
    "lag_hours",
    "claims_judged",
    "true_share",
];

pub(crate) async fn run(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Fit {
            day,
            audience,
            adopt,
        } => {
            let model = fit(day, audience, context).await?;
            if adopt {
                let request = ApplySourceModelRequest {
                    model: Some(model),
                    ..ApplySourceModelRequest::default()
                };
                return apply(request, context).await;
            }
            let rows = || Rows::new(SOURCES_HEADER, model.sources.iter().map(source_row));
            let text = format!(
                "{}\n{}",
                render::source_model(&model, None),
                rows().to_text()
            );
            context.show("SourceModel", &model, rows, Some(text))
        }
        Command::Adopt { file, write } => {
            let model = files::source_model(&input::read(&file)?)?;
            let request = ApplySourceModelRequest {
                model: Some(model),
                validate_only: write.validate_only,
                backfill: write.backfill(),
            };
            apply(request, context).await
        }
        Command::Get { id, audience } => {
            let request = GetSourceModelRequest {
                model_id: id.unwrap_or_default(),
                audience: Audience::from(audience).into(),
            };
            let response = context.writer()?.get_source_model(request).await?;
            let model = response.model.as_ref().ok_or(Failure::Empty)?;
            let rows = || Rows::new(SOURCES_HEADER, model.sources.iter().map(source_row));
            let text = render::source_model(model, response.summary.as_ref());
            let text = format!("{text}\n{}", rows().to_text());
            context.show("GetSourceModelResponse", &response, rows, Some(text))
        }
        Command::List => {
            let request = ListSourceModelsRequest::default();
            let models = context.writer()?.list_source_models(request).await?;
            let response = ListSourceModelsResponse {
                models,
                next_page_token: String::new(),
            };
            let rows = || Rows::new(HEADER, response.models.iter().map(summary_row));
            context.show("ListSourceModelsResponse", &response, rows, None)
        }
    }
}

/// A day of the calendar, in the one form that the contract takes.
fn day(text: &str) -> Result<String, String> {
    let day: Result<jiff::civil::Date, _> = text.parse();
    match day {
        Ok(day) if day.to_string() == text => Ok(text.to_owned()),
        _ => Err("give a day of the calendar as YYYY-MM-DD".to_owned()),
    }
}

/// Fits a model, and says how far it is whenever that is worth a line.
async fn fit(
    day: String,
    audience: For,
    context: &mut Context<'_>,
) -> Result<SourceModel, Failure> {
    let client = context.calibrator(FIT_DEADLINE)?;
    let request = FitSourceModelRequest {
        day,
        audience: Audience::from(audience).into(),
    };
    let mut last: Option<FitProgress> = None;
    let talk = &mut context.talk;
    let told = |progress: FitProgress| {
        if last.is_none_or(|last| last != progress) {
            let doing = if progress.fitting {
                "fitting"
            } else {
                "reading"
            };
            // Nobody is left to tell when stderr itself is gone.
            let _ = writeln!(talk, "{doing}: {} reports", progress.reports);
        }
        last = Some(progress);
    };
    Ok(client.fit_source_model(request, told).await?)
}

async fn apply(request: ApplySourceModelRequest, context: &mut Context<'_>) -> Result<(), Failure> {
    let response = context.writer()?.apply_source_model(request).await?;
    let rows = || {
        let ApplySourceModelResponse {
            model_id,
            applied,
            write_token,
            first_recorded_at,
        } = &response;
        let row = vec![
            model_id.clone(),
            applied.to_string(),
            render::time(first_recorded_at.as_ref()),
            write_token.clone(),
        ];
        let header = &["model_id", "applied", "first_recorded_at", "write_token"];
        Rows::new(header, [row])
    };
    context.show("ApplySourceModelResponse", &response, rows, None)
}

fn summary_row(summary: &SourceModelSummary) -> Vec<String> {
    vec![
        summary.model_id.clone(),
        render::time(summary.cut.as_ref()),
        summary.method.clone(),
        summary.sources.to_string(),
        summary.copies.to_string(),
        temper(summary.temper_ppm),
        summary.in_force.to_string(),
        render::time(summary.first_recorded_at.as_ref()),
        summary.first_node.clone(),
        summary.caller_id.clone(),
    ]
}

fn temper(ppm: u32) -> String {
    format!("{:.3}", f64::from(ppm) / 1e6)
}

fn source_row(learned: &LearnedSource) -> Vec<String> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let claims: u64 = learned.track_record.iter().map(|r| r.claims).sum();
    let believed = learned.track_record.iter().map(|r| {
        let share = u128::from(r.true_share_ppm);
        share * u128::from(r.claims)
    });
    let share = believed.sum::<u128>().checked_div(u128::from(claims));
    let share = share.and_then(|share| u32::try_from(share).ok());
    let table = learned.table.as_ref();
    let form = table.map(|table| {
        if table.holder.is_empty() {
            "aligned"
        } else {
            "independent"
        }
    });
    let reporting = render::word(learned.reporting().as_str_name(), "REPORTING_");
    vec![
        learned.source_id.clone(),
        form.unwrap_or("-").to_owned(),
        or_none((learned.reporting != 0).then_some(reporting)),
        or_none(learned.lag_hours.map(|hours| hours.to_string())),
        claims.to_string(),
        or_none(share.map(render::percent)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_as_fit_and_as_get_give_it() {
        for text in [
            r#"{"method":"m","temperPpm":1000000}"#,
            r#"{"model":{"method":"m","temperPpm":1000000},"summary":{"modelId":"m"}}"#,
            "method: m\ntemper_ppm: 1000000\n",
        ] {
            let model = files::source_model(text).expect("a model");
            assert_eq!((model.method.as_str(), model.temper_ppm), ("m", 1_000_000));
        }
        for text in ["", "{}\n{}", r#"{"metod":"m"}"#] {
            let failure = Failure::from(files::source_model(text).expect_err("no model"));
            assert_eq!(failure.exit_code(), 2, "{text:?}");
        }
    }

    #[test]
    fn a_day_is_one_of_the_calendar() {
        assert_eq!(day("2024-02-29"), Ok("2024-02-29".to_owned()));
        for text in [
            "2023-02-29",
            "2024-2-9",
            "20240209",
            "2024-02-09T00:00:00Z",
            "",
        ] {
            assert!(day(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_share_of_all_claims_weighs_each_kind_by_its_claims() {
        use ascertain_proto::v1::TrackRecord;
        let record = |claims, true_share_ppm| TrackRecord {
            claims,
            true_share_ppm,
            ..TrackRecord::default()
        };
        let learned = LearnedSource {
            track_record: vec![record(9, 1_000_000), record(1, 0)],
            ..LearnedSource::default()
        };
        let row = source_row(&learned);
        assert_eq!((row[4].as_str(), row[5].as_str()), ("10", "90.0 %"));
        assert_eq!(source_row(&LearnedSource::default())[5], "-");
    }
}
