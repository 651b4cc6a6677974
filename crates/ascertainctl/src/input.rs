//! Files and arguments that come in.

use std::io::Read;

use ascertain_client::files;
use ascertain_proto::v1::{ApplyRegistryRequest, Backfill, ReadOptions, ReportSubmission};
use prost_types::Timestamp;

use crate::failure::Failure;

/// How a write is made.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WriteArgs {
    /// Bring an archive along: when the content was first known (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    first_known_at: Option<Timestamp>,
    /// On behalf of which partner the archive is brought along
    #[arg(long, value_name = "PARTNER", requires = "first_known_at")]
    on_behalf_of: Option<String>,
    /// Check everything, store nothing
    #[arg(long)]
    pub(crate) validate_only: bool,
}

impl WriteArgs {
    /// The backfill that the flags ask for.
    pub(crate) fn backfill(&self) -> Option<Backfill> {
        self.first_known_at.map(|first_known_at| Backfill {
            first_known_at: Some(first_known_at),
            partner_id: self.on_behalf_of.clone().unwrap_or_default(),
        })
    }
}

/// Which times a read is for.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ReadArgs {
    /// Valid time: the moment asked about (RFC 3339) [default: --as-known-at if given, else now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
    /// Knowledge time: only what was known by then counts (RFC 3339) [default: all that is known]
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_known_at: Option<Timestamp>,
    /// Token of a write that the answer must have seen; may be given again
    #[arg(long, value_name = "TOKEN")]
    at_least: Vec<String>,
}

impl From<ReadArgs> for ReadOptions {
    fn from(args: ReadArgs) -> Self {
        let ReadArgs {
            as_of,
            as_known_at,
            at_least,
        } = args;
        Self {
            as_of,
            as_known_at,
            at_least,
            audience: 0,
        }
    }
}

/// A time as RFC 3339 writes it, with an offset or Z.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    let parsed: jiff::Timestamp = text
        .parse()
        .map_err(|_| "give RFC 3339, such as 2024-12-05T11:30:00Z or 2024-12-05T14:30:00+03:00")?;
    // Whole seconds downwards, so that the rest is never negative.
    let nanos = parsed.as_nanosecond();
    let second = 1_000_000_000;
    let parts = (
        i64::try_from(nanos.div_euclid(second)),
        i32::try_from(nanos.rem_euclid(second)),
    );
    let (Ok(seconds), Ok(nanos)) = parts else {
        return Err("is out of range".to_owned());
    };
    Ok(Timestamp { seconds, nanos })
}

/// The text of a file, or of stdin for `-`.
pub(crate) fn read(file: &str) -> Result<String, Failure> {
    let read = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|error| Failure::Usage(format!("{file} cannot be read: {error}")))
}

/// All reports of a text, as the flags say.
///
/// # Errors
/// [`Failure::Usage`] with every report that does not fit the contract.
pub(crate) fn submissions(text: &str, args: &WriteArgs) -> Result<Vec<ReportSubmission>, Failure> {
    let submissions = files::submissions(text)?.into_iter();
    let submissions = submissions.map(|submission| ReportSubmission {
        validate_only: args.validate_only || submission.validate_only,
        // A time that stands in the file is closer to the report than a flag.
        backfill: submission.backfill.clone().or_else(|| args.backfill()),
        ..submission
    });
    Ok(submissions.collect())
}

