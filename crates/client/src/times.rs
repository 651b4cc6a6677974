//! How states went, and how two of them differ.

use ascertain_proto::v1 as pb;

use crate::calls::{page_size, query};
use crate::{Client, ClientError};

impl Client {
    /// Reads how a place's state went, from the page that the request names to the last.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub async fn get_control_history(
        &self,
        mut request: pb::GetControlHistoryRequest,
    ) -> Result<Vec<pb::HistoryPoint>, ClientError> {
        request.page_size = page_size(request.page_size);
        let mut all = Vec::new();
        loop {
            let page: pb::GetControlHistoryResponse = self
                .call(request.clone(), |channel, request| async move {
                    query(channel).get_control_history(request).await
                })
                .await?;
            all.extend(page.points);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Reads what corrections changed in what had been published, from the page that the
    /// request names to the last, as one page. Ask again with its `known_up_to` as
    /// `known_after` for what came since.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub async fn list_errata(
        &self,
        mut request: pb::ListErrataRequest,
    ) -> Result<pb::ListErrataResponse, ClientError> {
        let mut all = Vec::new();
        loop {
            let mut page: pb::ListErrataResponse = self
                .call(request.clone(), |channel, request| async move {
                    query(channel).list_errata(request).await
                })
                .await?;
            all.append(&mut page.errata);
            if page.next_page_token.is_empty() {
                page.errata = all;
                return Ok(page);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Compares two states of a place, or of the places of an area, from the page that the
    /// request names to the last.
    ///
    /// # Errors
    /// [`ClientError`], as for every call.
    pub async fn compare_control_states(
        &self,
        mut request: pb::CompareControlStatesRequest,
    ) -> Result<Vec<pb::StateComparison>, ClientError> {
        let mut all = Vec::new();
        loop {
            let page: pb::CompareControlStatesResponse = self
                .call(request.clone(), |channel, request| async move {
                    query(channel).compare_control_states(request).await
                })
                .await?;
            all.extend(page.comparisons);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }
}
