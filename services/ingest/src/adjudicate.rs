//! Rulings of operators: checked, and recorded in the partition of their place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ascertain_access::Caller;
use ascertain_domain::adjudication::Ruling;
use ascertain_domain::id::{Digest, PlaceId, ReportId, ReportKey};
use ascertain_log::{Append, PartitionId, Sequence};
use ascertain_proto::inward::adjudication::{
    Checked, check, check_revocation, revocation, submitted_digest,
};
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::log::v1::record_body::Content;
use ascertain_proto::{outward, v1};
use bytes::Bytes;
use tonic::Code;
use v1::Reason;

use crate::accept::within_limit;
use crate::error::Refusal;
use crate::ledger::{Entry, Known, Reservation};
use crate::replay::replay;
use crate::service::Core;
use crate::stamp::Provenance;
use crate::writer::Pending;

impl Core {
    /// Records a ruling, or finds that it is recorded.
    pub(crate) async fn adjudicate(
        self: &Arc<Self>,
        caller: &Caller,
        request: &v1::AdjudicateRequest,
    ) -> Result<v1::AdjudicateResponse, Refusal> {
        let provenance = Provenance::read(caller, None, (self.clock)())?;
        // What was recorded is acknowledged again whatever the registry has become.
        if let Some(id) = ReportId::parse(&request.adjudication_id) {
            let partner = provenance.partner.clone();
            let known = self.ledger.entry(&ReportKey {
                partner,
                report: id,
            })?;
            if let Some(known) = known.filter(|known| known.submitted == submitted_digest(request))
            {
                return Ok(v1::AdjudicateResponse {
                    acknowledgement: Some(self.acknowledge_again(id, &known)),
                    adjudication: None,
                });
            }
        }
        let registry = self.registry.current();
        let checked = check(request, registry.domain.latest(), provenance.now);
        let mut checked = checked.map_err(Refusal::invalid)?;
        if let Some(adjudication) = &mut checked.record.adjudication {
            adjudication.partner_id = provenance.partner.to_string();
        }
        let adjudication = checked.record.adjudication.clone();
        let field = "adjudication_id";
        let recorded = self.record(checked, field, &provenance, request.validate_only);
        let acknowledgement = recorded.await?;
        Ok(v1::AdjudicateResponse {
            // What was recorded before may hold from another time on.
            adjudication: adjudication.filter(|_| !acknowledgement.duplicate),
            acknowledgement: Some(acknowledgement),
        })
    }

    /// Takes a ruling back.
    pub(crate) async fn revoke(
        self: &Arc<Self>,
        caller: &Caller,
        request: &v1::RevokeAdjudicationRequest,
    ) -> Result<v1::RevokeAdjudicationResponse, Refusal> {
        let provenance = Provenance::read(caller, None, (self.clock)())?;
        let ids = check_revocation(request).map_err(Refusal::invalid)?;
        let place = self.ruled_on(&provenance, ids.1).await?;
        let checked = revocation(request, ids, &place);
        let field = "revocation_id";
        let recorded = self.record(checked, field, &provenance, request.validate_only);
        Ok(v1::RevokeAdjudicationResponse {
            acknowledgement: Some(recorded.await?),
        })
    }

    /// The place of a ruling.
    async fn ruled_on(&self, provenance: &Provenance, id: ReportId) -> Result<PlaceId, Refusal> {
        let partner = provenance.partner.clone();
        let key = ReportKey {
            partner,
            report: id,
        };
        let mut place = None;
        for (partition, sequence) in self
            .ledger
            .entry(&key)?
            .map(|known| known.positions)
            .unwrap_or_default()
        {
            let (partition, at) = (PartitionId(partition), Sequence(sequence));
            let before = Sequence(sequence.saturating_sub(1));
            let read = replay(self.log.as_ref(), partition, before, at, |records| {
                for record in records {
                    if let Ok(Body::Adjudication(ruled)) = decode_body(&record.body)
                        && matches!(ruled.ruling, Ruling::So { .. })
                    {
                        place = Some(ruled.place);
                    }
                }
                Ok(())
            });
            read.await.map_err(|error| Refusal::internal(&error))?;
        }
        place.ok_or_else(|| {
            let what = format!("there is no ruling {id} of {}", provenance.partner);
            Refusal::new(Code::NotFound, Reason::NotFound, what)
        })
    }

    /// Records what was checked, under the id that a field of the request gives.
    async fn record(
        self: &Arc<Self>,
        checked: Checked,
        id_field: &str,
        provenance: &Provenance,
        validate_only: bool,
    ) -> Result<v1::Acknowledgement, Refusal> {
        let partner = provenance.partner.clone();
        let key = ReportKey {
            partner,
            report: checked.id,
        };
        let submitted: [u8; 32] = checked
            .record
            .submitted_digest
            .as_slice()
            .try_into()
            .map_err(|_| Refusal::field("", Reason::Internal, "a digest of another length"))?;
        let submitted = Digest(submitted);
        let reservation = match self.reserve(&key).await? {
            Reserved::Known(entry) if entry.submitted == submitted => {
                return Ok(self.acknowledge_again(checked.id, &entry));
            }
            Reserved::Known(_) => return Err(Refusal::id_taken(id_field)),
            Reserved::New(reservation) => reservation,
        };
        let mut acknowledgement = v1::Acknowledgement {
            report_id: checked.id.to_string(),
            ..v1::Acknowledgement::default()
        };
        if validate_only {
            return Ok(acknowledgement);
        }
        let registry = self.registry.current();
        let view = registry.domain.latest();
        let place = view.place(&checked.place).ok_or_else(|| {
            let what = format!("place `{}` is not in the registry", checked.place);
            Refusal::field("place", Reason::PlaceUnknown, what)
        })?;
        let body = provenance.body(&self.node, Content::Adjudication(checked.record));
        within_limit("reason", body.len())?;
        let entry = Entry {
            submitted,
            body: Digest::of(&body),
            first_recorded_at: provenance.now,
            time_inconsistent: false,
            positions: BTreeMap::new(),
            others: BTreeSet::new(),
        };
        let append = Append {
            partition: self.partitions.of_home_area(&place.home_area),
            body,
            content: Bytes::new(),
            registry_sequence: Sequence(registry.domain.last_sequence()),
            recorded: provenance.recorded(),
        };
        let pending = Pending {
            reservation,
            entry,
            appends: 1,
        };
        let written = self.writer.write(vec![append], vec![pending]).await;
        let positions = written.map_err(|failed| Refusal::from(&failed.error))?;
        acknowledgement.write_token = self.token(&positions);
        acknowledgement.first_recorded_at = Some(outward::timestamp(provenance.now));
        Ok(acknowledgement)
    }

    /// Reserves an id, or finds what it was used for; waits where that is being decided.
    async fn reserve(self: &Arc<Self>, key: &ReportKey) -> Result<Reserved, Refusal> {
        loop {
            match self.ledger.ask(key)? {
                Known::New(reservation) => return Ok(Reserved::New(reservation)),
                Known::Accepted(entry) => return Ok(Reserved::Known(entry)),
                Known::UnderWay(mut decided) => while decided.changed().await.is_ok() {},
            }
        }
    }
}

/// What an id is.
enum Reserved {
    /// The caller's to record.
    New(Reservation),
    /// Used already.
    Known(Entry),
}
