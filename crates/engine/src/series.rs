//! What was believed of a place at each of many times, then and in hindsight.

use ascertain_domain::time::{HOUR_US, Timestamp};
use ascertain_fusion::filter::{Filter, Step, multiply};
use ascertain_fusion::outcomes::Outcomes;

use crate::fold::{Family, Folded};

/// The belief about one time. Probabilities by outcome, which sum to 1: the sides
/// in the order of ids, then contested, mixed, vacated, other.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// From the reports that were known by then.
    pub filtered: Vec<f64>,
    /// From all reports, later ones in hindsight.
    pub smoothed: Vec<f64>,
}

/// The belief about each time, which are given in ascending order: from what was
/// known by then (reports with `first_known_at` not after it), and in hindsight of
/// all reports. The same that evaluating a fold of those reports at that time
/// gives, before rounding.
#[must_use]
pub fn series(family: Family<'_>, times: &[Timestamp]) -> Vec<Moment> {
    let mut reports = family.reports.to_vec();
    reports.sort_by_key(|report| report.first_known_at);
    let all = Evidence::of(Family {
        reports: &reports,
        ..family
    });
    let mut known = Evidence::of(Family {
        reports: &[],
        ..family
    });
    let mut known_of = 0;
    times
        .iter()
        .map(|time| {
            let by_then = reports.partition_point(|r| r.first_known_at <= *time);
            if by_then != known_of {
                known = Evidence::of(Family {
                    reports: &reports[..by_then],
                    ..family
                });
                known_of = by_then;
            }
            Moment {
                filtered: known.belief(*time),
                smoothed: all.belief(*time),
            }
        })
        .collect()
}

/// A fold's evidence, slot by slot.
struct Evidence {
    outcomes: Outcomes,
    steps: Vec<Step>,
}

impl Evidence {
    fn of(family: Family<'_>) -> Self {
        let folded = Folded::of(family);
        Self {
            outcomes: folded.outcomes(),
            steps: folded.steps(),
        }
    }

    fn belief(&self, time: Timestamp) -> Vec<f64> {
        let hour = hours(time);
        let past = self.steps.partition_point(|s| s.hour <= time.slot().0);
        let (before, later) = self.steps.split_at(past);
        let mut filter = Filter::new(self.outcomes);
        before.iter().for_each(|step| filter.take(step));
        let hindsight = if later.is_empty() {
            vec![1.0; self.outcomes.count()]
        } else {
            filter.hindsight(hour, later, None)
        };
        filter.pass_to(hour);
        let mut belief = filter.alpha().to_vec();
        multiply(&mut belief, &hindsight);
        belief
    }
}

#[allow(clippy::cast_precision_loss)] // microseconds within 10,000 years lose nothing that counts
fn hours(time: Timestamp) -> f64 {
    let whole = time.slot().0;
    whole as f64 + (time.micros() - whole * HOUR_US) as f64 / HOUR_US as f64
}
