//! Ids, a type for each kind of thing.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// The most characters that an id has.
pub const MAX_ID_CHARS: usize = 64;

/// An id that people can read: `a-z 0-9 - _ .`, 1 to 64 characters. Never reused.
pub struct Id<K>(Arc<str>, PhantomData<fn() -> K>);

/// Names the kind of [`PlaceId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfPlace {}
/// Names the kind of [`ActorId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfActor {}
/// Names the kind of [`SourceId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfSource {}
/// Names the kind of [`PartnerId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfPartner {}
/// Names the kind of [`ClaimId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfClaim {}

/// A place.
pub type PlaceId = Id<OfPlace>;
/// An actor.
pub type ActorId = Id<OfActor>;
/// A source.
pub type SourceId = Id<OfSource>;
/// A partner organisation.
pub type PartnerId = Id<OfPartner>;
/// A claim within its report.
pub type ClaimId = Id<OfClaim>;

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("is empty; give 1 to 64 characters of `a-z 0-9 - _ .`")]
    Empty,
    /// More than 64 characters.
    #[error("has {0} characters; 64 is the most")]
    TooLong(usize),
    /// A character that ids do not have.
    #[error("holds {0:?}; ids have `a-z 0-9 - _ .` only")]
    Character(char),
}

impl<K> Id<K> {
    /// Reads an id.
    ///
    /// # Errors
    /// [`IdError`] says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if let Some(c) = text
            .chars()
            .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '_' | '.'))
        {
            return Err(IdError::Character(c));
        }
        if text.len() > MAX_ID_CHARS {
            return Err(IdError::TooLong(text.len()));
        }
        Ok(Self(text.into(), PhantomData))
    }

    /// The id that stands before all others in order.
    #[must_use]
    pub fn least() -> Self {
        Self("-".into(), PhantomData)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K> Borrow<str> for Id<K> {
    fn borrow(&self) -> &str {
        &self.0
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A report's id: a UUID chosen by its submitter, unique within the partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportId(pub uuid::Uuid);

impl ReportId {
    /// Reads a UUID in its hyphenated form, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = uuid::Uuid::try_parse(text).ok()?;
        (text.len() == uuid::fmt::Hyphenated::LENGTH).then_some(Self(id))
    }
}

impl fmt::Display for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A report within the whole system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportKey {
    /// Who submitted it.
    pub partner: PartnerId,
    /// Its id there.
    pub report: ReportId,
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The SHA-256 of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_is_wrong_with_it() {
        assert!(PlaceId::new("hama-city.2").is_ok());
        assert_eq!(PlaceId::new(""), Err(IdError::Empty));
        assert_eq!(PlaceId::new("Hama"), Err(IdError::Character('H')));
        assert_eq!(PlaceId::new(&"a".repeat(65)), Err(IdError::TooLong(65)));
    }

    #[test]
    fn a_report_id_is_a_hyphenated_uuid() {
        assert!(ReportId::parse("5F0E6A9C-0000-4000-8000-000000000000").is_some());
        assert!(ReportId::parse("5f0e6a9c000040008000000000000000").is_none());
        assert!(ReportId::parse("R5").is_none());
    }
}
