//! What the demo replays: a registry, reports, and the questions about them.

use std::path::Path;

use anyhow::Context as _;
use ascertain_client::json;
use ascertain_proto::v1::{ApplyRegistryRequest, Backfill, ReportSubmission, SubmitReportsRequest};
use prost_types::Timestamp;
use serde::Deserialize;
use serde_json::Value;

const REGISTRY: &str = "registry.yaml";
const REPORTS: &str = "reports.yaml";
const QUESTIONS: &str = "questions.yaml";

/// A scenario, read and fit for the wire.
#[derive(Debug)]
pub struct Scenario {
    /// Its places, actors and sources.
    pub registry: ApplyRegistryRequest,
    /// Its reports, in the order in which they were first known.
    pub submissions: Vec<ReportSubmission>,
    /// What is asked, in the order of knowledge times.
    pub questions: Vec<Question>,
    /// Whose clock the questions' times are written in, for people.
    pub clock: String,
}

/// Who controls some places at a time, as known at that time.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// What is going on, for people.
    pub title: String,
    /// The time, RFC 3339 with the offset of the local clock.
    pub at: String,
    /// The places.
    pub places: Vec<String>,
    /// Which of them is also to be explained.
    pub explain: Option<String>,
    /// Whether to ask once more when everything has been submitted.
    #[serde(default)]
    pub ask_again: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Questions {
    clock: String,
    registry_known_at: String,
    questions: Vec<Question>,
}

impl Question {
    /// The time.
    ///
    /// # Errors
    /// If it is none.
    pub fn time(&self) -> anyhow::Result<Timestamp> {
        time(&self.at)
    }
}

impl Scenario {
    /// Hama, 30 November to 8 December 2024.
    ///
    /// # Errors
    /// If it does not fit the contract: a defect of the build.
    pub fn hama() -> anyhow::Result<Self> {
        Self::parse(
            include_str!("../scenario/hama/registry.yaml"),
            include_str!("../scenario/hama/reports.yaml"),
            include_str!("../scenario/hama/questions.yaml"),
        )
    }

    /// The scenario in a folder: `registry.yaml`, `reports.yaml`, `questions.yaml`.
    ///
    /// # Errors
    /// A file that cannot be read, or does not fit the contract.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let text = |name: &str| {
            let file = folder.join(name);
            std::fs::read_to_string(&file)
                .with_context(|| format!("{} cannot be read", file.display()))
        };
        Self::parse(&text(REGISTRY)?, &text(REPORTS)?, &text(QUESTIONS)?)
    }

    fn parse(registry: &str, reports: &str, questions: &str) -> anyhow::Result<Self> {
        let mut registry: ApplyRegistryRequest =
            json::from_value("ApplyRegistryRequest", document(registry, REGISTRY)?)
                .context(REGISTRY)?;
        let reports: SubmitReportsRequest =
            json::from_value("SubmitReportsRequest", document(reports, REPORTS)?)
                .context(REPORTS)?;
        let questions: Questions =
            serde_json::from_value(document(questions, QUESTIONS)?).context(QUESTIONS)?;
        registry.backfill = Some(Backfill {
            first_known_at: Some(time(&questions.registry_known_at)?),
            ..Backfill::default()
        });
        for question in &questions.questions {
            question.time()?;
        }
        Ok(Self {
            registry,
            submissions: reports.submissions,
            questions: questions.questions,
            clock: questions.clock,
        })
    }
}

/// The only document of a text.
fn document(text: &str, name: &'static str) -> anyhow::Result<Value> {
    let mut documents = json::parse(text).context(name)?.into_iter();
    match (documents.next(), documents.next()) {
        (Some(document), None) => Ok(document),
        _ => anyhow::bail!("{name} is not one document"),
    }
}

fn time(text: &str) -> anyhow::Result<Timestamp> {
    text.parse().with_context(|| format!("{text:?} is no time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_scenario_is_whole_and_in_the_order_of_knowledge() {
        let hama = Scenario::hama().expect("it fits the contract");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario/hama");
        let read = Scenario::read(&folder).expect("the same from its folder");
        assert_eq!(hama.submissions, read.submissions);
        let known = |one: &ReportSubmission| {
            let backfill = one.backfill.as_ref().expect("a backfill");
            let time = backfill.first_known_at.expect("a time");
            (time.seconds, time.nanos)
        };
        assert!(hama.submissions.iter().map(known).is_sorted());
        let asked = hama.questions.iter().map(|question| {
            let time = question.time().expect("a time");
            (time.seconds, time.nanos)
        });
        assert!(asked.is_sorted());
        let places: usize = hama.questions.iter().map(|q| q.places.len()).sum();
        assert_eq!((hama.questions.len(), places), (5, 15));
    }

    #[test]
    fn a_question_with_an_unknown_field_is_refused() {
        let questions = "clock: a\nregistryKnownAt: '2024-11-01T00:00:00Z'\n\
                         questions:\n- {title: a, at: b, places: [], explane: c}\n";
        let error = Scenario::parse("{}", "{}", questions).expect_err("unknown");
        assert!(format!("{error:#}").contains("explane"), "{error:#}");
    }
}
