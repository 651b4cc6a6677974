//! The report for scripts. Keys may be added; none is ever removed.

use serde_json::{Map, Value, json};

use super::{Blocks, Days, Difference, Method, Report};
use crate::read::Timing;
use crate::tally::Means;

impl Report {
    /// The report as JSON. Of each method `accuracy`, `brier`, `log_loss`, `ece` and
    /// `seconds` are always there, null without truth.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let timing = match self.timing {
            Timing::Static => "STATIC",
            Timing::Timed => "TIMED",
        };
        let counts = self.counts.iter();
        let counts: Map<String, Value> = counts
            .map(|(what, count)| ((*what).to_owned(), json!(count)))
            .collect();
        let noted = self.noted.iter();
        let noted: Vec<Value> = noted
            .map(|(what, count, lines)| match lines {
                [] => json!({"what": what, "count": count}),
                lines => json!({"what": what, "count": count, "lines": lines}),
            })
            .collect();
        let skipped = self.skipped.iter();
        let skipped: Vec<Value> = skipped
            .map(|(name, why)| json!({"name": name, "why": why}))
            .collect();
        let mut report = json!({
            "timing": timing,
            "methods": self.methods.iter().map(method).collect::<Vec<_>>(),
            "counts": counts,
            "noted": noted,
            "skipped": skipped,
            "seconds": self.seconds,
        });
        if let Some(right) = self.some_source_is_right {
            let share = |p: f64| if p.is_finite() { json!(p) } else { Value::Null };
            report["some_source_is_right"] = blocks(right, share);
        }
        if self.timing == Timing::Timed {
            report["temper"] = json!(self.temper);
            report["bootstrap"] = self.differences.iter().map(difference).collect();
        }
        report
    }
}

fn difference(difference: &Difference) -> Value {
    json!({
        "method": "ascertain",
        "baseline": "latest per source, vote",
        "days": Days::NearChange.word(),
        "answers": difference.answers.word(),
        "score": difference.score,
        "difference": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "confidence": 0.95,
        "places": difference.places,
        "draws": difference.draws,
    })
}

fn method(method: &Method) -> Value {
    let mut value = means(method.means);
    value["name"] = json!(method.name);
    value["seconds"] = json!(method.seconds);
    value["floored"] = means(method.floored);
    if let Some(half_life) = method.half_life_days {
        value["half_life_days"] = json!(half_life);
    }
    if let Some(timed) = &method.timed {
        value["changed_places"] = means(timed.said.changed_places);
        value["near_change"] = means(timed.said.near_change);
        value["changed_places"]["floored"] = means(timed.floored.changed_places);
        value["near_change"]["floored"] = means(timed.floored.near_change);
        value["renormalised"] = blocks(timed.renormalised, means);
        let around = timed
            .around
            .iter()
            .filter_map(|(day, accuracy)| Some(json!({"day": day, "accuracy": (*accuracy)?})));
        value["around_change"] = around.collect();
    }
    let bins = method.reliability.iter().map(
        |bin| json!({"count": bin.count, "confidence": bin.confidence, "accuracy": bin.accuracy}),
    );
    value["reliability"] = bins.collect();
    value
}

fn means(means: Option<Means>) -> Value {
    let of = |number: fn(&Means) -> f64| means.as_ref().map(number);
    json!({
        "accuracy": of(|m| m.accuracy),
        "brier": of(|m| m.brier),
        "log_loss": of(|m| m.log_loss),
        "ece": of(|m| m.ece),
        "count": means.map_or(0, |m| m.count),
    })
}

fn blocks<T>(blocks: Blocks<T>, value: impl Fn(T) -> Value) -> Value {
    json!({
        "all": value(blocks.all),
        "changed_places": value(blocks.changed_places),
        "near_change": value(blocks.near_change),
    })
}
