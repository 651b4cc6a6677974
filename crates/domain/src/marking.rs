//! Markings of records and audiences of states.

/// The Traffic Light Protocol 2.0 marking of a record, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Marking {
    /// May be published.
    Clear,
    /// For the community.
    Green,
    /// Need-to-know, with clients.
    Amber,
    /// Need-to-know, own organisation only.
    AmberStrict,
    /// Named recipients only.
    Red,
}

/// The readers that a state is made for. A state of an audience is folded from
/// the records that this audience may see, and from nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// Anybody.
    Clear,
    /// The community.
    Green,
    /// Organisations with a need to know.
    Amber,
    /// Operators.
    Full,
}

impl Audience {
    /// Whether this audience may see records of a marking.
    #[must_use]
    pub fn sees(self, marking: Marking) -> bool {
        match self {
            Self::Clear => marking <= Marking::Clear,
            Self::Green => marking <= Marking::Green,
            Self::Amber => marking <= Marking::Amber,
            Self::Full => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_operators_see_amber_strict_and_red() {
        for marking in [Marking::AmberStrict, Marking::Red] {
            assert!(!Audience::Amber.sees(marking));
            assert!(Audience::Full.sees(marking));
        }
        assert!(Audience::Clear.sees(Marking::Clear));
        assert!(!Audience::Clear.sees(Marking::Green));
    }
}
