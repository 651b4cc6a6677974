//! kill -9 at any moment of ingest at full load, of each process and of all: what
//! was acknowledged is there, once, as it was acknowledged; and a node that was
//! never disturbed believes the same.
//!
//! `ASCERTAIN_LONG=1` kills hundreds of times; `ASCERTAIN_SEED` repeats a run.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // a test fails by panicking

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ascertain_client::Client;
use ascertain_proto::v1::{GetReportRequest, ReportSubmission};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{
    Acked, Chance, Deployment, Node, bodies, digests, held, import, live, long, stream,
};
use tokio::task::JoinSet;

const AS_OF: &str = "2025-01-01T00:00:00Z";
/// Client streams at once.
const STREAMS: usize = 4;
/// Acknowledged reports that are looked at after each kill.
const SAMPLE: usize = 12;
/// A kill comes at most so long after the acknowledgement that it waits for.
const JITTER_MICROS: usize = 4_000;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    AllInOne,
    Ingest,
    Reconcile,
    Query,
    AllThree,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::AllInOne => "all in one",
            Self::Ingest => "ingest",
            Self::Reconcile => "reconcile",
            Self::Query => "query",
            Self::AllThree => "all three",
        }
    }

    /// The processes to kill, by number.
    fn victims(self) -> &'static [usize] {
        match self {
            Self::AllInOne | Self::Ingest => &[0],
            Self::Reconcile => &[1],
            Self::Query => &[2],
            Self::AllThree => &[0, 1, 2],
        }
    }
}

/// How much is done.
struct Size {
    /// Nodes of each form that are made, one after the other.
    nodes: usize,
    /// Rounds with each of them.
    rounds: usize,
    /// At most so many more acknowledgements before a kill.
    most_acked: usize,
}

impl Size {
    fn asked() -> Self {
        if long() {
            // Many nodes of few reports: what a node holds is read again after each kill.
            Self {
                nodes: 22,
                rounds: 12,
                most_acked: 60,
            }
        } else {
            Self {
                nodes: 1,
                rounds: 6,
                most_acked: 60,
            }
        }
    }
}

/// What was seen of one kind of kill.
#[derive(Default, Clone, Copy)]
struct Row {
    kills: usize,
    starting: usize,
    cut: usize,
    acked: usize,
}

/// What was seen in all.
#[derive(Default)]
struct Table {
    rows: BTreeMap<Kind, Row>,
    lost: usize,
    doubled: usize,
    altered: usize,
    looked_at: usize,
    compared: usize,
    longest_start: Duration,
}

impl Table {
    fn tell(&self) {
        eprintln!(
            "{:<12}{:>7}{:>14}{:>14}{:>8}",
            "killed", "kills", "at start-up", "streams cut", "acked"
        );
        let all = self.rows.values().fold(Row::default(), |a, b| Row {
            kills: a.kills + b.kills,
            starting: a.starting + b.starting,
            cut: a.cut + b.cut,
            acked: a.acked + b.acked,
        });
        let rows = self.rows.iter().map(|(kind, row)| (kind.name(), *row));
        for (name, row) in rows.chain([("in all", all)]) {
            let Row {
                kills,
                starting,
                cut,
                acked,
            } = row;
            eprintln!("{name:<12}{kills:>7}{starting:>14}{cut:>14}{acked:>8}");
        }
        let Self {
            lost,
            doubled,
            altered,
            looked_at,
            compared,
            longest_start,
            ..
        } = self;
        eprintln!(
            "acknowledged and lost {lost}, doubled {doubled}, altered {altered}; reports read \
             {looked_at}; digests compared with an undisturbed node {compared}; longest start \
             {longest_start:.1?}"
        );
    }
}

/// A node under kills.
struct Disturbed {
    node: Deployment,
    submitted: BTreeMap<String, ReportSubmission>,
    registered: u64,
    acked: Arc<Acked>,
}

