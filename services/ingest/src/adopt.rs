//! Adopting a source model: from its record on it is in force.

use ascertain_access::{Caller, require_supported_audience};
use ascertain_domain::id::Digest;
use ascertain_domain::registry::{RegistryChange, Version};
use ascertain_proto::inward::registry;
use ascertain_proto::{log, outward, v1};
use log::v1::record_body::Content;
use tonic::Code;
use v1::Reason;

use crate::apply::{Change, refused};
use crate::error::Refusal;
use crate::service::Core;
use crate::stamp::Provenance;

impl Core {
    /// Adopts a model, or finds that it is adopted.
    pub(crate) async fn adopt(
        &self,
        caller: &Caller,
        request: v1::ApplySourceModelRequest,
    ) -> Result<v1::ApplySourceModelResponse, Refusal> {
        let mut provenance = Provenance::read(caller, request.backfill.as_ref(), (self.clock)())?;
        let _writing = self.registry.writing.lock().await;
        self.catch_up_registry().await?;
        let current = self.registry.current();
        // As for every version: this one is later, whatever the clock says.
        if let Some(last) = current.domain.last_recorded_at() {
            provenance.now = provenance.now.max(last.plus_micros(1));
        }
        let known_at = provenance.received_at();
        let entity = registry::check_model(&request, &current.domain, known_at);
        let entity = entity.map_err(refused)?;
        let RegistryChange::SourceModel(model) = &entity.change else {
            return Err(Refusal::field("model", Reason::Required, "is no model"));
        };
        require_supported_audience(model.audience).map_err(|error| {
            let reason = Reason::AudienceNotSupported;
            Refusal::field("model.audience", reason, error.to_string())
        })?;
        let model_id = outward::model_id(model);
        let answer = |applied, write_token, first_recorded_at| v1::ApplySourceModelResponse {
            model_id: model_id.clone(),
            applied,
            write_token,
            first_recorded_at,
        };
        if let Some(known) = current.models.get(&model_id) {
            if request.validate_only {
                return Ok(answer(false, String::new(), None));
            }
            let token = self.registry_token().await?;
            return Ok(answer(false, token, known.stamp.first_recorded_at));
        }
        let in_force = current.domain.latest().source_model(model.audience);
        if let Some(in_force) = in_force.filter(|in_force| in_force.cut >= model.cut) {
            let what = format!(
                "the model in force, `{}`, has the cut {}, which is not before {}; \
                 fit one of a later day",
                current.models.in_force(model.audience).unwrap_or_default(),
                in_force.cut,
                model.cut
            );
            let reason = Reason::ModelNotLater;
            return Err(Refusal::new(Code::FailedPrecondition, reason, what));
        }
        let content = Content::RegistryChange(entity.wire.clone());
        let body = provenance.body(&self.node, content);
        crate::accept::within_limit("model", body.len())?;
        if request.validate_only {
            return Ok(answer(false, String::new(), None));
        }
        let change = Change {
            version: Version {
                first_known_at: known_at,
                first_recorded_at: provenance.now,
                body: Digest::of(&body),
            },
            change: entity.change,
            wire: entity.wire,
            body,
            recorded: provenance.recorded(),
        };
        let adopts = |_| provenance.recorded();
        let changes = vec![change];
        let positions = self
            .record_changes(&current, changes, &provenance, adopts)
            .await?;
        tracing::info!(model = model_id, "source model adopted");
        let first_recorded_at = Some(outward::timestamp(provenance.now));
        Ok(answer(true, self.token(&positions), first_recorded_at))
    }
}
