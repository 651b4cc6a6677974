//! Whether sources differ in how often they are right.

/// Values of ln m that are tried first,
const GRID: std::ops::RangeInclusive<i32> = -1..=6;
/// and how often the distance to the next ones is then halved.
const HALVINGS: u32 = 3;
/// What is expected before any source has been seen, as ln, and how firmly.
const EXPECTED: (f64, f64) = (1.5, 0.05);

/// How alike sources are, from each one's (claims that agree, claims): the strength
/// m of the beta distribution with the overall mean that they seem to be drawn from
/// (beta-binomial likelihood). 1: each is of its own kind. 100: they are all alike.
pub(crate) fn alikeness(agreement: &[(f64, f64)]) -> f64 {
    let agree: f64 = agreement.iter().map(|sums| sums.0).sum();
    let all: f64 = agreement.iter().map(|sums| sums.1).sum();
    let mean = (agree + 1.0) / (all + 2.0);
    let worth = |ln_m: f64| {
        let m = libm::exp(ln_m);
        let (right, wrong) = (mean * m, (1.0 - mean) * m);
        let rest = libm::lgamma(m) - libm::lgamma(right) - libm::lgamma(wrong);
        let far = ln_m - EXPECTED.0;
        let of_source = |(agree, all): &(f64, f64)| {
            rest + libm::lgamma(right + agree) + libm::lgamma(wrong + all - agree)
                - libm::lgamma(m + all)
        };
        agreement.iter().map(of_source).sum::<f64>() - EXPECTED.1 * far * far
    };
    let mut best = (f64::NEG_INFINITY, 0.0);
    let mut take = |ln_m: f64| {
        let worth = worth(ln_m);
        if worth > best.0 {
            best = (worth, ln_m);
        }
        best.1
    };
    let mut at = 0.0;
    for ln_m in GRID {
        at = take(f64::from(ln_m));
    }
    let mut step = 1.0;
    for _ in 0..HALVINGS {
        step /= 2.0;
        let (below, above) = (at - step, at + step);
        take(below);
        at = take(above);
    }
    libm::exp(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_with_the_same_record_are_alike() {
        let alike = alikeness(&[(75.0, 100.0); 20]);
        let unlike: Vec<(f64, f64)> = (0..20)
            .map(|s| (50.0 + f64::from(s % 2) * 50.0, 100.0))
            .collect();
        let unlike = alikeness(&unlike);
        assert!(alike > 100.0 && unlike < 3.0, "{alike} {unlike}");
    }

    #[test]
    fn who_has_said_nothing_tells_nothing_of_others() {
        let some = [(9.0, 10.0), (5.0, 10.0), (7.0, 10.0)];
        let more = [some.as_slice(), &[(0.0, 0.0); 50]].concat();
        assert_eq!(alikeness(&some), alikeness(&more));
        // Nothing is known: what is expected.
        assert!((libm::log(alikeness(&[])) - EXPECTED.0).abs() <= 0.125);
    }
}
