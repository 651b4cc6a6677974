//! Who records what, when: the stamp of a body, and bodies around it.

use ascertain_access::Caller;
use ascertain_domain::id::PartnerId;
use ascertain_domain::time::Timestamp;
use ascertain_domain::violation::{Reason, Violation};
use ascertain_log::Recorded;
use ascertain_proto::{inward, log, outward, v1};
use bytes::Bytes;
use log::v1::record_body::Content;
use prost::Message as _;

use crate::error::Refusal;

/// Under whose name and at what time something is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Provenance {
    pub(crate) partner: PartnerId,
    pub(crate) caller_id: String,
    /// Now.
    pub(crate) now: Timestamp,
    /// When it was first known, where an operator states it.
    pub(crate) stated: Option<Timestamp>,
}

impl Provenance {
    /// From the caller, and what an operator states.
    pub(crate) fn read(
        caller: &Caller,
        backfill: Option<&v1::Backfill>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let mut wrong = Vec::new();
        let mut add = |field: &str, reason, description: String| {
            wrong.push(Violation {
                field: field.to_owned(),
                reason,
                description,
            });
        };
        let mut stated = None;
        let mut partner_id = caller.partner_id.as_str();
        if let Some(backfill) = backfill {
            const FIELD: &str = "backfill.first_known_at";
            match backfill.first_known_at.as_ref().map(inward::timestamp) {
                None => add(
                    FIELD,
                    Reason::Required,
                    "is empty; say when it was known".into(),
                ),
                Some(Err(error)) => add(FIELD, Reason::OutOfRange, error.to_string()),
                Some(Ok(time)) if time > now => {
                    add(
                        FIELD,
                        Reason::OutOfRange,
                        format!("{time} has not come yet"),
                    );
                }
                Some(Ok(time)) => stated = Some(time),
            }
            if !backfill.partner_id.is_empty() {
                partner_id = &backfill.partner_id;
            }
        }
        let partner = PartnerId::new(partner_id);
        if let Err(error) = &partner {
            add("backfill.partner_id", Reason::Malformed, error.to_string());
        }
        match partner {
            Ok(partner) if wrong.is_empty() => Ok(Self {
                partner,
                caller_id: caller.caller_id.clone(),
                now,
                stated,
            }),
            _ => Err(Refusal::invalid(wrong)),
        }
    }

    /// The time against which events are checked.
    pub(crate) fn received_at(&self) -> Timestamp {
        self.stated.unwrap_or(self.now)
    }

    /// Where the knowledge time of the record comes from.
    pub(crate) fn recorded(&self) -> Recorded {
        self.stated.map_or(Recorded::Now, Recorded::Stated)
    }

    /// A body as it is kept for ever.
    pub(crate) fn body(&self, node: &str, content: Content) -> Bytes {
        let body = log::v1::RecordBody {
            stamp: Some(log::v1::Stamp {
                first_recorded_at: Some(outward::timestamp(self.now)),
                first_node: node.to_owned(),
                first_known_at: self.stated.map(outward::timestamp),
                partner_id: self.partner.to_string(),
                caller_id: self.caller_id.clone(),
            }),
            content: Some(content),
        };
        body.encode_to_vec().into()
    }
}

/// Reads the stated time out of a stamp.
pub(crate) fn stated(body: &log::v1::RecordBody) -> Option<Timestamp> {
    let stamp = body.stamp.as_ref()?;
    inward::timestamp(stamp.first_known_at.as_ref()?).ok()
}
