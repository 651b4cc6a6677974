//! States as they go out.

use ascertain_domain::id::{ActorId, Digest, PlaceId};

use super::*;
use crate::inward;

fn state(groups: usize) -> ControlState {
    let time = "2024-12-05T11:30:00.000001Z".parse().unwrap();
    let contribution = |i| Contribution {
        group: format!("source:s{i}"),
        name: format!("Source {i}"),
        reports: Vec::new(),
        weight: 1.0,
        weight_lost: 0.0,
        interest: Interest::Neutral,
        reason: "controls".to_owned(),
    };
    ControlState {
        place: PlaceId::new("hama-city").unwrap(),
        audience: Audience::Clear,
        as_of: time,
        as_known_at: time,
        reconstructed: true,
        status: Status::Contested,
        besieged: false,
        outcomes: vec![
            (Outcome::Side(ActorId::new("gov").unwrap()), Ppm(300_000)),
            (Outcome::Contested, Ppm(700_000)),
        ],
        presence: vec![(ActorId::new("gov").unwrap(), Ppm(960_000))],
        members_named: Vec::new(),
        analytic_confidence: AnalyticConfidence::High,
        since: None,
        dispute: 0.5,
        independent_groups: 3,
        staleness_us: Some(3_600_000_001),
        coverage: 1.0,
        contributions: (0..groups).map(contribution).collect(),
        input_digest: Digest([1; 32]),
    }
}

const METHOD: Method<'_> = Method {
    version: "m1",
    source_model: "2024-12-09.clear.0123456789abcdef",
};

#[test]
fn eight_groups_are_listed_and_the_rest_is_summed() {
    let wire = control_state(&state(11), METHOD);
    assert_eq!(wire.contributions.len(), 8);
    let rest = wire.remaining_contributions.unwrap();
    assert_eq!((rest.groups, rest.weight), (3, 3.0));
    let few = control_state(&state(8), METHOD);
    assert_eq!(
        (few.contributions.len(), few.remaining_contributions),
        (8, None)
    );
}

#[test]
fn a_state_carries_its_words_its_model_and_its_method() {
    let wire = control_state(&state(1), METHOD);
    assert_eq!(wire.outcomes[1].term(), v1::Likelihood::Likely);
    assert_eq!(wire.outcomes[0].side_id, "gov");
    assert_eq!(wire.presence[0].term(), v1::Likelihood::AlmostCertain);
    assert_eq!(wire.knowledge_basis(), v1::KnowledgeBasis::Reconstructed);
    assert_eq!(
        (wire.source_model.as_str(), wire.method_version.as_str()),
        ("2024-12-09.clear.0123456789abcdef", "m1")
    );
    assert_eq!(
        wire.staleness.map(|d| (d.seconds, d.nanos)),
        Some((3_600, 1_000))
    );
}

#[test]
fn times_go_out_as_they_come_in() {
    for micros in [-1, 0, 1, Timestamp::MIN.micros(), Timestamp::MAX.micros()] {
        let time = Timestamp::from_micros(micros).unwrap();
        assert_eq!(inward::timestamp(&timestamp(time)), Ok(time));
    }
}