/// The registry entries of a text, as the flags say.
///
/// # Errors
/// [`Failure::Usage`] where it does not fit the contract, or holds nothing.
pub(crate) fn registry(text: &str, args: &WriteArgs) -> Result<ApplyRegistryRequest, Failure> {
    let mut request = files::registry(text)?;
    request.validate_only |= args.validate_only;
    request.backfill = request.backfill.or_else(|| args.backfill());
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: WriteArgs = WriteArgs {
        first_known_at: None,
        on_behalf_of: None,
        validate_only: false,
    };

    fn ids(text: &str) -> Vec<String> {
        let submissions = submissions(text, &PLAIN).expect("valid");
        let reports = submissions
            .into_iter()
            .filter_map(|submission| submission.report);
        reports.map(|report| report.report_id).collect()
    }

    #[test]
    fn reports_come_alone_as_a_list_as_lines_or_under_a_key_in_json_and_yaml() {
        assert_eq!(ids(r#"{"reportId":"a"}"#), ["a"]);
        assert_eq!(ids(r#"[{"reportId":"a"},{"report_id":"b"}]"#), ["a", "b"]);
        assert_eq!(
            ids("{\"reportId\":\"a\"}\n{\"reportId\":\"b\"}\n"),
            ["a", "b"]
        );
        assert_eq!(ids(r#"{"reports":[{"reportId":"a"}]}"#), ["a"]);
        assert_eq!(
            ids(r#"{"submissions":[{"report":{"reportId":"a"}}]}"#),
            ["a"]
        );
        assert_eq!(ids("reports:\n- reportId: a\n- reportId: b\n"), ["a", "b"]);
        assert_eq!(ids("reportId: a\n---\nreportId: b\n"), ["a", "b"]);
    }

    #[test]
    fn every_report_with_an_unknown_field_is_told_with_its_number_and_the_field() {
        let error = submissions(r#"[{"claim":[]},{},{"tpl":"TLP_CLEAR"}]"#, &PLAIN)
            .expect_err("unknown fields");
        let text = error.to_string();
        assert!(
            text.contains("report 1: ") && text.contains("'claim'"),
            "{text}"
        );
        assert!(
            text.contains("report 3: ") && text.contains("'tpl'"),
            "{text}"
        );
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn what_stands_beside_a_list_of_reports_is_not_ignored() {
        let error = submissions(r#"{"reports":[],"partner":"a"}"#, &PLAIN).expect_err("beside");
        assert!(error.to_string().contains("partner"), "{error}");
    }

    #[test]
    fn no_report_at_all_is_wrong_usage() {
        for text in ["", "[]", "42", "{\"reports\":{}}"] {
            assert!(
                matches!(submissions(text, &PLAIN), Err(Failure::Usage(_))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_knowledge_time_of_the_file_stands_and_the_flag_fills_in_the_rest() {
        let args = WriteArgs {
            first_known_at: Some(time("2024-12-06T00:00:00Z").expect("a time")),
            ..PLAIN
        };
        let text = r#"{"submissions":[
            {"report":{}, "backfill":{"firstKnownAt":"2024-12-05T00:00:00Z"}}, {"report":{}}]}"#;
        let submissions = submissions(text, &args).expect("valid");
        let known: Vec<_> = submissions
            .iter()
            .map(|one| {
                one.backfill
                    .clone()
                    .and_then(|fill| fill.first_known_at)
                    .map(|t| t.to_string())
            })
            .collect();
        assert_eq!(
            known,
            [
                Some("2024-12-05T00:00:00Z".to_owned()),
                Some("2024-12-06T00:00:00Z".to_owned())
            ]
        );
    }

    #[test]
    fn a_registry_file_may_hold_any_of_the_three_kinds() {
        let text =
            "places:\n- placeId: hama\nsources:\n- sourceId: sohr\n---\nactors:\n- actor_id: a\n";
        let request = registry(text, &PLAIN).expect("valid");
        assert_eq!(
            (
                request.places.len(),
                request.actors.len(),
                request.sources.len()
            ),
            (1, 1, 1)
        );
        assert!(registry("{}", &PLAIN).is_err());
        let error = registry(r#"{"plases":[]}"#, &PLAIN).expect_err("unknown");
        assert!(error.to_string().contains("plases"), "{error}");
    }

    #[test]
    fn a_time_needs_an_offset_and_keeps_its_moment() {
        let utc = time("2024-12-05T06:00:00Z").expect("a time");
        assert_eq!(time("2024-12-05T09:00:00+03:00"), Ok(utc));
        assert!(time("2024-12-05T09:00:00").is_err());
        assert_eq!(
            time("1969-12-31T23:59:59.5Z"),
            Ok(Timestamp {
                seconds: -1,
                nanos: 500_000_000
            })
        );
    }
}
