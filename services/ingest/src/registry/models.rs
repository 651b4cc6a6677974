//! The source models that were ever adopted, and which are in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use ascertain_domain::marking::Audience;
use ascertain_domain::model::SourceModel;
use ascertain_domain::registry::{RegistryChange, View};
use ascertain_proto::{log, outward, v1};
use prost::Message as _;

/// A model with the stamp of the record that first adopted it.
#[derive(Debug)]
pub(crate) struct Adopted {
    pub(crate) model: SourceModel,
    pub(crate) stamp: log::v1::Stamp,
}

/// The models by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Models {
    adopted: BTreeMap<String, Arc<Adopted>>,
    /// The names of those in force.
    in_force: BTreeMap<Audience, String>,
}

impl Models {
    /// Takes a change in, if it is a model. Where nodes adopted the same one, the
    /// first counts.
    pub(super) fn take(&mut self, change: &RegistryChange, body: &[u8]) {
        let RegistryChange::SourceModel(model) = change else {
            return;
        };
        // The body was read before; without a stamp it would not have been.
        let stamp = log::v1::RecordBody::decode(body).ok().and_then(|b| b.stamp);
        let stamp = stamp.unwrap_or_default();
        let when = |s: &log::v1::Stamp| {
            let at = s.first_recorded_at.unwrap_or_default();
            (at.seconds, at.nanos, s.first_node.clone())
        };
        let name = outward::model_id(model);
        let known = self.adopted.get(&name);
        if known.is_none_or(|known| when(&stamp) < when(&known.stamp)) {
            let model = model.clone();
            self.adopted
                .insert(name, Arc::new(Adopted { model, stamp }));
        }
    }

    /// Notes which models are in force now.
    pub(super) fn note_in_force(&mut self, registry: View<'_>) {
        let audiences = [
            Audience::Clear,
            Audience::Green,
            Audience::Amber,
            Audience::Full,
        ];
        let in_force = audiences.into_iter().filter_map(|audience| {
            let model = registry.source_model(audience)?;
            // The name is dear: found anew only where the model is another.
            let known = self.in_force.get(&audience);
            let known = known.filter(|name| {
                let adopted = self.adopted.get(*name);
                adopted.is_some_and(|adopted| adopted.model == **model)
            });
            let name = known.cloned();
            Some((audience, name.unwrap_or_else(|| outward::model_id(model))))
        });
        self.in_force = in_force.collect();
    }

    /// The model of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Adopted>> {
        self.adopted.get(name)
    }

    /// The name of the model in force for an audience.
    pub(crate) fn in_force(&self, audience: Audience) -> Option<&str> {
        self.in_force.get(&audience).map(String::as_str)
    }

    /// The models of an audience in outline, by name: the oldest cut first.
    pub(crate) fn summaries(
        &self,
        audience: Audience,
    ) -> BTreeMap<String, Arc<v1::SourceModelSummary>> {
        let of_audience =
            |(_, adopted): &(&String, &Arc<Adopted>)| adopted.model.audience == audience;
        let summary = |(name, _): (&String, _)| {
            let summary = self.summary(name)?;
            Some((name.clone(), Arc::new(summary)))
        };
        self.adopted
            .iter()
            .filter(of_audience)
            .filter_map(summary)
            .collect()
    }

    /// One model in outline.
    pub(crate) fn summary(&self, name: &str) -> Option<v1::SourceModelSummary> {
        let Adopted { model, stamp } = self.adopted.get(name)?.as_ref();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Some(v1::SourceModelSummary {
            model_id: name.to_owned(),
            cut: Some(outward::timestamp(model.cut)),
            audience: outward::audience(model.audience).into(),
            method: model.method.clone(),
            sources: count(model.sources.len()),
            copies: count(model.copies.len()),
            temper_ppm: model.temper.0,
            in_force: self.in_force(model.audience) == Some(name),
            first_recorded_at: stamp.first_recorded_at,
            first_node: stamp.first_node.clone(),
            caller_id: stamp.caller_id.clone(),
        })
    }
}
