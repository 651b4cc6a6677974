//! What a log holds, condensed, so that two can be compared.

use std::collections::{BTreeMap, BTreeSet};

use ascertain_domain::id::{Digest, ReportKey};
use ascertain_domain::registry::RegistryChange;
use ascertain_domain::tombstone::body_digest;
use ascertain_log::Record;
use ascertain_proto::inward::record::{Body, decode_body};
use ascertain_proto::log::v1::StateEntry;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::ReplicaError;

/// Every report and registry change, whatever the order and however often: the digest
/// of records that `node digest` prints.
#[derive(Default)]
pub struct RecordsDigest {
    reports: BTreeMap<ReportKey, Digest>,
    changes: BTreeSet<(&'static str, String, Digest)>,
}

impl RecordsDigest {
    /// Takes a record in.
    ///
    /// # Errors
    /// [`ReplicaError::Decode`] for a record that this version cannot read.
    pub fn take(&mut self, record: &Record) -> Result<(), ReplicaError> {
        let (partition, sequence) = (record.position.partition.0, record.position.sequence.0);
        let decoded = decode_body(&record.body).map_err(|source| ReplicaError::Decode {
            partition,
            sequence,
            source,
        })?;
        match decoded {
            Body::Report(report) => {
                let digest = report.body_digest;
                let known = self.reports.entry(report.key()).or_insert(digest);
                *known = digest.min(*known);
            }
            Body::Registry(change, ..) => {
                let (kind, id) = match change {
                    RegistryChange::Place(place) => ("place", place.id.to_string()),
                    RegistryChange::Actor(actor) => ("actor", actor.id.to_string()),
                    RegistryChange::Source(source) => ("source", source.id.to_string()),
                    RegistryChange::SourceModel(model) => {
                        ("source-model", model.digest().to_string())
                    }
                };
                self.changes.insert((kind, id, Digest::of(&record.body)));
            }
            Body::Adjudication(adjudication) => {
                let id = adjudication.id.to_string();
                let digest = Digest::of(&record.body);
                self.changes.insert(("adjudication", id, digest));
            }
            // It knows the digest of what was.
            Body::Erased(tombstone) => {
                let digest = body_digest(&record.body);
                let known = self.reports.entry(tombstone.key).or_insert(digest);
                *known = digest.min(*known);
            }
            // They belong to one log.
            Body::Adopt { .. } | Body::Erasure(..) => {}
        }
        Ok(())
    }

    /// SHA-256 over `kind NUL partner NUL id NUL body digest`, changes first; and of how
    /// many records.
    #[must_use]
    pub fn finish(self) -> (Digest, u64) {
        let mut sum = Sha256::new();
        let count = self.reports.len() + self.changes.len();
        let mut add = |kind: &str, partner: &str, id: &str, digest: Digest| {
            for text in [kind, partner, id] {
                sum.update(text.as_bytes());
                sum.update([0]);
            }
            sum.update(digest.0);
        };
        for (kind, id, digest) in &self.changes {
            add(kind, "", id, *digest);
        }
        for (key, digest) in &self.reports {
            add(
                "report",
                key.partner.as_str(),
                &key.report.to_string(),
                *digest,
            );
        }
        (Digest(sum.finalize().into()), count as u64)
    }
}

/// A digest of a set: whatever the order, each member as often as it is there. It tells
/// damage, not malice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetDigest {
    sums: [u64; 4],
    count: u64,
}

impl SetDigest {
    /// Takes a member in, by its parts; each part is told from the next.
    pub fn add(&mut self, parts: &[&[u8]]) {
        let mut sum = Sha256::new();
        for part in parts {
            sum.update((part.len() as u64).to_be_bytes());
            sum.update(part);
        }
        let digest: [u8; 32] = sum.finalize().into();
        for (sum, word) in self.sums.iter_mut().zip(digest.chunks_exact(8)) {
            *sum = sum.wrapping_add(word.try_into().map_or(0, u64::from_be_bytes));
        }
        self.count += 1;
    }

    /// The digest, 32 bytes, and how many members there are.
    #[must_use]
    pub fn finish(self) -> (Vec<u8>, u64) {
        let bytes = self.sums.iter().flat_map(|sum| sum.to_be_bytes());
        (bytes.collect(), self.count)
    }
}

/// Takes an entry of the state log, with its cause, into a digest.
pub fn condense_entry(report_sequence: u64, entry: &StateEntry, digest: &mut SetDigest) {
    let place = entry.state.as_ref().map_or("", |s| s.place_id.as_str());
    let bytes = entry.encode_to_vec();
    digest.add(&[place.as_bytes(), &report_sequence.to_be_bytes(), &bytes]);
}

/// The method that computed an entry.
#[must_use]
pub fn method_of(entry: &StateEntry) -> &str {
    let state = entry.state.as_ref();
    state.map_or("", |state| &state.method_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_one_digest_in_any_order_and_another_for_any_other_set() {
        let of = |members: &[&str]| {
            let mut digest = SetDigest::default();
            members.iter().for_each(|m| digest.add(&[m.as_bytes()]));
            digest.finish()
        };
        assert_eq!(of(&["a", "b", "c"]), of(&["c", "a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["a", "b", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["a", "c"]));
        let (mut one, mut other) = (SetDigest::default(), SetDigest::default());
        one.add(&[b"ab", b"c"]);
        other.add(&[b"a", b"bc"]);
        assert_ne!(one, other);
    }
}
