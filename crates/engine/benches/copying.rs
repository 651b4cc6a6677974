//! Who copies whom, found among ten thousand sources.
//!
//! ```text
//! cargo bench -p ascertain-engine --bench copying
//! ```
//!
//! A year, places that change hands, three anchors at each, and sources that are right
//! 65 to 90 times of 100. Twenty of them are leaders: what one says of its ten places,
//! five others say after it within a day, four times of five or two of five, whether it
//! is right or not; else they say what they found themselves.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // a measurement fails by panicking
#![allow(clippy::print_stdout)] // a table is what it is for

mod made_up;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ascertain_domain::id::{PlaceId, SourceId};
use ascertain_domain::marking::Audience;
use ascertain_domain::report::Report;
use ascertain_domain::source::Grade;
use ascertain_engine::{Calibrator, Counts, Family, Site};
use made_up::{Dice, at, place, registry, report, source};

const PLACES: usize = 300;
const DAYS: usize = 365;
const ANCHORS: usize = 3 * PLACES;
const LEADERS: usize = 20;
const FOLLOWERS: usize = 5;
const OF_CLIQUE: usize = 10;

struct World {
    dice: Dice,
    /// Who holds each place from each day on.
    holders: Vec<Vec<(f64, usize)>>,
    reports: Vec<(f64, usize, usize, usize)>,
}

impl World {
    fn new() -> Self {
        let mut dice = Dice(10_000);
        let holders = (0..PLACES).map(|_| {
            let (mut day, mut holder) = (0.0, dice.below(2));
            let mut course = Vec::new();
            while day < DAYS as f64 {
                course.push((day, holder));
                day += 20.0 + 120.0 * dice.share();
                holder = 1 - holder;
            }
            course
        });
        Self {
            holders: holders.collect(),
            dice,
            reports: Vec::new(),
        }
    }

    fn says(&mut self, from: usize, of: usize, day: f64, right: f64) -> usize {
        let past = self.holders[of].partition_point(|(since, _)| *since <= day);
        let holder = self.holders[of][past.max(1) - 1].1;
        let said = if self.dice.chance(right) {
            holder
        } else {
            1 - holder
        };
        self.reports.push((day, from, of, said));
        said
    }

    fn right(&mut self) -> f64 {
        0.65 + 0.25 * self.dice.share()
    }

    /// So many claims over the year of one of some places.
    fn speaks(&mut self, from: usize, of: &[usize], claims: usize, right: f64) {
        for _ in 0..claims {
            let day = self.dice.share() * DAYS as f64;
            let of = of[self.dice.below(of.len())];
            self.says(from, of, day, right);
        }
    }

    fn clique(&mut self, number: usize, leader: usize, copied: f64) {
        let first = number * OF_CLIQUE % PLACES;
        let right = self.right();
        let of_followers: Vec<f64> = (0..FOLLOWERS).map(|_| self.right()).collect();
        for _ in 0..120 {
            let day = self.dice.share() * (DAYS - 2) as f64;
            let of = first + self.dice.below(OF_CLIQUE);
            let said = self.says(leader, of, day, right);
            for (i, right) in of_followers.iter().enumerate() {
                let (from, later) = (leader + 1 + i, day + 0.02 + self.dice.share());
                if self.dice.chance(copied) {
                    self.reports.push((later, from, of, said));
                } else {
                    self.says(from, of, later, *right);
                }
            }
        }
    }
}

fn world(sources: usize, copied: f64) -> World {
    let mut world = World::new();
    for anchor in 0..ANCHORS {
        world.speaks(anchor, &[anchor / 3], 60, 0.92);
    }
    for number in 0..LEADERS {
        world.clique(number, ANCHORS + number * (FOLLOWERS + 1), copied);
    }
    for from in ANCHORS + LEADERS * (FOLLOWERS + 1)..sources {
        let (one, other, right) = (
            world.dice.below(PLACES),
            world.dice.below(PLACES),
            world.right(),
        );
        world.speaks(from, &[one, other], 25, right);
    }
    world.reports.sort_by(|a, b| a.0.total_cmp(&b.0));
    world
}

/// The most memory that this process has held, in MiB; Linux only.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

fn main() {
    println!(
        "| sources | copied | pairs there are | reports | looked at | found of {} | of one clique \
         | false | reading, s | tables, s | copying, s | peak memory, MiB |",
        LEADERS * FOLLOWERS
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (sources, copied) in [(2_500, 0.8), (10_000, 0.8), (10_000, 0.4)] {
        measure(sources, copied);
    }
}

fn measure(sources: usize, copied: f64) {
    let world = world(sources, copied);
    let grades: Vec<Grade> = (0..sources)
        .map(|s| if s < ANCHORS { Grade::B } else { Grade::C })
        .collect();
    let registry = registry(2, PLACES, &grades);
    let view = registry.latest();
    let mut by_place: BTreeMap<PlaceId, Vec<Arc<Report>>> = BTreeMap::new();
    for (n, (day, from, of, said)) in world.reports.iter().enumerate() {
        let told = report(n, *from, *day, *of, *said);
        by_place.entry(place(*of)).or_default().push(told);
    }

    let begun = Instant::now();
    let mut calibrator = Calibrator::new(view, Audience::Clear, at(DAYS as f64));
    let sites: Vec<Site> = by_place
        .iter()
        .map(|(id, reports)| {
            calibrator.site(Family {
                place: view.place(id).unwrap(),
                registry: view,
                audience: Audience::Clear,
                reports,
            })
        })
        .collect();
    let read = begun.elapsed().as_secs_f64();
    // Habits, pace and twelve rounds of tables; then who may copy, and who does.
    let mut seconds = Vec::new();
    loop {
        let begun = Instant::now();
        let mut counts = Counts::default();
        for site in &sites {
            counts.add(calibrator.statistics(site));
        }
        let more = calibrator.advance(&counts);
        seconds.push(begun.elapsed().as_secs_f64());
        if !more {
            break;
        }
    }
    let looked_at = calibrator.pairs_looked_at();
    let model = calibrator.finish();

    let number: BTreeMap<SourceId, usize> = (0..sources).map(|s| (source(s), s)).collect();
    // The clique of a source and whether it leads it.
    let clique = |id: &SourceId| {
        let after = number.get(id)?.checked_sub(ANCHORS)?;
        let (clique, place) = (after / (FOLLOWERS + 1), after % (FOLLOWERS + 1));
        (clique < LEADERS).then_some((clique, place == 0))
    };
    let (mut found, mut akin, mut false_ones) = (0, 0, 0);
    for (copier, origin) in model.copies.keys() {
        match (clique(copier), clique(origin)) {
            (Some((one, false)), Some((other, true))) if one == other => found += 1,
            (Some((one, _)), Some((other, _))) if one == other => akin += 1,
            _ => false_ones += 1,
        }
    }
    let copying: f64 = seconds.iter().rev().take(2).sum();
    let tables: f64 = seconds.iter().sum::<f64>() - copying;
    println!(
        "| {sources} | {copied} | {} | {} | {looked_at} | {found} | {akin} | {false_ones} | {read:.1} \
         | {tables:.1} | {copying:.1} | {} |",
        sources * (sources - 1),
        world.reports.len(),
        peak_mib().map_or_else(|| "–".to_owned(), |mib| mib.to_string()),
    );
}
