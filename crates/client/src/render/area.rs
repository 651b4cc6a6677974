//! An area summed up, as text.

use ascertain_proto::v1::{NotedPlace, SummarizeAreaResponse};

use super::DISCLAIMER;
use super::words::{percent, span, status, time};

/// A summary, with its shares as a table.
#[must_use]
pub fn area(summary: &SummarizeAreaResponse, shares: &str) -> String {
    let mut text = format!(
        "{} places, {} of them without evidence, {} covered within 14 days\n",
        summary.places,
        summary.places_without_evidence,
        percent(summary.coverage_ppm)
    );
    text += &format!(
        "{} inhabitants in the {} places that say how many\n",
        summary.population, summary.places_with_population
    );
    text += &format!(
        "as of {}, as known at {}\n\n",
        time(summary.as_of.as_ref()),
        time(summary.as_known_at.as_ref())
    );
    text += shares;
    for (title, places) in [
        ("most disputed", &summary.most_disputed),
        ("stalest", &summary.stalest),
    ] {
        if !places.is_empty() {
            text += &format!("\n{title}\n");
            places.iter().for_each(|place| text += &noted(place));
        }
    }
    text + "\n" + DISCLAIMER + "\n"
}

fn noted(place: &NotedPlace) -> String {
    let age = place.staleness.as_ref().map(span);
    let age = age.map_or_else(|| "no evidence".to_owned(), |age| format!("{age} old"));
    format!(
        "  {}  {}, dispute {:.2}, {age}\n",
        place.place_id,
        status(place.status),
        place.dispute
    )
}