impl Disturbed {
    async fn new(node: Deployment, scenario: &Scenario) -> Self {
        let mut registry = scenario.registry.clone();
        registry.backfill = None;
        let registered = registry.places.len() + registry.actors.len() + registry.sources.len();
        node.ingest()
            .unwrap()
            .apply_registry(registry)
            .await
            .unwrap();
        Self {
            node,
            submitted: BTreeMap::new(),
            registered: registered as u64,
            acked: Arc::default(),
        }
    }

    /// Reports that were not acknowledged yet, and some that were, over several
    /// streams at once.
    fn load(&self, chance: &mut Chance) -> JoinSet<Result<(), tonic::Status>> {
        let mut streams = vec![Vec::new(); STREAMS];
        for (i, (report_id, submission)) in self.submitted.iter().enumerate() {
            if self.acked.recorded(report_id).is_none() || chance.once_in(50) {
                streams[i % STREAMS].push(submission.clone());
            }
        }
        let mut load = JoinSet::new();
        for mut reports in streams {
            chance.shuffle(&mut reports);
            let (client, acked) = (self.node.ingest().unwrap(), Arc::clone(&self.acked));
            load.spawn(async move { stream(&client, reports, &acked).await });
        }
        load
    }

    async fn round(&mut self, kind: Kind, size: &Size, chance: &mut Chance, table: &mut Table) {
        let before = self.acked.count();
        let more = chance.below(size.most_acked);
        let mut load = self.load(chance);
        let mut cut = 0;
        loop {
            tokio::select! {
                () = self.acked.reach(before + more) => break,
                ended = load.join_next() => match ended {
                    Some(ended) => cut += usize::from(ended.unwrap().is_err()),
                    // Nothing more will come: there is nothing to wait for.
                    None => break,
                },
            }
        }
        pause(chance.below(JITTER_MICROS)).await;
        self.node.kill(kind.victims(), chance).unwrap();
        let row = table.rows.entry(kind).or_default();
        row.kills += 1;
        // Once more while it starts, now and then several times over.
        while chance.once_in(4) {
            self.node.launch(kind.victims()).unwrap();
            let usual = table
                .longest_start
                .as_micros()
                .try_into()
                .unwrap_or(1_000_000);
            pause(chance.below(usual)).await;
            self.node.kill(kind.victims(), chance).unwrap();
            row.kills += 1;
            row.starting += 1;
        }
        let starting = Instant::now();
        self.node.start(kind.victims()).await.unwrap();
        table.longest_start = table.longest_start.max(starting.elapsed());
        while let Some(ended) = load.join_next().await {
            cut += usize::from(ended.unwrap().is_err());
        }
        row.cut += cut;
        row.acked += self.acked.count() - before;
        let refused = self.acked.refused();
        assert!(refused.is_empty(), "{:?}", refused.first());
        self.look(chance, table).await;
    }

    /// The number of records fits what was acknowledged and sent, and some reports
    /// are as they were acknowledged.
    async fn look(&self, chance: &mut Chance, table: &mut Table) {
        let (ingest, query) = (self.node.ingest().unwrap(), self.node.query().unwrap());
        let found = digests(&ingest, &query, AS_OF).await.unwrap().record_count;
        let least = self.registered + self.acked.count() as u64;
        let most = self.registered + self.submitted.len() as u64;
        assert!(
            (least..=most).contains(&found),
            "{found} records, of {least} to {most}"
        );
        let mut acked = self.acked.all();
        chance.shuffle(&mut acked);
        acked.truncate(SAMPLE);
        self.read(&query, &acked, table).await;
        assert_eq!((table.lost, table.altered), (0, 0));
    }

    /// Reads reports, and compares them with what was sent and acknowledged.
    async fn read(&self, query: &Client, acked: &[(String, String)], table: &mut Table) {
        for (report_id, recorded) in acked {
            let request = GetReportRequest {
                report_id: report_id.clone(),
                ..GetReportRequest::default()
            };
            let found = query.get_report(request).await.map(|found| found.report);
            let Ok(Some(found)) = found else {
                table.lost += 1;
                eprintln!("lost: {report_id}: {found:?}");
                continue;
            };
            let sent = self.submitted[report_id].report.clone().unwrap();
            let report = found.report.unwrap_or_default();
            let stamp = found.first_recorded_at.map(|time| time.to_string());
            let same = stamp.as_deref() == Some(recorded)
                && report.text == sent.text
                && report.partner_reference == sent.partner_reference
                && report.claims.len() == sent.claims.len();
            if !same {
                table.altered += 1;
                eprintln!("altered: {report_id}, acknowledged {recorded}, found {stamp:?}");
            }
            table.looked_at += 1;
        }
    }

