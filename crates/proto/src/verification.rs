//! Comparing what roles hold, within a process and across several.

use crate::v1::RoleVerification;

/// What roles hold differently, in words.
#[must_use]
pub fn differences(roles: &[RoleVerification]) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, of: fn(&RoleVerification) -> (&[u8], u64)| {
        let mut holding = roles.iter().filter(|role| !of(role).0.is_empty());
        let Some(first) = holding.next() else { return };
        for other in holding.filter(|other| of(other) != of(first)) {
            let ((_, here), (_, there)) = (of(first), of(other));
            let (first, other) = (&first.role, &other.role);
            found.push(format!(
                "{first} and {other} hold different {what}: {here} and {there}, or others"
            ));
        }
    };
    compare("reports", |role| (&role.reports, role.report_count));
    compare("states", |role| (&role.states, role.state_count));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_roles_hold_differently_is_told_and_what_they_do_not_hold_is_not() {
        let role = |name: &str, reports: &[u8]| RoleVerification {
            role: name.into(),
            reports: reports.to_vec(),
            ..RoleVerification::default()
        };
        let same = [
            role("ingest", &[1]),
            role("reconcile", &[1]),
            role("x", &[]),
        ];
        assert!(differences(&same).is_empty());
        let found = differences(&[role("ingest", &[1]), role("query", &[2])]);
        assert!(found[0].starts_with("ingest and query hold different reports"));
    }
}
