//! Rulings in, acknowledgements out.

use std::sync::Arc;

use ascertain_access::Caller;
use ascertain_proto::v1;
use ascertain_proto::v1::adjudication_service_server::AdjudicationService;
use tonic::{Request, Response, Status};

use crate::error::Refusal;
use crate::service::Core;

/// The adjudication service.
pub(crate) struct AdjudicationHandler(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl AdjudicationService for AdjudicationHandler {
    async fn adjudicate(
        &self,
        request: Request<v1::AdjudicateRequest>,
    ) -> Result<Response<v1::AdjudicateResponse>, Status> {
        let ruled = self.0.adjudicate(&Caller::local(), request.get_ref()).await;
        ruled.map(Response::new).map_err(Refusal::into_status)
    }

    async fn revoke_adjudication(
        &self,
        request: Request<v1::RevokeAdjudicationRequest>,
    ) -> Result<Response<v1::RevokeAdjudicationResponse>, Status> {
        let revoked = self.0.revoke(&Caller::local(), request.get_ref()).await;
        revoked.map(Response::new).map_err(Refusal::into_status)
    }
}
