//! Who calls, what they may do and what they may see.
//!
//! Access control does not exist yet. What stands in its place is strict: every
//! caller is [`Caller::local`], only loopback addresses are listened on, and
//! only what anybody may see is taken in or given out.

use std::net::SocketAddr;

use ascertain_domain::marking::{Audience, Marking};

/// Who makes a call. Every call has a caller; it is recorded with what it wrote.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The partner on whose behalf the call is made.
    pub partner_id: String,
    /// The credential within the partner.
    pub caller_id: String,
}

impl Caller {
    /// Whoever can reach a loopback address of this machine.
    #[must_use]
    pub fn local() -> Self {
        Self {
            partner_id: "local".to_owned(),
            caller_id: "local".to_owned(),
        }
    }
}

/// Why access is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Somebody else than this machine could connect.
    #[error(
        "{0} is not a loopback address; until mutual TLS is served, only loopback addresses \
         such as 127.0.0.1:{port} or [::1]:{port} may be listened on",
        port = .0.port()
    )]
    NotLoopback(SocketAddr),
    /// The marking is above what this version can protect.
    #[error("records marked {} are not supported yet; only CLEAR is", marking_name(*.0))]
    MarkingNotSupported(Marking),
    /// The audience is above what this version can protect.
    #[error("the view of audience {} is not supported yet; only CLEAR is", audience_name(*.0))]
    AudienceNotSupported(Audience),
}

/// Lets only loopback addresses pass.
///
/// # Errors
/// [`AccessError::NotLoopback`] for every other address, wildcards included.
pub fn require_loopback(address: SocketAddr) -> Result<(), AccessError> {
    if address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(AccessError::NotLoopback(address))
    }
}

/// Lets only markings pass that this version can protect.
///
/// # Errors
/// [`AccessError::MarkingNotSupported`] for all but CLEAR.
pub fn require_supported_marking(marking: Marking) -> Result<(), AccessError> {
    if marking == Marking::Clear {
        Ok(())
    } else {
        Err(AccessError::MarkingNotSupported(marking))
    }
}

/// Lets only audiences pass whose view this version can protect.
///
/// # Errors
/// [`AccessError::AudienceNotSupported`] for all but CLEAR.
pub fn require_supported_audience(audience: Audience) -> Result<(), AccessError> {
    if audience == Audience::Clear {
        Ok(())
    } else {
        Err(AccessError::AudienceNotSupported(audience))
    }
}

/// Whether a record of a marking exists in the world of an audience.
#[must_use]
pub fn visible_to(marking: Marking, audience: Audience) -> bool {
    audience.sees(marking)
}

fn marking_name(marking: Marking) -> &'static str {
    match marking {
        Marking::Clear => "CLEAR",
        Marking::Green => "GREEN",
        Marking::Amber => "AMBER",
        Marking::AmberStrict => "AMBER+STRICT",
        Marking::Red => "RED",
    }
}

fn audience_name(audience: Audience) -> &'static str {
    match audience {
        Audience::Clear => "CLEAR",
        Audience::Green => "GREEN",
        Audience::Amber => "AMBER",
        Audience::Full => "FULL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn loopback_is_listened_on_in_both_families() {
        for text in [
            "127.0.0.1:7411",
            "127.8.8.8:0",
            "[::1]:7411",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert_eq!(require_loopback(address(text)), Ok(()), "{text}");
        }
    }

    #[test]
    fn every_other_address_is_refused_and_the_message_says_why_and_what_works() {
        for text in [
            "0.0.0.0:7411",
            "[::]:7411",
            "10.0.0.1:7411",
            "[::ffff:10.0.0.1]:7411",
        ] {
            let error = require_loopback(address(text)).expect_err(text).to_string();
            assert!(error.contains("mutual TLS"), "{error}");
            assert!(error.contains("127.0.0.1:7411"), "{error}");
        }
    }

    #[test]
    fn only_clear_is_taken_in_and_given_out() {
        assert_eq!(require_supported_marking(Marking::Clear), Ok(()));
        assert_eq!(require_supported_audience(Audience::Clear), Ok(()));
        for marking in [
            Marking::Green,
            Marking::Amber,
            Marking::AmberStrict,
            Marking::Red,
        ] {
            assert!(require_supported_marking(marking).is_err());
            assert!(!visible_to(marking, Audience::Clear));
        }
        for audience in [Audience::Green, Audience::Amber, Audience::Full] {
            assert!(require_supported_audience(audience).is_err());
        }
    }

    #[test]
    fn a_refused_marking_is_named_as_partners_write_it() {
        let error = require_supported_marking(Marking::AmberStrict).expect_err("refused");
        assert!(error.to_string().contains("AMBER+STRICT"), "{error}");
    }
}
