//! The report as a picture: how far confidence can be trusted, and how answers do
//! around a change. Plain SVG, with whatever sans-serif font is there.

use std::fmt::Write as _;

use crate::report::{Method, Report};

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 470.0;
/// What is left for axes and titles around the plotted area of a panel.
const LEFT: f64 = 62.0;
const TOP: f64 = 44.0;
const RIGHT: f64 = 18.0;
const BOTTOM: f64 = 46.0 + NAMES;
/// The strip below a panel for the names of its lines, in two columns.
const NAMES: f64 = 66.0;
const ROWS: u32 = 3;
/// Told apart by people who see colours differently (Okabe and Ito 2008).
const COLOURS: [&str; 6] = [
    "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
];
/// The most lines of a panel.
const LINES: usize = COLOURS.len();
/// Bins with fewer answers say little, and are drawn small.
const FEW: u64 = 20;

/// The picture; `None` where there is nothing to draw: no truth, or no answer.
#[must_use]
pub fn svg(report: &Report) -> Option<String> {
    report
        .methods
        .iter()
        .find(|method| method.means.is_some())?;
    let around: Vec<Line<'_>> = chosen(report)
        .into_iter()
        .filter_map(|(method, colour)| around(method, colour))
        .collect();
    let mut text = String::new();
    let panels = if around.is_empty() { 1.0 } else { 2.0 };
    let mut draw = Drawing { text: &mut text };
    draw.head(panels * WIDTH);
    reliability(&mut draw, report);
    if !around.is_empty() {
        draw.group(WIDTH);
        around_change(&mut draw, &around);
        draw.end_group();
    }
    text.push_str("</svg>\n");
    Some(text)
}

/// Ours, then the baselines that lose least, as many as can be told apart.
fn chosen(report: &Report) -> Vec<(&Method, &'static str)> {
    let loss = |method: &Method| method.means.map_or(f64::INFINITY, |means| means.log_loss);
    let mut ours: Vec<&Method> = Vec::new();
    let mut others: Vec<&Method> = Vec::new();
    for method in report.methods.iter().filter(|m| m.means.is_some()) {
        if method.is_ours() {
            ours.push(method);
        } else {
            others.push(method);
        }
    }
    others.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
    let all = ours.into_iter().chain(others).take(LINES);
    all.zip(COLOURS).collect()
}

/// A line to draw: points of (x, y, whether many answers stand behind it).
struct Line<'a> {
    name: &'a str,
    colour: &'static str,
    points: Vec<(f64, f64, bool)>,
}

fn around(method: &Method, colour: &'static str) -> Option<Line<'static>> {
    let timed = method.timed.as_ref()?;
    let points = timed.around.iter();
    #[allow(clippy::cast_precision_loss)] // −14 to 14
    let points: Vec<_> = points
        .filter_map(|(day, accuracy)| Some((*day as f64, (*accuracy)?, true)))
        .collect();
    (!points.is_empty()).then_some(Line {
        name: method.name,
        colour,
        points,
    })
}

fn reliability(draw: &mut Drawing<'_>, report: &Report) {
    let axes = Axes {
        x: (0.0, 1.0),
        y: (0.0, 1.0),
    };
    let steps: Vec<(f64, String)> = (0..=5)
        .map(|i| (f64::from(i) / 5.0, format!("{}", i * 20)))
        .collect();
    draw.panel("How far confidence can be trusted", &axes, &steps, &steps);
    draw.labels(
        "probability of the leading answer, %",
        "share that was right, %",
    );
    draw.line(
        &axes,
        "#999999",
        &[(0.0, 0.0, false), (1.0, 1.0, false)],
        "4 3",
    );
    let mut lines = Vec::new();
    for (method, colour) in chosen(report).into_iter().take(3) {
        let points = method.reliability.iter();
        let points = points.map(|bin| (bin.confidence, bin.accuracy, bin.count >= FEW));
        lines.push(Line {
            name: method.name,
            colour,
            points: points.collect(),
        });
    }
    draw.lines(&axes, &lines);
}

fn around_change(draw: &mut Drawing<'_>, lines: &[Line<'_>]) {
    let least = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.1)
        .fold(1.0, f64::min);
    // Whole tenths.
    let floor = ((least * 10.0).floor() / 10.0).clamp(0.0, 0.8);
    let axes = Axes {
        x: (-14.0, 14.0),
        y: (floor, 1.0),
    };
    let days: Vec<(f64, String)> = [-14, -7, 0, 7, 14]
        .map(|day| (f64::from(day), format!("{day:+}").replace("+0", "0")))
        .to_vec();
    let shares: Vec<(f64, String)> = (0..=10)
        .map(|i| (f64::from(i) / 10.0, format!("{}", i * 10)))
        .filter(|(share, _)| *share >= floor - 1e-9)
        .collect();
    draw.panel(
        "Accuracy around a change of the truth",
        &axes,
        &days,
        &shares,
    );
    draw.labels("days after the change", "right, %");
    draw.line(
        &axes,
        "#999999",
        &[(0.0, floor, false), (0.0, 1.0, false)],
        "4 3",
    );
    draw.lines(&axes, lines);
}

