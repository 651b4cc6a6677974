//! Source models: fitted, adopted, read. As for [`calls`](crate::calls), requests are
//! the contract's own messages.

use ascertain_proto::v1 as pb;
use pb::calibration_service_client::CalibrationServiceClient;
use pb::fit_source_model_response::Step;
use tonic::transport::Channel;

use crate::calls::{page_size, registry};
use crate::{Client, ClientError, MAX_ANSWER_BYTES};

impl Client {
    /// Fits a source model, telling how far it is about once a second. The deadline of
    /// the client holds for all of it: give it minutes. It is not tried again: the
    /// caller sees what came in between.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub async fn fit_source_model(
        &self,
        request: pb::FitSourceModelRequest,
        mut told: impl FnMut(pb::FitProgress),
    ) -> Result<pb::SourceModel, ClientError> {
        let fitting = async |channel: Channel| {
            let client = CalibrationServiceClient::new(channel);
            let mut client = client.max_decoding_message_size(MAX_ANSWER_BYTES);
            let mut steps = client.fit_source_model(request).await?.into_inner();
            while let Some(said) = steps.message().await? {
                match said.step {
                    Some(Step::Model(model)) => return Ok(Some(model)),
                    Some(Step::Progress(progress)) => told(progress),
                    None => {}
                }
            }
            Ok(None)
        };
        let model = self.once(fitting).await?;
        model.ok_or_else(|| self.broken("a fit ended without a model"))
    }

    /// Adopts a source model.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub async fn apply_source_model(
        &self,
        request: pb::ApplySourceModelRequest,
    ) -> Result<pb::ApplySourceModelResponse, ClientError> {
        self.call(request, |channel, request| async move {
            registry(channel).apply_source_model(request).await
        })
        .await
    }

    /// Reads a source model.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub async fn get_source_model(
        &self,
        request: pb::GetSourceModelRequest,
    ) -> Result<pb::GetSourceModelResponse, ClientError> {
        self.call(request, |channel, request| async move {
            registry(channel).get_source_model(request).await
        })
        .await
    }

    /// Lists source models, from the page that the request names to the last.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub async fn list_source_models(
        &self,
        mut request: pb::ListSourceModelsRequest,
    ) -> Result<Vec<pb::SourceModelSummary>, ClientError> {
        request.page_size = page_size(request.page_size);
        let mut all = Vec::new();
        loop {
            let page: pb::ListSourceModelsResponse = self
                .call(request.clone(), |channel, request| async move {
                    registry(channel).list_source_models(request).await
                })
                .await?;
            all.extend(page.models);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }
}
