//! Source models as they are read.

use ascertain_access::require_supported_audience;
use ascertain_domain::id::SourceId;
use ascertain_domain::marking::Audience;
use ascertain_proto::{inward, outward, v1};
use tonic::Code;
use v1::Reason;

use crate::error::Refusal;
use crate::registry::Registered;

/// The model of an id, or the one in force for an audience.
pub(super) fn get(
    registry: &Registered,
    request: &v1::GetSourceModelRequest,
) -> Result<v1::GetSourceModelResponse, Refusal> {
    let audience = audience(request.audience)?;
    let models = &registry.models;
    let name = match request.model_id.as_str() {
        "" => models.in_force(audience).ok_or_else(|| {
            let what = "no source model is in force: answers rest on the prior";
            Refusal::new(Code::NotFound, Reason::NotFound, what)
        })?,
        id => id,
    };
    let adopted = models.get(name);
    let adopted = adopted.filter(|a| require_supported_audience(a.model.audience).is_ok());
    let adopted = adopted.ok_or_else(|| {
        let what = format!("no source model `{name}` was adopted; list them for those that were");
        Refusal::new(Code::NotFound, Reason::NotFound, what)
    })?;
    Ok(v1::GetSourceModelResponse {
        model: Some(outward::source_model(&adopted.model)),
        summary: models.summary(name),
    })
}

/// What the model in force says of a source, and the model's name.
pub(super) fn learned(
    registry: &Registered,
    source: &SourceId,
) -> (Option<v1::LearnedSource>, String) {
    let audience = Audience::Clear;
    let model = registry.domain.latest().source_model(audience);
    let learned = model.and_then(|model| model.sources.get(source));
    let name = registry.models.in_force(audience);
    (
        learned.map(|learned| outward::learned_source(source.as_str(), learned)),
        name.unwrap_or(outward::PRIOR_MODEL).to_owned(),
    )
}

fn audience(wire: i32) -> Result<Audience, Refusal> {
    let audience = inward::audience(wire).ok_or_else(|| {
        let what = format!("{wire} is no audience");
        Refusal::field("audience", Reason::OutOfRange, what)
    })?;
    require_supported_audience(audience).map_err(|error| {
        Refusal::field("audience", Reason::AudienceNotSupported, error.to_string())
    })?;
    Ok(audience)
}
