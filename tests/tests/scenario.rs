//! The day of Hama over the real services: what was believed when, in words.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use std::collections::BTreeMap;

use ascertain_proto::v1::{
    AnalyticConfidence, ClaimedHold, ClaimedPlace, ControlState, ExplainControlStateRequest,
    Interest, KnowledgeBasis, Likelihood, ListClaimedControlsRequest, OutcomeKind, ReadOptions,
    Status,
};
use ascertain_standalone::scenario::Scenario;
use ascertain_tests::Node;
use prost::Message as _;

const NIGHT: &str = "2024-12-04T23:59:59+03:00";
const MORNING: &str = "2024-12-05T11:30:00+03:00";
const AFTERNOON: &str = "2024-12-05T18:00:00+03:00";
const NEXT_DAY: &str = "2024-12-06T12:00:00+03:00";
const AFTER_C8: &str = "2024-12-08T12:00:00+03:00";

struct Hama {
    node: Node,
    tokens: Vec<String>,
    _data: tempfile::TempDir,
}

impl Hama {
    async fn told() -> Self {
        let data = tempfile::tempdir().unwrap();
        let node = Node::start(data.path()).await.unwrap();
        let scenario = Scenario::hama().unwrap();
        node.apply(&scenario).await.unwrap();
        let acks = node.submit(&scenario.submissions).await.unwrap();
        let tokens = acks.into_iter().map(|ack| ack.write_token).collect();
        Self {
            node,
            tokens,
            _data: data,
        }
    }

    async fn state(&self, place: &str, at: &str) -> ControlState {
        self.node.state(place, at, &self.tokens).await.unwrap()
    }
}

fn chance(state: &ControlState, wanted: &str) -> (u32, Likelihood) {
    let outcome = state.outcomes.iter().find(|o| match o.kind() {
        OutcomeKind::Side => o.side_id == wanted,
        OutcomeKind::Contested => wanted == "contested",
        _ => false,
    });
    let outcome = outcome.unwrap();
    (outcome.probability_ppm, outcome.term())
}

fn inside(state: &ControlState, side: &str) -> Likelihood {
    state
        .presence
        .iter()
        .find(|p| p.side_id == side)
        .unwrap()
        .term()
}

