//! A long history that a seed decides, brought along by backfill: reports that come late
//! and out of order, changes of the registry, and a source model in the middle.

use ascertain_client::Client;
use ascertain_proto::v1::{
    Actor, ApplyRegistryRequest, ApplySourceModelRequest, Backfill, FitSourceModelRequest,
    ReliabilityGrade, ReportSubmission, Source, SourceModel,
};
use ascertain_standalone::scenario::Scenario;
use prost_types::Timestamp;

use crate::{Chance, Node, caught_up};

/// When it begins: 2024-10-01T00:00:00Z, seconds.
const BEGINNING: i64 = 1_727_740_800;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// A quarter that is registered late.
pub const LATE_PLACE: &str = "kaso";

/// A long history.
pub struct Archive {
    scenario: Scenario,
    submissions: Vec<ReportSubmission>,
    /// When it begins and ends, seconds since the Unix epoch.
    pub span: (i64, i64),
}

/// A time of whole seconds.
#[must_use]
pub const fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn backfill(seconds: i64) -> Option<Backfill> {
    Some(Backfill {
        first_known_at: Some(at(seconds)),
        partner_id: String::new(),
    })
}

impl Archive {
    /// The history of a seed, of so many reports.
    ///
    /// # Errors
    /// If the scenario that it is made of cannot be read.
    pub fn of(chance: &mut Chance, count: usize) -> anyhow::Result<Self> {
        let scenario = Scenario::hama()?;
        let late = scenario.registry.places.iter();
        let late = late.filter(|place| place.place_id == LATE_PLACE);
        let names = late.flat_map(|place| &place.names).map(|name| &name.text);
        let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
        // Claims name places as they were written.
        let names_late = |submission: &ReportSubmission| {
            let text = format!("{submission:?}");
            text.contains(LATE_PLACE) || names.iter().any(|name| text.contains(name))
        };
        let early: Vec<&ReportSubmission> = scenario
            .submissions
            .iter()
            .filter(|submission| !names_late(submission))
            .collect();
        let all: Vec<&ReportSubmission> = scenario.submissions.iter().collect();
        let mut known = BEGINNING + DAY;
        let mut submissions = Vec::with_capacity(count);
        for i in 0..count {
            known += 60 + below(chance, 6 * HOUR);
            // The late place is there from the middle on.
            let templates = if i < count / 2 { &early } else { &all };
            let mut submission = templates[chance.below(templates.len())].clone();
            let late = if chance.once_in(4) {
                20 * DAY
            } else {
                6 * HOUR
            };
            let published = known - 60 - below(chance, late);
            let name = format!("archive {i} {}", chance.below(1 << 30));
            if let Some(report) = &mut submission.report {
                let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes());
                report.report_id = id.to_string();
                let shift = published - report.published_at.map_or(published, |t| t.seconds);
                report.published_at = Some(at(published));
                report.received_at = None;
                let moved = |time: &mut Option<Timestamp>| {
                    if let Some(time) = time {
                        time.seconds = (time.seconds + shift).min(known);
                    }
                };
                for event in report
                    .claims
                    .iter_mut()
                    .filter_map(|c| c.event_time.as_mut())
                {
                    moved(&mut event.earliest);
                    moved(&mut event.latest);
                }
            }
            submission.backfill = backfill(known);
            submissions.push(submission);
        }
        Ok(Self {
            scenario,
            submissions,
            span: (BEGINNING, known),
        })
    }

    /// The ids of its places.
    #[must_use]
    pub fn places(&self) -> Vec<String> {
        let places = self.scenario.registry.places.iter();
        places.map(|place| place.place_id.clone()).collect()
    }

    /// Brings all of it to a node, and waits until it has been reconciled.
    ///
    /// # Errors
    /// If any of it is refused.
    pub async fn bring(&self, node: &Node) -> anyhow::Result<()> {
        let client = node.client();
        let registry = ApplyRegistryRequest {
            backfill: backfill(BEGINNING),
            ..self.scenario.registry.clone()
        };
        let (late, early) = registry
            .places
            .iter()
            .cloned()
            .partition(|place| place.place_id == LATE_PLACE);
        let first = ApplyRegistryRequest {
            places: early,
            ..registry
        };
        client.apply_registry(first).await?;
        let (before, rest) = self.submissions.split_at(self.submissions.len() / 2);
        let (between, after) = rest.split_at(rest.len() / 2);
        node.submit(before).await?;
        let changed = ApplyRegistryRequest {
            places: late,
            backfill: backfill(known_at(before.last()) + 30),
            ..self.changed()
        };
        client.apply_registry(changed).await?;
        node.submit(between).await?;
        // A model is fitted from all that is reconciled.
        caught_up(&client, &client).await?;
        adopt(&client, known_at(between.last()) + 30).await?;
        node.submit(after).await?;
        caught_up(&client, &client).await
    }

    /// Another version of two entities.
    fn changed(&self) -> ApplyRegistryRequest {
        let registry = &self.scenario.registry;
        let sources = registry.sources.iter().filter(|s| s.source_id == "sohr");
        let sources = sources.cloned().map(|source| Source {
            reliability_prior: ReliabilityGrade::E.into(),
            ..source
        });
        let actors = registry.actors.iter();
        let actors = actors.filter(|a| a.actor_id == "syrian-army").cloned();
        let actors = actors.map(|actor| Actor {
            relations: Vec::new(),
            ..actor
        });
        ApplyRegistryRequest {
            sources: sources.collect(),
            actors: actors.collect(),
            ..ApplyRegistryRequest::default()
        }
    }
}

/// Fits a source model by all that is known before a day, makes it doubtful, and adopts it.
async fn adopt(client: &Client, seconds: i64) -> anyhow::Result<()> {
    let day = at(seconds.div_euclid(DAY) * DAY).to_string();
    let request = FitSourceModelRequest {
        day: day.split('T').next().unwrap_or_default().to_owned(),
        ..FitSourceModelRequest::default()
    };
    let fitted = client.fit_source_model(request, |_| {}).await?;
    let request = ApplySourceModelRequest {
        model: Some(SourceModel {
            model_id: String::new(),
            temper_ppm: 800_000,
            ..fitted
        }),
        backfill: backfill(seconds),
        ..ApplySourceModelRequest::default()
    };
    client.apply_source_model(request).await?;
    Ok(())
}

fn known_at(submission: Option<&ReportSubmission>) -> i64 {
    let backfill = submission.and_then(|submission| submission.backfill.as_ref());
    let known = backfill.and_then(|backfill| backfill.first_known_at);
    known.map_or(BEGINNING, |time| time.seconds)
}

fn below(chance: &mut Chance, limit: i64) -> i64 {
    let limit = usize::try_from(limit).unwrap_or(1);
    i64::try_from(chance.below(limit)).unwrap_or(0)
}
