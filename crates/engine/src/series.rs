//! A place's belief over time: as it was known at each moment, and with hindsight.

use std::sync::Arc;

use ascertain_domain::report::Report;
use ascertain_domain::time::Timestamp;
use ascertain_fusion::filter::{FilterState, Heard, multiply};

use crate::evaluate::{hours, take_to};
use crate::fold::{Family, Folded, Taken};
use crate::records::one_of_each;

/// The probabilities of one moment, by outcome: the sides, sorted, then contested,
/// mixed, vacated, other.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// With what was known by then.
    pub filtered: Vec<f64>,
    /// With all reports, and the silence until the last of the moments.
    pub smoothed: Vec<f64>,
}

/// The belief about a place at each of the times, ascending.
///
/// Equal, but for the rounding of published numbers and for what is said of places
/// within, to evaluating a fold of what was known at each time, and a fold of all;
/// in one pass forward and one back. Versions and retractions are not looked at: every
/// report counts from when it was known.
#[must_use]
pub fn series(family: Family<'_>, times: &[Timestamp]) -> Vec<Moment> {
    let model = family.registry.source_model(family.audience);
    let model = model.map(Arc::as_ref);
    let Family {
        place,
        registry,
        audience,
        reports,
    } = family;
    let known = one_of_each(reports, audience);
    let mut fold = Folded::empty(place, audience, (registry, model));
    let mut filtered = Vec::with_capacity(times.len());
    let mut next = known.iter().peekable();
    // Where the last moment stood, as long as nothing is added.
    let mut stood: Option<FilterState> = None;
    for time in times {
        while let Some(report) = next.next_if(|r: &&&Arc<Report>| r.first_known_at <= *time) {
            // In the order in which they were known: nothing asks for a refold.
            let taken = fold.take_modelled(place, registry, model, report);
            debug_assert_ne!(taken, Taken::Refold);
            stood = None;
        }
        let hour = hours(*time);
        // What happens later than it is known is no news yet.
        let later = fold.chain.later(time.slot());
        let mut state = match stood.take().filter(|_| later.is_empty()) {
            Some(state) => state,
            None => FilterState::clone(&fold.chain.at(time.slot()).filter),
        };
        let rules = fold.chain.filter();
        rules.pass_silence(&mut state, hour);
        let beats = rules.beats(&state, hour, &later, hour);
        let all = rules.hindsight(&beats, Heard::All);
        let of_proven = rules.hindsight(&beats, Heard::Proven);
        stood = later.is_empty().then(|| state.clone());
        rules.pass_to(&mut state, hour, hour);
        filtered.push(believed(&fold, &state, &all, &of_proven));
    }
    for report in next {
        fold.take_modelled(place, registry, model, report);
    }
    let smoothed = smoothed(&mut fold, times);
    let pairs = filtered.into_iter().zip(smoothed);
    pairs
        .map(|(filtered, smoothed)| Moment { filtered, smoothed })
        .collect()
}

/// One pass back over all that is said after the first of the times.
fn smoothed(fold: &mut Folded, times: &[Timestamp]) -> Vec<Vec<f64>> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Vec::new();
    };
    let known_until = hours(*last);
    let mut start = FilterState::clone(&fold.chain.at(first.slot()).filter);
    let mut states = Vec::with_capacity(times.len());
    fold.chain.filter().pass_silence(&mut start, hours(*first));
    let mut stood = start.clone();
    for time in times {
        let state = fold.chain.at(time.slot());
        if state.filter.stepped != stood.stepped {
            stood = FilterState::clone(&state.filter);
        }
        let rules = fold.chain.filter();
        let hour = hours(*time);
        rules.pass_silence(&mut stood, hour);
        let mut state = stood.clone();
        rules.pass_to(&mut state, hour, known_until);
        states.push(state);
    }
    let rules = fold.chain.filter();
    let later = fold.chain.later(first.slot());
    let beats = rules.beats(&start, hours(*first), &later, known_until);
    // What is said later, by all and by those who are not unproven.
    let mut messages =
        [Heard::All, Heard::Proven].map(|heard| (heard, vec![1.0; fold.outcomes().count()]));
    let mut beats = beats.iter().rev().peekable();
    let mut smoothed = Vec::with_capacity(times.len());
    for (time, state) in times.iter().zip(&states).rev() {
        let hour = hours(*time);
        // Beats whose gap begins after this moment lie behind it as a whole.
        while let Some(beat) = beats.next_if(|beat| beat.after > hour) {
            for (heard, message) in &mut messages {
                rules.look_back(message, beat, beat.after, *heard);
            }
        }
        let [all, of_proven] = messages.clone().map(|(heard, mut here)| {
            #[allow(clippy::cast_precision_loss)] // hours are exact in f64
            if let Some(beat) = beats.peek().filter(|beat| beat.hour as f64 > hour) {
                rules.look_back(&mut here, beat, hour, heard);
            }
            here
        });
        smoothed.push(believed(fold, state, &all, &of_proven));
    }
    smoothed.reverse();
    smoothed
}

/// What is believed where a state stands, with what was said later by all, and by those
/// who are not unproven.
fn believed(fold: &Folded, state: &FilterState, all: &[f64], of_proven: &[f64]) -> Vec<f64> {
    let (mut belief, mut proven) = (state.alpha.clone(), state.proven().to_vec());
    multiply(&mut belief, all);
    multiply(&mut proven, of_proven);
    fold.chain.filter().bound(&mut belief, &proven);
    take_to(&mut belief, fold.temper);
    belief
}