fn reports_by_group(state: &ControlState) -> BTreeMap<String, Vec<String>> {
    let group = |c: &ascertain_proto::v1::Contribution| {
        let reports = c
            .reports
            .iter()
            .map(|r| r.partner_reference.clone())
            .collect();
        (c.group.clone(), reports)
    };
    state.contributions.iter().map(group).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_night_the_government_likely_holds_hama_besieged_and_somewhat_disputed() {
    let hama = Hama::told().await;
    let city = hama.state("hama-city", NIGHT).await;
    assert_eq!(city.status(), Status::Held);
    assert!(city.besieged);
    assert!(chance(&city, "government").1 >= Likelihood::Likely);
    assert!(city.dispute > 0.1 && city.dispute < 0.6, "{}", city.dispute);
    assert_eq!(city.knowledge_basis(), KnowledgeBasis::Reconstructed);
    let reports = reports_by_group(&city);
    assert!(reports["source:sohr"].contains(&"R0b".to_owned()));
    assert!(!reports.values().flatten().any(|r| r == "R5"));
    hama.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_morning_hama_is_contested_heavily_disputed_and_nobody_holds_it() {
    let hama = Hama::told().await;
    let city = hama.state("hama-city", MORNING).await;
    assert_eq!(city.status(), Status::Contested);
    assert!(city.dispute >= 0.5, "{}", city.dispute);
    for side in ["government", "opposition"] {
        assert!(chance(&city, side).1 <= Likelihood::Likely);
    }
    // The texts of the morning reduce to five voices; translations add none.
    let groups = reports_by_group(&city);
    for (group, report) in [
        ("source:operations-room", "R5"),
        ("source:sana", "R8"),
        ("source:sohr", "R9"),
        ("source:ap", "R1"),
        ("source:field-photographer", "R13"),
    ] {
        assert!(
            groups[group].contains(&report.to_owned()),
            "{group}: {groups:?}"
        );
    }
    assert_eq!(
        groups.len(),
        7,
        "with the two of the days before: {groups:?}"
    );
    assert!(groups["source:sohr"].contains(&"R12c".to_owned()));

    for quarter in ["sawaaek", "sahirije"] {
        let state = hama.state(quarter, MORNING).await;
        assert_eq!(
            inside(&state, "opposition"),
            Likelihood::Likely,
            "{quarter}"
        );
        assert!(
            chance(&state, "opposition").1 < Likelihood::RoughlyEvenChance,
            "{quarter}"
        );
    }
    let kaso = hama.state("kaso", MORNING).await;
    assert!(
        inside(&kaso, "opposition") < Likelihood::Likely,
        "the edge only"
    );
    let unnamed = hama.state("arbaeen", MORNING).await;
    assert_eq!(unnamed.analytic_confidence(), AnalyticConfidence::Low);
    let governorate = hama.state("hama-governorate", MORNING).await;
    assert_eq!(governorate.status(), Status::Unknown);
    assert!(governorate.contributions.is_empty());
    hama.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_army_admits_its_exit_the_opposition_very_likely_holds_hama() {
    let hama = Hama::told().await;
    let city = hama.state("hama-city", AFTERNOON).await;
    assert_eq!(city.status(), Status::Held);
    assert!(chance(&city, "opposition").1 >= Likelihood::VeryLikely);
    let decisive = &city.contributions[0];
    assert_eq!(decisive.group, "source:syrian-army-command");
    assert_eq!(decisive.interest(), Interest::AgainstInterest);
    assert!(decisive.reports.iter().any(|r| r.partner_reference == "C3"));
    let since = city.since.unwrap();
    let (morning, early_afternoon) = ("2024-12-05T06:00:00+03:00", "2024-12-05T15:00:00+03:00");
    let seconds = |text: &str| text.parse::<prost_types::Timestamp>().unwrap().seconds;
    assert!(since.earliest.unwrap().seconds >= seconds(morning));
    assert!(since.latest.unwrap().seconds <= seconds(early_afternoon));
    for quarter in ["sawaaek", "kaso", "arbaeen"] {
        let state = hama.state(quarter, AFTERNOON).await;
        let (part, whole) = (
            chance(&state, "opposition").0,
            chance(&city, "opposition").0,
        );
        assert!(
            part > 500_000 && part < whole,
            "{quarter}: {part} of {whole}"
        );
        assert!(state.analytic_confidence() < city.analytic_confidence());
    }
    hama.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claimed_counter_attack_moves_the_airport_a_little_and_the_city_not() {
    let hama = Hama::told().await;
    let city = hama.state("hama-city", NEXT_DAY).await;
    assert!(chance(&city, "opposition").1 >= Likelihood::VeryLikely);
    let airport = hama.state("hama-military-airport", NEXT_DAY).await;
    assert_eq!(airport.analytic_confidence(), AnalyticConfidence::Low);
    for side in ["government", "opposition"] {
        assert!(chance(&airport, side).1 <= Likelihood::Likely);
    }
    let airport = hama.state("hama-military-airport", AFTER_C8).await;
    assert!(chance(&airport, "opposition").0 > chance(&airport, "government").0);
    assert!(reports_by_group(&airport)["source:epa"].contains(&"C8".to_owned()));
    hama.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_today_the_answer_of_that_morning_is_the_same_to_the_byte() {
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path()).await.unwrap();
    let scenario = Scenario::hama().unwrap();
    node.apply(&scenario).await.unwrap();
    let morning: prost_types::Timestamp = MORNING.parse().unwrap();
    let known = |s: &ascertain_proto::v1::ReportSubmission| {
        s.backfill
            .as_ref()
            .and_then(|b| b.first_known_at)
            .unwrap()
            .seconds
            <= morning.seconds
    };
    let by_then = scenario.submissions.iter().filter(|s| known(s)).count();
    let mut before = BTreeMap::new();
    let places = [
        "hama-city",
        "sawaaek",
        "kaso",
        "arbaeen",
        "hama-governorate",
        "jabal-zayn-al-abidin",
    ];
    let acks = node.submit(&scenario.submissions[..by_then]).await.unwrap();
    let tokens: Vec<String> = acks.into_iter().map(|a| a.write_token).collect();
    for place in places {
        let state = node.state(place, MORNING, &tokens).await.unwrap();
        before.insert(place, state.encode_to_vec());
    }
    let acks = node.submit(&scenario.submissions[by_then..]).await.unwrap();
    let tokens: Vec<String> = acks.into_iter().map(|a| a.write_token).collect();
    for place in places {
        let state = node.state(place, MORNING, &tokens).await.unwrap();
        assert_eq!(state.encode_to_vec(), before[place], "{place}");
    }
    node.stop().await;
    // And after a restart.
    let node = Node::start(data.path()).await.unwrap();
    for place in places {
        let state = node.state(place, MORNING, &tokens).await.unwrap();
        assert_eq!(
            state.encode_to_vec(),
            before[place],
            "{place} after a restart"
        );
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explanation_goes_down_to_reports_and_relays() {
    let hama = Hama::told().await;
    let time: prost_types::Timestamp = MORNING.parse().unwrap();
    let read = ReadOptions {
        as_of: Some(time),
        as_known_at: Some(time),
        at_least: hama.tokens.clone(),
        ..ReadOptions::default()
    };
    let request = ExplainControlStateRequest {
        place: "C2987".to_owned(),
        read: Some(read),
    };
    let answer = hama
        .node
        .client()
        .explain_control_state(request)
        .await
        .unwrap();
    let explanation = answer.explanation.unwrap();
    let state = explanation.state.unwrap();
    assert_eq!(state, hama.state("hama-city", MORNING).await);
    assert_eq!(explanation.previous_holder.unwrap().side_id, "government");
    let rebel = explanation
        .groups
        .iter()
        .find(|g| g.contribution.as_ref().unwrap().group == "source:operations-room")
        .unwrap();
    let (first, again) = (&rebel.claims[0], &rebel.claims[1]);
    assert_eq!(first.report.as_ref().unwrap().partner_reference, "R5");
    assert_eq!(first.relays, ["ap"]);
    assert_eq!(again.relays, ["ap", "translating-newsroom"]);
    let weight = |c: &ascertain_proto::v1::ClaimExplanation| c.weight.unwrap();
    assert!(
        weight(first).total > 0.5 && weight(again).total < 0.05,
        "a translation adds nothing"
    );
    assert_ne!(rebel.without_group, state.outcomes);
    assert_eq!(
        rebel
            .without_group
            .iter()
            .map(|o| o.probability_ppm)
            .sum::<u32>(),
        1_000_000
    );
    hama.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sides_claim_stands_beside_what_is_assessed() {
    let hama = Hama::told().await;
    let of = async |at: &str| {
        let time: prost_types::Timestamp = at.parse().unwrap();
        let request = ListClaimedControlsRequest {
            within_place_id: "hama-city".to_owned(),
            read: Some(ReadOptions {
                as_of: Some(time),
                as_known_at: Some(time),
                at_least: hama.tokens.clone(),
                ..ReadOptions::default()
            }),
            ..ListClaimedControlsRequest::default()
        };
        let places = hama
            .node
            .client()
            .list_claimed_controls(request)
            .await
            .unwrap();
        let city = places.into_iter().find(|place| {
            let assessed = place.assessed.as_ref().unwrap();
            assessed.place_id == "hama-city"
        });
        city.unwrap()
    };
    let holds = |place: &ClaimedPlace| -> Vec<(String, ClaimedHold)> {
        let claimed = place.claimed.iter();
        claimed.map(|c| (c.side_id.clone(), c.hold())).collect()
    };
    // In the morning the government denies that it left, and the opposition is inside.
    let morning = of(MORNING).await;
    let expected = [
        ("government".to_owned(), ClaimedHold::Present),
        ("opposition".to_owned(), ClaimedHold::Present),
    ];
    assert_eq!(holds(&morning), expected);
    assert_eq!(morning.assessed.unwrap().status(), Status::Contested);
    // In the afternoon the army admits that it left, and the opposition claims all of it.
    let afternoon = of(AFTERNOON).await;
    let expected = [
        ("government".to_owned(), ClaimedHold::Nothing),
        ("opposition".to_owned(), ClaimedHold::Controls),
    ];
    assert_eq!(holds(&afternoon), expected);
    let army = &afternoon.claimed[0].reports[0];
    assert_eq!(army.partner_reference, "C3");
}