    /// All of it: every report once, and what an undisturbed node believes.
    async fn compare(&mut self, table: &mut Table) {
        // Undisturbed at last: everything again, what is there and what is not.
        let client = self.node.ingest().unwrap();
        let all = self.submitted.values().cloned().collect();
        stream(&client, all, &self.acked).await.unwrap();
        assert_eq!(self.acked.count(), self.submitted.len());
        table.altered += self.acked.altered().len();

        let (ingest, query) = (self.node.ingest().unwrap(), self.node.query().unwrap());
        let disturbed = digests(&ingest, &query, AS_OF).await.unwrap();
        let held = held(&ingest).await.unwrap();
        for (report_id, recorded) in self.acked.all() {
            match held.get(&report_id) {
                None => table.lost += 1,
                Some(held) => {
                    table.doubled += usize::from(held.is_doubled());
                    table.altered += usize::from(!held.recorded.contains(&recorded));
                }
            }
        }
        assert_eq!(held.len(), self.submitted.len());
        self.read(&query, &self.acked.all(), table).await;

        let records = bodies(&ingest).await.unwrap();
        assert_eq!(
            records.len() as u64,
            disturbed.record_count,
            "nothing is there twice"
        );
        let data = tempfile::tempdir().unwrap();
        let node = Node::start(data.path()).await.unwrap();
        let client = node.client();
        import(&client, &records, &[100]).await.unwrap();
        let undisturbed = digests(&client, &client, AS_OF).await.unwrap();
        node.stop().await;
        assert_eq!(undisturbed, disturbed);
        table.compared += 1;
    }
}

/// Any moment is the point: there is no event to wait for.
async fn pause(micros: usize) {
    tokio::time::sleep(Duration::from_micros(micros as u64)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_nine_of_each_and_of_all() {
    let mut chance = Chance::seeded("kills");
    let scenario = Scenario::hama().unwrap();
    let (size, mut table) = (Size::asked(), Table::default());
    let apart = [Kind::Ingest, Kind::Reconcile, Kind::Query, Kind::AllThree];
    for n in 0..2 * size.nodes {
        let is_one = n % 2 == 0;
        let began = Instant::now();
        let node = if is_one {
            Deployment::one(&[]).await.unwrap()
        } else {
            Deployment::apart(&[]).await.unwrap()
        };
        table.longest_start = table.longest_start.max(began.elapsed());
        let mut disturbed = Disturbed::new(node, &scenario).await;
        let rounds = if is_one {
            size.rounds / 2
        } else {
            size.rounds * 3 / 2
        };
        for round in 0..rounds {
            let kind = if is_one {
                Kind::AllInOne
            } else {
                apart[round % apart.len()]
            };
            // More than are acknowledged before the kill: the streams never run dry.
            let label = format!("kill {n} {round}");
            for submission in live(&scenario, &label, 2 * size.most_acked) {
                let report_id = submission.report.clone().unwrap().report_id;
                disturbed.submitted.insert(report_id, submission);
            }
            disturbed.round(kind, &size, &mut chance, &mut table).await;
            if (round + 1) % 14 == 0 || round + 1 == rounds {
                disturbed.compare(&mut table).await;
            }
        }
        disturbed.node.terminate().unwrap();
        if long() {
            table.tell();
        }
    }
    table.tell();
    assert_eq!((table.lost, table.doubled, table.altered), (0, 0, 0));
    for kind in apart.into_iter().chain([Kind::AllInOne]) {
        assert!(table.rows.get(&kind).is_some_and(|row| row.kills > 0));
    }
    let cut: usize = table.rows.values().map(|row| row.cut).sum();
    assert!(cut > 0, "no stream was ever cut: the test shows nothing");
}
