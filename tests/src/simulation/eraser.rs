//! Somebody who has reports erased that were acknowledged.

use std::sync::Arc;

use ascertain_proto::v1;
use ascertain_proto::v1::ErasureScope;
use ascertain_proto::v1::ingest_service_client::IngestServiceClient;

use super::clients::{Book, until_answered};
use super::network::call;
use super::world::{Service, World};

/// Has so many reports erased: their content, or all of them, or one after the other.
pub(crate) async fn eraser(world: Arc<World>, book: Arc<Book>, count: usize) -> anyhow::Result<()> {
    let chance = &world.chance;
    for _ in 0..count {
        chance.delay(2_000).await;
        let scope = match chance.happens(300) {
            true => ErasureScope::Content,
            false => ErasureScope::Report,
        };
        let report_id = {
            let mut told = book.open();
            let nth = chance.below(told.acknowledged.len());
            let Some(id) = told.acknowledged.keys().nth(nth).cloned() else {
                continue;
            };
            // From here on it may be gone.
            let known = told.erased.entry(id.clone()).or_insert(scope);
            *known = scope.max(*known);
            id
        };
        let erased = until_answered(&world, || {
            let request = v1::EraseReportRequest {
                report_id: report_id.clone(),
                scope: scope.into(),
                ground: v1::ErasureGround::Safety.into(),
                ..v1::EraseReportRequest::default()
            };
            let port = world.port(Service::Ingest);
            call(chance, port, "erase", move |routes| {
                let request = request.clone();
                async move { IngestServiceClient::new(routes).erase_report(request).await }
            })
        });
        let erased = erased.await?;
        erased.map_err(|status| anyhow::anyhow!("an erasure is refused: {status}"))?;
        chance.event(format_args!("erased {report_id} {scope:?}"));
        chance.operation("erasure");
    }
    Ok(())
}
