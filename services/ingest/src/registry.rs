//! The registry as it stands: replayed from partition 0, and kept beside the wire
//! forms that were applied.

mod models;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use ascertain_domain::id::Digest;
use ascertain_domain::registry::{Registry, Version};
use ascertain_domain::time::Timestamp;
use ascertain_log::{LogReader, PartitionId, Record, Recorded, Sequence};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::{log, v1};
use log::v1::registry_change::Entity;

use crate::apply::Change;
use crate::replay::{ReplayError, replay};

pub(crate) use models::Models;

/// The registry at one sequence of partition 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registered {
    /// As the domain sees it.
    pub(crate) domain: Registry,
    /// As they were applied, by id.
    pub(crate) places: BTreeMap<String, Arc<v1::Place>>,
    pub(crate) actors: BTreeMap<String, Arc<v1::Actor>>,
    pub(crate) sources: BTreeMap<String, Arc<v1::Source>>,
    /// The source models that were ever adopted.
    pub(crate) models: Models,
    /// The last sequence taken in, and when it was known.
    pub(crate) sequence: Sequence,
    pub(crate) known_at: Option<Timestamp>,
    bodies: BTreeSet<Digest>,
    /// The version of each entity that stands.
    newest: BTreeMap<(u8, String), Version>,
}

impl Registered {
    /// Takes a change in, in the order of partition 0.
    pub(crate) fn apply(&mut self, sequence: Sequence, change: Change) {
        let Change {
            change,
            wire,
            body,
            version,
            ..
        } = change;
        self.models.take(&change, &body);
        self.domain.apply(sequence.0, version, change);
        self.models.note_in_force(self.domain.latest());
        self.bodies.insert(version.body);
        self.sequence = self.sequence.max(sequence);
        let newest = self.newest.entry(wire_id(&wire)).or_insert(version);
        if version < *newest {
            return;
        }
        *newest = version;
        match wire.entity {
            Some(Entity::Place(place)) => {
                self.places.insert(place.place_id.clone(), Arc::new(place));
            }
            Some(Entity::Actor(actor)) => {
                self.actors.insert(actor.actor_id.clone(), Arc::new(actor));
            }
            Some(Entity::Source(source)) => {
                self.sources
                    .insert(source.source_id.clone(), Arc::new(source));
            }
            // Every model that was adopted is kept.
            Some(Entity::SourceModel(_)) | None => {}
        }
    }

    /// Whether an entity stands so already.
    pub(crate) fn stands(&self, wire: &log::v1::RegistryChange) -> bool {
        match &wire.entity {
            Some(Entity::Place(p)) => self.places.get(&p.place_id).is_some_and(|old| **old == *p),
            Some(Entity::Actor(a)) => self.actors.get(&a.actor_id).is_some_and(|old| **old == *a),
            Some(Entity::Source(s)) => self
                .sources
                .get(&s.source_id)
                .is_some_and(|old| **old == *s),
            // Adopted by a request of its own.
            Some(Entity::SourceModel(_)) => false,
            None => true,
        }
    }

    /// Whether these very bytes are recorded already.
    pub(crate) fn holds(&self, body: Digest) -> bool {
        self.bodies.contains(&body)
    }
}

/// The kind and id of an entity.
fn wire_id(wire: &log::v1::RegistryChange) -> (u8, String) {
    match &wire.entity {
        Some(Entity::Place(place)) => (0, place.place_id.clone()),
        Some(Entity::Actor(actor)) => (1, actor.actor_id.clone()),
        Some(Entity::Source(source)) => (2, source.source_id.clone()),
        Some(Entity::SourceModel(_)) | None => (3, String::new()),
    }
}

/// Keeps the registry. Readers take a snapshot; one writer at a time.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    current: RwLock<Arc<Registered>>,
    /// Held from the check of a change until it is recorded and taken in.
    pub(crate) writing: tokio::sync::Mutex<()>,
}

impl Keeper {
    /// The registry as it stands.
    pub(crate) fn current(&self) -> Arc<Registered> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another state of the registry in force.
    pub(crate) fn set(&self, registered: Registered) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(registered);
    }

    /// Reads what partition 0 holds beyond what was taken in. Call it while
    /// `writing` is held.
    pub(crate) async fn catch_up(
        &self,
        log: &dyn LogReader,
        mut on_record: impl FnMut(&Record) + Send,
    ) -> Result<(), ReplayError> {
        let ends = log.ends().await?;
        let end = ends.first().map_or(Sequence::ZERO, |end| end.last_sequence);
        let current = self.current();
        if current.sequence >= end {
            return Ok(());
        }
        let mut registered = Registered::clone(&current);
        let after = registered.sequence;
        replay(log, PartitionId::REGISTRY, after, end, |records| {
            for record in records {
                on_record(record);
                take_in(&mut registered, record)?;
            }
            Ok(())
        })
        .await?;
        self.set(registered);
        Ok(())
    }
}

fn take_in(registered: &mut Registered, record: &Record) -> anyhow::Result<()> {
    let sequence = record.position.sequence;
    match decode_body(&record.body) {
        Ok(Body::Registry(change, wire, version)) => {
            let change = Change {
                change,
                wire: *wire,
                body: record.body.clone(),
                version,
                recorded: Recorded::Of(record.position.known_at),
            };
            registered.apply(sequence, change);
        }
        Ok(
            Body::Report(_)
            | Body::Adopt { .. }
            | Body::Erasure(..)
            | Body::Adjudication(_)
            | Body::Erased(..),
        ) => {}
        // To go on without a place that others see would be to answer wrongly.
        Err(error) => {
            return Err(anyhow::Error::new(error).context(format!(
                "record {sequence} of partition 0 cannot be taken in"
            )));
        }
    }
    registered.sequence = sequence;
    registered.known_at = Some(record.position.known_at);
    Ok(())
}
