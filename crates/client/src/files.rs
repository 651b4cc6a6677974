//! What operators bring along in files: reports, registry entries and source models,
//! in JSON, JSON Lines or YAML.

use ascertain_proto::v1::{ApplyRegistryRequest, Report, ReportSubmission, SourceModel};
use serde_json::Value;

use crate::json::{self, JsonError};

/// What is wrong with a text, for the one who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FileError(String);

impl From<JsonError> for FileError {
    fn from(error: JsonError) -> Self {
        Self(error.to_string())
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, FileError> {
    Err(FileError(what.into()))
}

/// All reports of a text: each document one report, a list of them, or an object
/// with `reports` or `submissions`.
///
/// # Errors
/// [`FileError`] with every report that does not fit the contract, counted from 1.
pub fn submissions(text: &str) -> Result<Vec<ReportSubmission>, FileError> {
    let values: Vec<Value> = json::parse(text)?
        .into_iter()
        .map(items)
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    if values.is_empty() {
        return wrong("there is no report in the input");
    }
    let (mut submissions, mut mistakes) = (Vec::new(), Vec::new());
    for (index, value) in values.into_iter().enumerate() {
        match submission(value) {
            Ok(submission) => submissions.push(submission),
            Err(error) => mistakes.push(format!("report {}: {error}", index + 1)),
        }
    }
    if mistakes.is_empty() {
        Ok(submissions)
    } else {
        wrong(mistakes.join("\n"))
    }
}

fn items(document: Value) -> Result<Vec<Value>, FileError> {
    match document {
        Value::Array(items) => Ok(items),
        Value::Object(mut fields) => {
            for key in ["reports", "submissions"] {
                match fields.remove(key) {
                    Some(Value::Array(items)) if fields.is_empty() => return Ok(items),
                    Some(Value::Array(_)) => {
                        let others: Vec<&str> = fields.keys().map(String::as_str).collect();
                        return wrong(format!("beside {key} there is {}", others.join(", ")));
                    }
                    Some(_) => return wrong(format!("{key} is not a list")),
                    None => {}
                }
            }
            Ok(vec![Value::Object(fields)])
        }
        _ => wrong("the input is neither a report nor a list of reports"),
    }
}

fn submission(value: Value) -> Result<ReportSubmission, JsonError> {
    if value.get("report").is_some() {
        return json::from_value("ReportSubmission", value);
    }
    let report: Report = json::from_value("Report", value)?;
    Ok(ReportSubmission {
        report: Some(report),
        ..ReportSubmission::default()
    })
}

/// The registry entries of a text: documents with `places`, `actors` or `sources`.
///
/// # Errors
/// [`FileError`] where it does not fit the contract, or holds nothing.
pub fn registry(text: &str) -> Result<ApplyRegistryRequest, FileError> {
    let mut all = ApplyRegistryRequest::default();
    for document in json::parse(text)? {
        let one: ApplyRegistryRequest = json::from_value("ApplyRegistryRequest", document)?;
        all.places.extend(one.places);
        all.actors.extend(one.actors);
        all.sources.extend(one.sources);
        all.validate_only |= one.validate_only;
        all.backfill = one.backfill.or(all.backfill);
    }
    if all.places.is_empty() && all.actors.is_empty() && all.sources.is_empty() {
        return wrong("the input holds no places, actors or sources");
    }
    Ok(all)
}

/// The source model of a text: alone, or under `model` as a read shows it.
///
/// # Errors
/// [`FileError`] where it does not fit the contract, or is not one.
pub fn source_model(text: &str) -> Result<SourceModel, FileError> {
    let mut documents = json::parse(text)?.into_iter();
    let (Some(mut document), None) = (documents.next(), documents.next()) else {
        return wrong("the input is not one source model");
    };
    if let Some(model) = document.get_mut("model") {
        document = model.take();
    }
    Ok(json::from_value("SourceModel", document)?)
}
