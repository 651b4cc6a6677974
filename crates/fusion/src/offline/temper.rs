//! How much of the evidence is to be believed.

/// The power of one claim among sources of alikeness 1.
const BASE: f64 = 1.8;
/// How fast it falls with the alikeness of the sources,
const BY_ALIKENESS: f64 = -0.37;
/// and with the number of claims.
const BY_COUNT: f64 = -0.43;

/// The power that prior × likelihood of an item with so many claims are raised to,
/// at most 1. Claims on one item err together, and the more so where sources differ
/// little: what they get wrong then lies in the items.
pub(crate) fn power(alikeness: f64, claims: usize) -> f64 {
    let exponent = libm::log(BASE)
        + BY_ALIKENESS * libm::log(alikeness)
        + BY_COUNT * libm::log(claims.max(1) as f64);
    libm::exp(exponent).min(1.0)
}