/// The ranges of a panel.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
}

impl Axes {
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |v: f64, (from, to): (f64, f64)| (v - from) / (to - from);
        let across = WIDTH - LEFT - RIGHT;
        let down = HEIGHT - TOP - BOTTOM;
        (
            LEFT + part(x, self.x) * across,
            TOP + (1.0 - part(y, self.y)) * down,
        )
    }
}

struct Drawing<'a> {
    text: &'a mut String,
}

impl Drawing<'_> {
    /// Adds a line of text; memory takes all of it.
    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{element}");
    }

    fn head(&mut self, width: f64) {
        self.add(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{HEIGHT}\" viewBox=\"0 0 {width} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{width}\" height=\"{HEIGHT}\" fill=\"white\"/>"
        ));
    }

    fn group(&mut self, right: f64) {
        self.add(format_args!("<g transform=\"translate({right} 0)\">"));
    }

    fn end_group(&mut self) {
        self.add(format_args!("</g>"));
    }

    fn words(&mut self, (x, y): (f64, f64), anchor: &str, more: &str, words: &str) {
        let words = escaped(words);
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{words}</text>"
        ));
    }

    fn panel(&mut self, title: &str, axes: &Axes, xs: &[(f64, String)], ys: &[(f64, String)]) {
        self.words((LEFT, 24.0), "start", " font-size=\"15\"", title);
        let (left, bottom) = axes.at(axes.x.0, axes.y.0);
        let (right, top) = axes.at(axes.x.1, axes.y.1);
        for (x, name) in xs {
            let (x, _) = axes.at(*x, axes.y.0);
            self.rule((x, top), (x, bottom), "#e5e5e5");
            self.words((x, bottom + 17.0), "middle", "", name);
        }
        for (y, name) in ys {
            let (_, y) = axes.at(axes.x.0, *y);
            self.rule((left, y), (right, y), "#e5e5e5");
            self.words((left - 7.0, y + 4.0), "end", "", name);
        }
        self.rule((left, bottom), (right, bottom), "black");
        self.rule((left, top), (left, bottom), "black");
    }

    fn labels(&mut self, x: &str, y: &str) {
        let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
        self.words((middle, HEIGHT - NAMES - 8.0), "middle", "", x);
        let middle = TOP + (HEIGHT - TOP - BOTTOM) / 2.0;
        let turned = format!(" transform=\"rotate(-90 18 {middle:.1})\"");
        self.words((18.0, middle), "middle", &turned, y);
    }

    fn rule(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        self.add(format_args!(
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
            from.0, from.1, to.0, to.1
        ));
    }

    fn line(&mut self, axes: &Axes, colour: &str, points: &[(f64, f64, bool)], dash: &str) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y, _)| axes.at(*x, *y))
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        self.add(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" stroke-dasharray=\"{dash}\"/>"
        ));
    }

    fn lines(&mut self, axes: &Axes, lines: &[Line<'_>]) {
        // The first is ours, and lies on top.
        for line in lines.iter().rev() {
            self.line(axes, line.colour, &line.points, "none");
            for (x, y, many) in &line.points {
                let (x, y) = axes.at(*x, *y);
                let radius = if *many { 3.2 } else { 1.6 };
                self.add(format_args!(
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{}\"/>",
                    line.colour
                ));
            }
        }
        for (i, line) in (0_u32..).zip(lines) {
            let x = LEFT + f64::from(i / ROWS) * (WIDTH - LEFT) / 2.0;
            let y = HEIGHT - NAMES + 16.0 + 17.0 * f64::from(i % ROWS);
            self.add(format_args!(
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"14\" height=\"4\" fill=\"{}\"/>",
                y - 6.0,
                line.colour
            ));
            self.words((x + 20.0, y), "start", "", line.name);
        }
    }
}

fn escaped(words: &str) -> String {
    let words = words.replace('&', "&amp;");
    words.replace('<', "&lt;").replace('>', "&gt;")
}
