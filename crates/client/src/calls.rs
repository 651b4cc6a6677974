//! One method for each RPC. Requests are the contract's own messages, so that
//! nothing has to be learned twice. The errors of each are those of the RPC, as
//! [`ClientError::Refused`], and those of every call: unreachable, timed out.

use ascertain_proto::v1 as pb;
use pb::adjudication_service_client::AdjudicationServiceClient;
use pb::backup_service_client::BackupServiceClient;
use pb::ingest_service_client::IngestServiceClient;
use pb::node_service_client::NodeServiceClient;
use pb::query_service_client::QueryServiceClient;
use pb::registry_service_client::RegistryServiceClient;
use pb::verify_node_response::Step;
use tonic::transport::Channel;

use crate::{Client, ClientError, MAX_ANSWER_BYTES};

/// The most items a page that the server gives.
const PAGE: i32 = 1_000;

pub(crate) fn ingest(channel: Channel) -> IngestServiceClient<Channel> {
    IngestServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)
}

pub(crate) fn registry(channel: Channel) -> RegistryServiceClient<Channel> {
    RegistryServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)
}

pub(crate) fn query(channel: Channel) -> QueryServiceClient<Channel> {
    QueryServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES)
}

impl Client {
    /// Stores one report.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn submit_report(
        &self,
        request: pb::SubmitReportRequest,
    ) -> Result<pb::SubmitReportResponse, ClientError> {
        self.call(request, |channel, request| async move {
            ingest(channel).submit_report(request).await
        })
        .await
    }

    /// Rules on a place.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn adjudicate(
        &self,
        request: pb::AdjudicateRequest,
    ) -> Result<pb::AdjudicateResponse, ClientError> {
        self.call(request, |channel, request| async move {
            AdjudicationServiceClient::new(channel)
                .adjudicate(request)
                .await
        })
        .await
    }

    /// Takes a ruling back.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn revoke_adjudication(
        &self,
        request: pb::RevokeAdjudicationRequest,
    ) -> Result<pb::RevokeAdjudicationResponse, ClientError> {
        self.call(request, |channel, request| async move {
            AdjudicationServiceClient::new(channel)
                .revoke_adjudication(request)
                .await
        })
        .await
    }

    /// Reads the rulings on a place.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn list_adjudications(
        &self,
        request: pb::ListAdjudicationsRequest,
    ) -> Result<pb::ListAdjudicationsResponse, ClientError> {
        self.call(request, |channel, request| async move {
            query(channel).list_adjudications(request).await
        })
        .await
    }

    /// Stores a new version of a report.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn correct_report(
        &self,
        request: pb::CorrectReportRequest,
    ) -> Result<pb::CorrectReportResponse, ClientError> {
        self.call(request, |channel, request| async move {
            ingest(channel).correct_report(request).await
        })
        .await
    }

    /// Takes a report back.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn retract_report(
        &self,
        request: pb::RetractReportRequest,
    ) -> Result<pb::RetractReportResponse, ClientError> {
        self.call(request, |channel, request| async move {
            ingest(channel).retract_report(request).await
        })
        .await
    }

    /// Erases what a report holds.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn erase_report(
        &self,
        request: pb::EraseReportRequest,
    ) -> Result<pb::EraseReportResponse, ClientError> {
        self.call(request, |channel, request| async move {
            ingest(channel).erase_report(request).await
        })
        .await
    }

    /// Notes that a backup of the logs is being taken, or is finished.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn note_backup(
        &self,
        request: pb::NoteBackupRequest,
    ) -> Result<pb::NoteBackupResponse, ClientError> {
        self.call(request, |channel, request| async move {
            BackupServiceClient::new(channel).note_backup(request).await
        })
        .await
    }

    /// Lists the backups that are known.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn list_backups(
        &self,
        request: pb::ListBackupsRequest,
    ) -> Result<pb::ListBackupsResponse, ClientError> {
        self.call(request, |channel, request| async move {
            let backups = BackupServiceClient::new(channel);
            let mut backups = backups.max_decoding_message_size(MAX_ANSWER_BYTES);
            backups.list_backups(request).await
        })
        .await
    }

    /// Takes a backup that was deleted from the list.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn forget_backup(
        &self,
        request: pb::ForgetBackupRequest,
    ) -> Result<pb::ForgetBackupResponse, ClientError> {
        self.call(request, |channel, request| async move {
            BackupServiceClient::new(channel)
                .forget_backup(request)
                .await
        })
        .await
    }

    /// States places, actors and sources: all, or none.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn apply_registry(
        &self,
        request: pb::ApplyRegistryRequest,
    ) -> Result<pb::ApplyRegistryResponse, ClientError> {
        self.call(request, |channel, request| async move {
            registry(channel).apply_registry(request).await
        })
        .await
    }

    /// Reads a place.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn get_place(
        &self,
        request: pb::GetPlaceRequest,
    ) -> Result<pb::GetPlaceResponse, ClientError> {
        self.call(request, |channel, request| async move {
            registry(channel).get_place(request).await
        })
        .await
    }

    /// Finds places by name, alias or code.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn search_places(
        &self,
        request: pb::SearchPlacesRequest,
    ) -> Result<pb::SearchPlacesResponse, ClientError> {
        self.call(request, |channel, request| async move {
            registry(channel).search_places(request).await
        })
        .await
    }

    /// Reads an actor.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn get_actor(
        &self,
        request: pb::GetActorRequest,
    ) -> Result<pb::GetActorResponse, ClientError> {
        self.call(request, |channel, request| async move {
            registry(channel).get_actor(request).await
        })
        .await
    }

    /// Finds actors by name or alias.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn search_actors(
        &self,
        request: pb::SearchActorsRequest,
    ) -> Result<pb::SearchActorsResponse, ClientError> {
        self.call(request, |channel, request| async move {
            registry(channel).search_actors(request).await
        })
        .await
    }

    /// Reads a source.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn get_source(
        &self,
        request: pb::GetSourceRequest,
    ) -> Result<pb::GetSourceResponse, ClientError> {
        self.call(request, |channel, request| async move {
            registry(channel).get_source(request).await
        })
        .await
    }

    /// Finds sources by name.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn search_sources(
        &self,
        request: pb::SearchSourcesRequest,
    ) -> Result<pb::SearchSourcesResponse, ClientError> {
        self.call(request, |channel, request| async move {
            registry(channel).search_sources(request).await
        })
        .await
    }

    /// Says who controls a place.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn get_control_state(
        &self,
        request: pb::GetControlStateRequest,
    ) -> Result<pb::GetControlStateResponse, ClientError> {
        self.call(request, |channel, request| async move {
            query(channel).get_control_state(request).await
        })
        .await
    }

    /// Says who controls each of several places.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn batch_get_control_states(
        &self,
        request: pb::BatchGetControlStatesRequest,
    ) -> Result<pb::BatchGetControlStatesResponse, ClientError> {
        self.call(request, |channel, request| async move {
            query(channel).batch_get_control_states(request).await
        })
        .await
    }

    /// Takes a state apart, down to reports and relays.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn explain_control_state(
        &self,
        request: pb::ExplainControlStateRequest,
    ) -> Result<pb::ExplainControlStateResponse, ClientError> {
        self.call(request, |channel, request| async move {
            query(channel).explain_control_state(request).await
        })
        .await
    }

    /// Reads one report.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn get_report(
        &self,
        request: pb::GetReportRequest,
    ) -> Result<pb::GetReportResponse, ClientError> {
        self.call(request, |channel, request| async move {
            query(channel).get_report(request).await
        })
        .await
    }

    /// Says what runs in the process and how far it is.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn get_node_status(
        &self,
        request: pb::GetNodeStatusRequest,
    ) -> Result<pb::GetNodeStatusResponse, ClientError> {
        self.call(request, |channel, request| async move {
            NodeServiceClient::new(channel)
                .get_node_status(request)
                .await
        })
        .await
    }

    /// Condenses what the process holds.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn get_node_digest(
        &self,
        request: pb::GetNodeDigestRequest,
    ) -> Result<pb::GetNodeDigestResponse, ClientError> {
        self.call(request, |channel, request| async move {
            NodeServiceClient::new(channel)
                .get_node_digest(request)
                .await
        })
        .await
    }

    /// Has the process verify all that it keeps on disk, telling about once a second which
    /// role it is at. The deadline of the client holds for all of it: give it minutes. It
    /// is not tried again: the caller sees what came in between.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn verify_node(
        &self,
        request: pb::VerifyNodeRequest,
        mut told: impl FnMut(pb::VerificationProgress),
    ) -> Result<pb::NodeVerification, ClientError> {
        let verifying = async |channel: Channel| {
            let client = NodeServiceClient::new(channel);
            let mut client = client.max_decoding_message_size(MAX_ANSWER_BYTES);
            let mut steps = client.verify_node(request).await?.into_inner();
            while let Some(said) = steps.message().await? {
                match said.step {
                    Some(Step::Verification(found)) => return Ok(Some(found)),
                    Some(Step::Progress(progress)) => told(progress),
                    None => {}
                }
            }
            Ok(None)
        };
        let found = self.once(verifying).await?;
        found.ok_or_else(|| self.broken("a verification ended without a result"))
    }

    /// Lists places, from the page that the request names to the last.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn list_places(
        &self,
        mut request: pb::ListPlacesRequest,
    ) -> Result<Vec<pb::Place>, ClientError> {
        request.page_size = page_size(request.page_size);
        let mut all = Vec::new();
        loop {
            let page: pb::ListPlacesResponse = self
                .call(request.clone(), |channel, request| async move {
                    registry(channel).list_places(request).await
                })
                .await?;
            all.extend(page.places);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Lists actors, from the page that the request names to the last.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn list_actors(
        &self,
        mut request: pb::ListActorsRequest,
    ) -> Result<Vec<pb::Actor>, ClientError> {
        request.page_size = page_size(request.page_size);
        let mut all = Vec::new();
        loop {
            let page: pb::ListActorsResponse = self
                .call(request.clone(), |channel, request| async move {
                    registry(channel).list_actors(request).await
                })
                .await?;
            all.extend(page.actors);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Lists sources, from the page that the request names to the last.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn list_sources(
        &self,
        mut request: pb::ListSourcesRequest,
    ) -> Result<Vec<pb::Source>, ClientError> {
        request.page_size = page_size(request.page_size);
        let mut all = Vec::new();
        loop {
            let page: pb::ListSourcesResponse = self
                .call(request.clone(), |channel, request| async move {
                    registry(channel).list_sources(request).await
                })
                .await?;
            all.extend(page.sources);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// What the sides say of an area, from the page that the request names to the last.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn list_claimed_controls(
        &self,
        mut request: pb::ListClaimedControlsRequest,
    ) -> Result<Vec<pb::ClaimedPlace>, ClientError> {
        request.page_size = page_size(request.page_size);
        let mut all = Vec::new();
        loop {
            let page: pb::ListClaimedControlsResponse = self
                .call(request.clone(), |channel, request| async move {
                    query(channel).list_claimed_controls(request).await
                })
                .await?;
            all.extend(page.places);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Sums an area up.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn summarize_area(
        &self,
        request: pb::SummarizeAreaRequest,
    ) -> Result<pb::SummarizeAreaResponse, ClientError> {
        self.call(request, |channel, request| async move {
            query(channel).summarize_area(request).await
        })
        .await
    }

    /// One page of places.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn list_places_page(
        &self,
        request: pb::ListPlacesRequest,
    ) -> Result<pb::ListPlacesResponse, ClientError> {
        self.call(request, |channel, request| async move {
            registry(channel).list_places(request).await
        })
        .await
    }

    /// One page of states.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn list_control_states_page(
        &self,
        request: pb::ListControlStatesRequest,
    ) -> Result<pb::ListControlStatesResponse, ClientError> {
        self.call(request, |channel, request| async move {
            query(channel).list_control_states(request).await
        })
        .await
    }

    /// Lists states, from the page that the request names to the last.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn list_control_states(
        &self,
        mut request: pb::ListControlStatesRequest,
    ) -> Result<Vec<pb::ControlState>, ClientError> {
        request.page_size = page_size(request.page_size);
        let mut all = Vec::new();
        loop {
            let page: pb::ListControlStatesResponse = self
                .call(request.clone(), |channel, request| async move {
                    query(channel).list_control_states(request).await
                })
                .await?;
            all.extend(page.states);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Lists reports, from the page that the request names to the last.
    ///
    /// # Errors
    /// [`ClientError`], as the module says.
    pub async fn list_reports(
        &self,
        mut request: pb::ListReportsRequest,
    ) -> Result<Vec<pb::RecordedReportView>, ClientError> {
        request.page_size = page_size(request.page_size);
        let mut all = Vec::new();
        loop {
            let page: pb::ListReportsResponse = self
                .call(request.clone(), |channel, request| async move {
                    query(channel).list_reports(request).await
                })
                .await?;
            all.extend(page.reports);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }
}

/// Large pages, unless the caller asks for a size.
pub(crate) fn page_size(asked: i32) -> i32 {
    if asked == 0 { PAGE } else { asked }
}
