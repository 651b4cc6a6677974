//! The same bodies in other orders, twice, in other batches: the same beliefs.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use ascertain_proto::v1::{Actor, ApplyRegistryRequest, ReliabilityGrade, Source};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::{Node, bodies, digests, import};

const AS_OF: &str = "2025-01-01T00:00:00Z";

/// A small generator of its own, so that every order can be told by its seed.
struct Shuffle(u64);

impl Shuffle {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// Another version of two entities: which one stands must not hang on the order.
fn changed(scenario: &Scenario) -> ApplyRegistryRequest {
    let mut changed = ApplyRegistryRequest {
        backfill: scenario.registry.backfill.clone(),
        ..Default::default()
    };
    let observatory = |s: &&Source| s.source_id == "sohr";
    let mut observatory = scenario
        .registry
        .sources
        .iter()
        .find(observatory)
        .unwrap()
        .clone();
    observatory.reliability_prior = ReliabilityGrade::E.into();
    observatory.alignments.clear();
    changed.sources.push(observatory);
    let army = |a: &&Actor| a.actor_id == "syrian-army";
    let mut army = scenario.registry.actors.iter().find(army).unwrap().clone();
    army.relations.clear();
    changed.actors.push(army);
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn order_duplicates_and_batches_change_no_belief() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let scenario = Scenario::hama().unwrap();
    node.apply(&scenario).await.unwrap();
    let client = node.client();
    client.apply_registry(changed(&scenario)).await.unwrap();
    node.submit(&scenario.submissions).await.unwrap();
    let expected = digests(&client, &client, AS_OF).await.unwrap();
    assert!(expected.belief_count >= 10, "{expected:?}");
    let records = bodies(&client).await.unwrap();
    node.stop().await;
    // The registry first: a report is routed by the places that it names.
    let reports_from = records.len() - scenario.submissions.len();
    let (registry, reports) = records.split_at(reports_from);
    for seed in 0..8 {
        let mut random = Shuffle(seed);
        let mut shuffled = reports.to_vec();
        for _ in 0..random.below(reports.len()) {
            shuffled.push(reports[random.below(reports.len())].clone());
        }
        random.shuffle(&mut shuffled);
        let sizes: Vec<usize> = (0..5).map(|_| 1 + random.below(9)).collect();
        let data = tempfile::tempdir().unwrap();
        let node = Node::start(data.path()).await.unwrap();
        let client = node.client();
        let mut registry = registry.to_vec();
        random.shuffle(&mut registry);
        import(&client, &registry, &sizes).await.unwrap();
        import(&client, &shuffled, &sizes).await.unwrap();
        let got = digests(&client, &client, AS_OF).await.unwrap();
        assert_eq!(got, expected, "seed {seed}");
        node.stop().await;
    }
}
