//! How a state went, as a picture: a row for each point, with a bar for the outcomes.

use ascertain_proto::v1::{
    ControlState, HistoryCause, HistoryClock, HistoryPoint, Outcome, OutcomeKind, StateChange,
};
use prost_types::Timestamp;

use super::DISCLAIMER;
use super::words::{leading, likelihood, outcome_name, percent, status, time, word};

/// Cells of a bar.
const WIDTH: u64 = 40;

/// What a bar is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Blocks in colours, for a terminal.
    Colours,
    /// Blocks of different shades.
    Blocks,
    /// Letters and signs that every machine shows.
    Ascii,
}

/// The history of a place along a clock, a row for each point. `*` marks the points at
/// which the status, the leading outcome or its word changed.
#[must_use]
pub fn timeline(points: &[HistoryPoint], clock: HistoryClock, style: Style) -> String {
    let states = points.iter().filter_map(|point| point.state.as_ref());
    let mut key = Key::default();
    states.flat_map(|s| &s.outcomes).for_each(|o| key.note(o));
    let Some(first) = points.first().and_then(|point| point.state.as_ref()) else {
        return "nothing was published in this time\n".to_owned();
    };
    let (name, at): (_, fn(&ControlState) -> Option<&Timestamp>) = match clock {
        HistoryClock::Valid => ("with hindsight, known at", |state| state.as_of.as_ref()),
        HistoryClock::Unspecified | HistoryClock::Knowledge => {
            ("as it was published", |state| state.as_known_at.as_ref())
        }
    };
    let known = match clock {
        HistoryClock::Valid => format!(" {}", time(first.as_known_at.as_ref())),
        HistoryClock::Unspecified | HistoryClock::Knowledge => String::new(),
    };
    let mut text = format!("{}, {name}{known}\n\n", first.place_id);
    let rows: Vec<(String, &HistoryPoint, &ControlState)> = points
        .iter()
        .filter_map(|point| {
            let state = point.state.as_ref()?;
            Some((time(at(state)), point, state))
        })
        .collect();
    let width = rows.iter().map(|(at, ..)| at.len()).max().unwrap_or(0);
    for (at, point, state) in &rows {
        let mark = if moved(point) { '*' } else { ' ' };
        let bar = key.bar(state, style);
        let status = status(state.status);
        let leader = leading(state).map(|one| {
            let (name, share) = (outcome_name(one), percent(one.probability_ppm));
            format!("{name} {share} ({})", likelihood(one.term))
        });
        let leader = leader.unwrap_or_default();
        let besieged = if state.besieged { ", besieged" } else { "" };
        let row = format!("{at:<width$} {mark} {status:<9} {bar}  {leader}{besieged}");
        text += row.trim_end();
        text += &cause(point);
        text.push('\n');
    }
    text + "\n" + &key.legend(style) + DISCLAIMER + "\n"
}

fn moved(point: &HistoryPoint) -> bool {
    let moves = [StateChange::Status, StateChange::Leader, StateChange::Word];
    let moves = moves.map(i32::from);
    point.changes.iter().any(|change| moves.contains(change))
}

/// Reports are what is expected, and go without saying.
fn cause(point: &HistoryPoint) -> String {
    match HistoryCause::try_from(point.cause).unwrap_or_default() {
        HistoryCause::Unspecified | HistoryCause::Report => String::new(),
        cause => format!("  by {}", word(cause.as_str_name(), "HISTORY_CAUSE_")),
    }
}

/// The outcomes of all points, in the order in which they are first named: each keeps its
/// sign from row to row.
#[derive(Default)]
struct Key {
    sides: Vec<String>,
    /// Those that take a cell somewhere.
    shown: Vec<(OutcomeKind, String)>,
}

impl Key {
    fn note(&mut self, outcome: &Outcome) {
        let kind = outcome.kind();
        if kind == OutcomeKind::Side && !self.sides.contains(&outcome.side_id) {
            self.sides.push(outcome.side_id.clone());
        }
        let named = (kind, outcome_name(outcome));
        // Half a cell, and it may have one.
        let half_a_cell = u64::from(outcome.probability_ppm) * 2 * WIDTH >= 1_000_000;
        if half_a_cell && !self.shown.contains(&named) {
            self.shown.push(named);
        }
    }

    fn bar(&self, state: &ControlState, style: Style) -> String {
        let mut cells = Vec::new();
        let (mut sum, mut drawn) = (0, 0);
        for outcome in &state.outcomes {
            sum += u64::from(outcome.probability_ppm);
            // Where it ends, rounded: all together fill the bar.
            let end = ((sum * WIDTH + 500_000) / 1_000_000).min(WIDTH);
            let count = usize::try_from(end.saturating_sub(drawn)).unwrap_or(0);
            cells.push(self.signs(count, outcome.kind(), &outcome_name(outcome), style));
            drawn = end;
        }
        cells.concat()
    }

    /// The sign of an outcome, so many times.
    fn signs(&self, count: usize, kind: OutcomeKind, name: &str, style: Style) -> String {
        if count == 0 {
            return String::new();
        }
        let index = self.sides.iter().position(|side| side == name).unwrap_or(0);
        let of_side = |signs: [&str; 4], letters: &str| match signs.get(index) {
            Some(sign) => (*sign).to_owned(),
            None => letters.chars().cycle().nth(index - 4).unwrap_or('#').into(),
        };
        let letters = "EFGHIJKLMNOPQRSTUVWXYZ";
        let colour = match (kind, index) {
            (OutcomeKind::Side, index) => [36, 33, 35, 32, 34][index % 5],
            (OutcomeKind::Contested, _) => 31,
            (OutcomeKind::Mixed, _) => 37,
            _ => 90,
        };
        let sign = match (style, kind) {
            (Style::Colours, _) => "█".to_owned(),
            (Style::Blocks, OutcomeKind::Side) => of_side(["█", "▓", "▒", "░"], letters),
            (Style::Ascii, OutcomeKind::Side) => of_side(["A", "B", "C", "D"], letters),
            (_, OutcomeKind::Contested) => "x".to_owned(),
            (_, OutcomeKind::Mixed) => "=".to_owned(),
            (_, OutcomeKind::Vacated) => ".".to_owned(),
            (_, OutcomeKind::Other | OutcomeKind::Unspecified) => "?".to_owned(),
        };
        match style {
            Style::Colours => format!("\x1b[{colour}m{}\x1b[0m", sign.repeat(count)),
            Style::Blocks | Style::Ascii => sign.repeat(count),
        }
    }

    fn legend(&self, style: Style) -> String {
        let one = |(kind, name): &(OutcomeKind, String)| {
            format!("{} {name}", self.signs(1, *kind, name, style))
        };
        let shown: Vec<String> = self.shown.iter().map(one).collect();
        shown.join("  ") + "\n"
    }
}
