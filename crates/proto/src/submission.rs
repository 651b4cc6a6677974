//! Submissions, read with patience.
//!
//! protobuf refuses a whole message for one text that is no UTF-8, and with it the
//! batch and the stream that it stands in. A bad report must cost its neighbours
//! nothing, so a submission keeps what could be read and says what could not. On
//! the wire it is what `ingest_service.proto` says.

use ::bytes::{Buf, BufMut, Bytes};
use prost::DecodeError;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, bool, bytes, message, skip_field};

use crate::v1::{Backfill, Report};

/// `ReportSubmission`, and `SubmitReportRequest`, which has the same fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Submission {
    /// The report; `None` if there is none, or it is unreadable.
    pub report: Option<Report>,
    /// Check everything, store nothing.
    pub validate_only: bool,
    /// For operators who bring an archive along.
    pub backfill: Option<Backfill>,
    /// What could not be read. Never sent.
    pub unreadable: Option<Unreadable>,
}

/// A part of a submission that is no protobuf of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The report's id, as far as it could be read.
    pub report_id: String,
    /// The path of the field, such as `report.claims.place.name`; without indices.
    pub field: String,
    /// What is wrong with it.
    pub what: String,
}

/// The id of a report, whatever else is in it.
#[derive(Clone, PartialEq, Message)]
struct IdOnly {
    #[prost(bytes = "vec", tag = "1")]
    report_id: Vec<u8>,
}

impl Unreadable {
    fn new(root: &str, error: &DecodeError, report_id: String) -> Self {
        // prost tells the path outside in, as `Report.claims: Claim.place: … what`.
        let told = error.to_string();
        let told = told
            .split_once("message: ")
            .map_or(told.as_str(), |(_, rest)| rest);
        let mut path = vec![root];
        let mut what = told;
        while let Some((segment, rest)) = what.split_once(": ") {
            match segment.split_once('.') {
                Some((_, field)) if !segment.contains(' ') => path.push(field),
                _ => break,
            }
            what = rest;
        }
        Self {
            report_id,
            field: path.join("."),
            what: what.to_owned(),
        }
    }
}

impl Message for Submission {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if let Some(report) = &self.report {
            message::encode(1, report, buf);
        }
        if self.validate_only {
            bool::encode(2, &self.validate_only, buf);
        }
        if let Some(backfill) = &self.backfill {
            message::encode(3, backfill, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => {
                let mut raw = Bytes::new();
                bytes::merge(wire_type, &mut raw, buf, ctx)?;
                match Report::decode(raw.clone()) {
                    Ok(report) => self.report = Some(report),
                    Err(error) => {
                        let id = IdOnly::decode(raw).unwrap_or_default().report_id;
                        let id = String::from_utf8_lossy(&id).into_owned();
                        self.unreadable = Some(Unreadable::new("report", &error, id));
                    }
                }
                Ok(())
            }
            2 => bool::merge(wire_type, &mut self.validate_only, buf, ctx),
            3 => {
                let mut raw = Bytes::new();
                bytes::merge(wire_type, &mut raw, buf, ctx)?;
                match Backfill::decode(raw) {
                    Ok(backfill) => self.backfill = Some(backfill),
                    Err(error) => {
                        let id = self.report.as_ref().map(|r| r.report_id.clone());
                        let unreadable =
                            Unreadable::new("backfill", &error, id.unwrap_or_default());
                        self.unreadable.get_or_insert(unreadable);
                    }
                }
                Ok(())
            }
            _ => skip_field(wire_type, tag, buf, ctx),
        }
    }

    fn encoded_len(&self) -> usize {
        let report = self
            .report
            .as_ref()
            .map_or(0, |r| message::encoded_len(1, r));
        let validate_only = if self.validate_only {
            bool::encoded_len(2, &true)
        } else {
            0
        };
        let backfill = self
            .backfill
            .as_ref()
            .map_or(0, |b| message::encoded_len(3, b));
        report + validate_only + backfill
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1;

    fn submission() -> Submission {
        Submission {
            report: Some(Report {
                report_id: "5f0e6a9c-0000-4000-8000-000000000000".to_owned(),
                text: "spoilt".to_owned(),
                ..Report::default()
            }),
            validate_only: true,
            backfill: Some(Backfill {
                partner_id: "local".to_owned(),
                ..Backfill::default()
            }),
            unreadable: None,
        }
    }

    #[test]
    fn a_submission_comes_back_as_it_was_sent() {
        let bytes = submission().encode_to_vec();
        assert_eq!(bytes.len(), submission().encoded_len());
        assert_eq!(Submission::decode(bytes.as_slice()), Ok(submission()));
    }

    #[test]
    fn a_text_that_is_no_utf_8_costs_its_report_and_no_other() {
        let batch = v1::SubmitReportsRequest {
            submissions: vec![submission(), submission()],
        };
        let mut bytes = batch.encode_to_vec();
        let at = bytes
            .windows(6)
            .position(|w| w == b"spoilt")
            .expect("the text");
        bytes[at] = 0xff;
        let read = v1::SubmitReportsRequest::decode(bytes.as_slice()).expect("a batch");
        assert_eq!(read.submissions[1], submission());
        let unreadable = read.submissions[0]
            .unreadable
            .clone()
            .expect("one is spoilt");
        assert_eq!(unreadable.field, "report.text");
        assert_eq!(unreadable.report_id, "5f0e6a9c-0000-4000-8000-000000000000");
        assert!(unreadable.what.contains("UTF-8"), "{}", unreadable.what);
    }
}
