//! A request to erase.

use ascertain_domain::erasure::Scope;
use ascertain_domain::id::{PartnerId, ReportKey};
use ascertain_domain::violation::{Violation, Violations};

use super::{enums, text};
use crate::{log, v1};

/// What is to be erased, and the record that says so.
///
/// # Errors
/// Every mistake, with its field. `partner_id` is whose report it is where none is named.
pub fn check(
    request: &v1::EraseReportRequest,
    own: &str,
) -> Result<(ReportKey, Scope, log::v1::Erasure), Vec<Violation>> {
    let mut v = Violations::at("");
    let report = text::report_id(&request.report_id, "report_id", &mut v);
    let partner = match request.partner_id.as_str() {
        "" => own,
        partner => partner,
    };
    let partner =
        PartnerId::new(partner).map_err(|error| text::add_id_error(&error, "partner_id", &mut v));
    let scope = enums::scope(request.scope, "scope", &mut v);
    enums::required::<v1::ErasureGround>(request.ground, "ground", &mut v);
    v.finish()?;
    let (Some(report), Ok(partner), Some(scope)) = (report, partner, scope) else {
        return Err(Vec::new());
    };
    let erasure = log::v1::Erasure {
        partner_id: partner.to_string(),
        report_id: report.to_string(),
        scope: request.scope,
        ground: request.ground,
    };
    Ok((ReportKey { partner, report }, scope, erasure))
}
