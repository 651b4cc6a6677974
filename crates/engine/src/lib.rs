//! The fusion applied to the domain: one function defines every answer.
