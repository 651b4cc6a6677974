//! An area summed up.

use ascertain_domain::state::Ppm;
use ascertain_domain::time::Timestamp;
use ascertain_engine::{AreaSummary, Noted, Share};

use super::{duration, outcome, status, timestamp};
use crate::v1;

/// A summary, with its valid time and its knowledge time.
#[must_use]
pub fn area_summary(
    summary: &AreaSummary,
    (as_of, as_known_at): (Option<Timestamp>, Option<Timestamp>),
) -> v1::SummarizeAreaResponse {
    let count = |places: usize| u32::try_from(places).unwrap_or(u32::MAX);
    v1::SummarizeAreaResponse {
        as_of: as_of.map(timestamp),
        as_known_at: as_known_at.map(timestamp),
        places: count(summary.places()),
        population: summary.population(),
        places_with_population: count(summary.places_with_population()),
        outcomes: summary
            .outcomes()
            .map(|(of, shares)| {
                let named = outcome(of, Ppm(0));
                v1::OutcomeShare {
                    kind: named.kind,
                    side_id: named.side_id,
                    expected: Some(share(shares.expected)),
                    sure: Some(share(shares.sure)),
                    possible: Some(share(shares.possible)),
                }
            })
            .collect(),
        statuses: summary
            .statuses()
            .map(|(of, how_much)| v1::StatusShare {
                status: status(of).into(),
                share: Some(share(how_much)),
            })
            .collect(),
        coverage_ppm: summary.coverage().0,
        places_without_evidence: count(summary.without_evidence()),
        most_disputed: summary.most_disputed().iter().map(noted).collect(),
        stalest: summary.stalest().iter().map(noted).collect(),
    }
}

fn share(share: Share) -> v1::AreaShare {
    v1::AreaShare {
        places_ppm: share.places.0,
        population_ppm: share.population.map(|ppm| ppm.0),
    }
}

fn noted(noted: &Noted) -> v1::NotedPlace {
    v1::NotedPlace {
        place_id: noted.place.to_string(),
        status: status(noted.status).into(),
        dispute: noted.dispute,
        staleness: noted.staleness_us.map(duration),
    }
}
