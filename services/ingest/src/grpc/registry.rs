//! Places, actors and sources: applied, read, listed and searched.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use ascertain_access::Caller;
use ascertain_domain::id::PlaceId;
use ascertain_domain::marking::Audience;
use ascertain_domain::registry::LookupError;
use ascertain_proto::v1;
use ascertain_proto::v1::registry_service_server::RegistryService;
use tonic::{Code, Request, Response, Status};
use v1::Reason;

use super::model;
use super::page::page;
use crate::error::Refusal;
use crate::registry::Registered;
use crate::service::Core;

/// Matches where nothing is said.
const USUAL_MATCHES: usize = 10;
/// The most matches.
const MOST_MATCHES: usize = 100;
/// The most characters of a query.
const MOST_QUERY_CHARACTERS: usize = 200;

/// The registry service.
pub(crate) struct RegistryHandler(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl RegistryService for RegistryHandler {
    async fn apply_registry(
        &self,
        request: Request<v1::ApplyRegistryRequest>,
    ) -> Result<Response<v1::ApplyRegistryResponse>, Status> {
        let (core, request) = (Arc::clone(&self.0), request.into_inner());
        // Carried through even if the caller leaves: what is recorded is taken in.
        let applied = tokio::spawn(async move { core.apply(&Caller::local(), request).await });
        match applied.await {
            Ok(applied) => applied.map(Response::new).map_err(Refusal::into_status),
            Err(error) => Err(Refusal::internal(&error).into_status()),
        }
    }

    async fn get_place(
        &self,
        request: Request<v1::GetPlaceRequest>,
    ) -> Result<Response<v1::GetPlaceResponse>, Status> {
        let wanted = request.into_inner().place;
        let registry = self.0.registry.current();
        let found = registry.domain.latest().place_by_id_or_code(&wanted);
        let found = found.map_err(|error| not_found(&error, "place", Reason::PlaceUnknown))?;
        let place = whole(&registry.places, found.id.as_str());
        Ok(Response::new(v1::GetPlaceResponse { place }))
    }

    async fn list_places(
        &self,
        request: Request<v1::ListPlacesRequest>,
    ) -> Result<Response<v1::ListPlacesResponse>, Status> {
        let request = request.into_inner();
        let registry = self.0.registry.current();
        let area = area(&registry, &request.within_place_id)?;
        let view = registry.domain.latest();
        let within = |id: &str| match &area {
            Some(area) => PlaceId::new(id).is_ok_and(|id| view.is_within(&id, area)),
            None => true,
        };
        let list = format!("places\n{}", request.within_place_id);
        let position = (request.page_size, request.page_token.as_str());
        let (places, next_page_token) = page(&registry.places, &list, position, within)?;
        Ok(Response::new(v1::ListPlacesResponse {
            places,
            next_page_token,
        }))
    }

    async fn search_places(
        &self,
        request: Request<v1::SearchPlacesRequest>,
    ) -> Result<Response<v1::SearchPlacesResponse>, Status> {
        let request = request.into_inner();
        let limit = search_limit(&request.query, request.limit)?;
        let registry = self.0.registry.current();
        let area = area(&registry, &request.within_place_id)?;
        let found = registry
            .domain
            .latest()
            .search_places(&request.query, area.as_ref(), limit);
        let matches = found.into_iter().map(|found| v1::PlaceMatch {
            place: whole(&registry.places, found.entity.id.as_str()),
            matched_name: found.matched,
            score: found.score,
        });
        Ok(Response::new(v1::SearchPlacesResponse {
            matches: matches.collect(),
        }))
    }

    async fn get_actor(
        &self,
        request: Request<v1::GetActorRequest>,
    ) -> Result<Response<v1::GetActorResponse>, Status> {
        let id = request.into_inner().actor_id;
        let registry = self.0.registry.current();
        let found = registry.domain.latest().find_actor(&id, "");
        let found = found.map_err(|error| not_found(&error, "actor_id", Reason::ActorUnknown))?;
        let actor = whole(&registry.actors, found.as_str());
        Ok(Response::new(v1::GetActorResponse { actor }))
    }

    async fn list_actors(
        &self,
        request: Request<v1::ListActorsRequest>,
    ) -> Result<Response<v1::ListActorsResponse>, Status> {
        let request = request.into_inner();
        let registry = self.0.registry.current();
        let position = (request.page_size, request.page_token.as_str());
        let (actors, next_page_token) = page(&registry.actors, "actors", position, |_| true)?;
        Ok(Response::new(v1::ListActorsResponse {
            actors,
            next_page_token,
        }))
    }

    async fn search_actors(
        &self,
        request: Request<v1::SearchActorsRequest>,
    ) -> Result<Response<v1::SearchActorsResponse>, Status> {
        let request = request.into_inner();
        let limit = search_limit(&request.query, request.limit)?;
        let registry = self.0.registry.current();
        let found = registry
            .domain
            .latest()
            .search_actors(&request.query, limit);
        let matches = found.into_iter().map(|found| v1::ActorMatch {
            actor: whole(&registry.actors, found.entity.id.as_str()),
            matched_name: found.matched,
            score: found.score,
        });
        Ok(Response::new(v1::SearchActorsResponse {
            matches: matches.collect(),
        }))
    }

    async fn get_source(
        &self,
        request: Request<v1::GetSourceRequest>,
    ) -> Result<Response<v1::GetSourceResponse>, Status> {
        let id = request.into_inner().source_id;
        let registry = self.0.registry.current();
        let found = registry.domain.latest().find_source(&id, "");
        let found = found.map_err(|error| not_found(&error, "source_id", Reason::SourceUnknown))?;
        let source = whole(&registry.sources, found.as_str());
        let (learned, source_model) = model::learned(&registry, &found);
        Ok(Response::new(v1::GetSourceResponse {
            source,
            learned,
            source_model,
        }))
    }

    async fn list_sources(
        &self,
        request: Request<v1::ListSourcesRequest>,
    ) -> Result<Response<v1::ListSourcesResponse>, Status> {
        let request = request.into_inner();
        let registry = self.0.registry.current();
        let position = (request.page_size, request.page_token.as_str());
        let (sources, next_page_token) = page(&registry.sources, "sources", position, |_| true)?;
        Ok(Response::new(v1::ListSourcesResponse {
            sources,
            next_page_token,
        }))
    }

    async fn search_sources(
        &self,
        request: Request<v1::SearchSourcesRequest>,
    ) -> Result<Response<v1::SearchSourcesResponse>, Status> {
        let request = request.into_inner();
        let limit = search_limit(&request.query, request.limit)?;
        let registry = self.0.registry.current();
        let found = registry
            .domain
            .latest()
            .search_sources(&request.query, limit);
        let matches = found.into_iter().map(|found| v1::SourceMatch {
            source: whole(&registry.sources, found.entity.id.as_str()),
            matched_name: found.matched,
            score: found.score,
        });
        Ok(Response::new(v1::SearchSourcesResponse {
            matches: matches.collect(),
        }))
    }

    async fn apply_source_model(
        &self,
        request: Request<v1::ApplySourceModelRequest>,
    ) -> Result<Response<v1::ApplySourceModelResponse>, Status> {
        let (core, request) = (Arc::clone(&self.0), request.into_inner());
        // Carried through even if the caller leaves: what is recorded is taken in.
        let adopted = tokio::spawn(async move { core.adopt(&Caller::local(), request).await });
        match adopted.await {
            Ok(adopted) => adopted.map(Response::new).map_err(Refusal::into_status),
            Err(error) => Err(Refusal::internal(&error).into_status()),
        }
    }

    async fn get_source_model(
        &self,
        request: Request<v1::GetSourceModelRequest>,
    ) -> Result<Response<v1::GetSourceModelResponse>, Status> {
        let registry = self.0.registry.current();
        model::get(&registry, &request.into_inner())
            .map(Response::new)
            .map_err(Refusal::into_status)
    }

    async fn list_source_models(
        &self,
        request: Request<v1::ListSourceModelsRequest>,
    ) -> Result<Response<v1::ListSourceModelsResponse>, Status> {
        let request = request.into_inner();
        let registry = self.0.registry.current();
        let summaries = registry.models.summaries(Audience::Clear);
        let position = (request.page_size, request.page_token.as_str());
        let (models, next_page_token) = page(&summaries, "source models", position, |_| true)?;
        Ok(Response::new(v1::ListSourceModelsResponse {
            models,
            next_page_token,
        }))
    }
}

fn whole<T: Clone>(entities: &BTreeMap<String, Arc<T>>, id: &str) -> Option<T> {
    entities.get(id).map(|entity| T::clone(entity))
}

fn not_found(error: &LookupError, field: &str, unknown: Reason) -> Status {
    let refusal = match error {
        LookupError::Nothing => Refusal::field(field, Reason::Required, error.to_string()),
        LookupError::Ambiguous { .. } => {
            refused(Code::InvalidArgument, Reason::PlaceAmbiguous, error)
        }
        LookupError::Unknown { .. } | LookupError::Contradicts { .. } => {
            refused(Code::NotFound, unknown, error)
        }
    };
    refusal.into_status()
}

fn refused(code: Code, reason: Reason, what: &dyn Display) -> Refusal {
    Refusal::new(code, reason, what.to_string())
}

/// The area that a list is confined to; `None` for everywhere.
fn area(registry: &Registered, within: &str) -> Result<Option<PlaceId>, Status> {
    if within.is_empty() {
        return Ok(None);
    }
    let found = registry.domain.latest().place_by_id_or_code(within);
    let found =
        found.map_err(|error| not_found(&error, "within_place_id", Reason::PlaceUnknown))?;
    Ok(Some(found.id.clone()))
}

fn search_limit(query: &str, limit: i32) -> Result<usize, Status> {
    let refusal = match (query.chars().count(), usize::try_from(limit)) {
        (0, _) => Refusal::field("query", Reason::Required, "is empty; give a name"),
        (MOST_QUERY_CHARACTERS.., _) if query.chars().count() > MOST_QUERY_CHARACTERS => {
            let what = format!("has more than {MOST_QUERY_CHARACTERS} characters");
            Refusal::field("query", Reason::TooLong, what)
        }
        (_, Err(_)) => Refusal::field("limit", Reason::OutOfRange, "is negative; give 1 to 100"),
        (_, Ok(0)) => return Ok(USUAL_MATCHES),
        (_, Ok(limit)) => return Ok(limit.min(MOST_MATCHES)),
    };
    Err(refusal.into_status())
}
