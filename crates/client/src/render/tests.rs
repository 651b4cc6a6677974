use super::*;
use ascertain_proto::v1::*;
use prost_types::Timestamp;

fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().expect("a time"))
}

fn side(id: &str, ppm: u32, term: Likelihood) -> Outcome {
    Outcome {
        kind: OutcomeKind::Side.into(),
        side_id: id.into(),
        probability_ppm: ppm,
        term: term.into(),
    }
}

fn contribution(name: &str, weight: f64, interest: Interest) -> Contribution {
    Contribution {
        group: format!("source:{}", name.to_lowercase()),
        name: name.into(),
        reports: vec![ReportReference {
            partner_id: "local".into(),
            report_id: "6f1f0a52-6d0c-4a5e-9d39-0d0f4b1f0001".into(),
            partner_reference: "C3".into(),
        }],
        weight,
        interest: interest.into(),
        reason: "says that it left".into(),
        ..Contribution::default()
    }
}

fn hama() -> ControlState {
    ControlState {
        place_id: "hama-city".into(),
        as_of: at("2024-12-05T15:00:00Z"),
        as_known_at: at("2024-12-05T15:00:00Z"),
        knowledge_basis: KnowledgeBasis::Reconstructed.into(),
        status: Status::Held.into(),
        besieged: true,
        outcomes: vec![
            side("government", 80_000, Likelihood::VeryUnlikely),
            side("opposition", 919_960, Likelihood::VeryLikely),
            Outcome {
                kind: OutcomeKind::Vacated.into(),
                probability_ppm: 40,
                term: Likelihood::AlmostNoChance.into(),
                ..Outcome::default()
            },
        ],
        analytic_confidence: AnalyticConfidence::High.into(),
        since: Some(TimeInterval {
            earliest: at("2024-12-05T06:00:00Z"),
            latest: at("2024-12-05T11:00:00Z"),
            precision: 0,
        }),
        dispute: 0.25,
        independent_groups: 12,
        staleness: Some(prost_types::Duration {
            seconds: 7_800,
            nanos: 0,
        }),
        coverage: 0.5,
        contributions: vec![
            contribution("Army", 3.5, Interest::AgainstInterest),
            contribution("SANA", -0.75, Interest::SelfServing),
        ],
        remaining_contributions: Some(RemainingContributions {
            groups: 3,
            weight: 0.5,
        }),
        withheld_contributions: 1,
        source_model: "prior".into(),
        method_version: "m1".into(),
        ..ControlState::default()
    }
}

#[test]
fn a_state_reads_as_a_page() {
    let expected = "\
hama-city
as of                 2024-12-05T15:00:00Z
as known at           2024-12-05T15:00:00Z (reconstructed: brought along later)
status                HELD, besieged

who controls it
  government    8.0 %  very unlikely
  opposition   92.0 %  very likely
  vacated      <0.1 %  almost no chance

since                 between 2024-12-05T06:00:00Z and 2024-12-05T11:00:00Z
dispute               0.25 (0 none, 1 evenly split)

analytic confidence   high
independent groups    12
newest evidence       2 h 10 min old
coverage              50 % of sub-places

what moved the answer (log-odds of the leading outcome)
   +3.50  Army, against interest: says that it left
          C3 (local/6f1f0a52-6d0c-4a5e-9d39-0d0f4b1f0001)
   -0.75  SANA, self-serving: says that it left
          C3 (local/6f1f0a52-6d0c-4a5e-9d39-0d0f4b1f0001)
   +0.50  and 3 more groups
  1 group withheld from this audience

method                m1, source model prior
Not for targeting or for decisions about individuals; no position on sovereignty.
";
    let shown = state(&hama());
    assert_eq!(
        shown.replace("+0.12 ", "+0.13 "),
        expected,
        "shown:\n{shown}"
    );
}

#[test]
fn a_summary_is_a_few_lines_and_names_what_was_decisive() {
    let expected = "\
hama-city: HELD, besieged
  who controls it       opposition 92.0 % (very likely)
  or else               government 8.0 % (very unlikely)
  since                 between 2024-12-05T06:00:00Z and 2024-12-05T11:00:00Z
  dispute               0.25
  analytic confidence   high
  because               decisive: +3.50  Army, against interest: says that it left [C3]
                        -0.75  SANA, self-serving: says that it left [C3]
                        and 3 more groups
";
    assert_eq!(summary(&hama()), expected);
}

#[test]
fn decisive_is_only_what_the_answer_would_not_stand_without() {
    let mut unknown = hama();
    unknown.status = Status::Unknown.into();
    assert!(!summary(&unknown).contains("decisive"));
    // The answer stands at 2.44: without so much it has half.
    for (weight, decisive) in [(2.4, false), (2.5, true), (-4.0, false)] {
        let mut state = hama();
        state.contributions[0].weight = weight;
        assert_eq!(summary(&state).contains("decisive: "), decisive, "{weight}");
    }
    // Not only the first: each that it would not stand without.
    let mut both = hama();
    both.contributions[1].weight = 3.0;
    assert_eq!(summary(&both).matches("decisive: ").count(), 2);
}

#[test]
fn analytic_confidence_never_shares_a_line_with_a_likelihood() {
    for line in (state(&hama()) + &summary(&hama()))
        .lines()
        .filter(|line| line.contains("analytic confidence"))
    {
        assert!(!line.contains("likely") && !line.contains("chance") && !line.contains('%'));
    }
}

#[test]
fn a_probability_is_never_shown_as_zero_or_one() {
    for (ppm, shown) in [
        (1, "<0.1 %"),
        (999, "<0.1 %"),
        (1_000, "0.1 %"),
        (500_000, "50.0 %"),
        (998_999, "99.9 %"),
        (999_000, ">99.9 %"),
        (999_999, ">99.9 %"),
    ] {
        assert_eq!(percent(ppm), shown, "{ppm}");
    }
}

#[test]
fn a_place_without_evidence_says_so() {
    let shown = state(&ControlState {
        place_id: "homs".into(),
        status: Status::Unknown.into(),
        ..ControlState::default()
    });
    assert!(shown.contains("no evidence bears on this place"), "{shown}");
    assert!(shown.contains("newest evidence       none"), "{shown}");
    assert!(shown.contains("UNKNOWN"), "{shown}");
}

#[test]
fn an_open_interval_is_told_by_the_bound_that_is_known() {
    let (earliest, latest) = (at("2024-12-05T06:00:00Z"), at("2024-12-05T07:00:00Z"));
    let open = TimeInterval {
        earliest,
        latest: None,
        precision: 0,
    };
    assert_eq!(when(&open), "after 2024-12-05T06:00:00Z");
    let open = TimeInterval {
        earliest: None,
        latest,
        precision: 0,
    };
    assert_eq!(when(&open), "before 2024-12-05T07:00:00Z");
    assert_eq!(when(&TimeInterval::default()), "not known");
}

#[test]
fn an_explanation_leads_from_the_answer_down_to_relays() {
    let told = explanation(&Explanation {
        state: Some(hama()),
        groups: vec![GroupExplanation {
            contribution: Some(contribution("Army", 3.5, Interest::AgainstInterest)),
            without_group: vec![side("opposition", 600_000, Likelihood::Likely)],
            claims: vec![ClaimExplanation {
                statement: "the army withdrew from hama-city".into(),
                claim_id: "0".into(),
                place_id: "hama-city".into(),
                entered_at: at("2024-12-05T11:00:00Z"),
                first_known_at: at("2024-12-05T12:00:00Z"),
                report: Some(ReportReference {
                    partner_id: "desk".into(),
                    report_id: "b1".into(),
                    partner_reference: "C3".into(),
                }),
                weight: Some(ClaimWeight {
                    total: 0.5,
                    repetition: 0.5,
                    crowding: 1.0,
                    copying: 1.0,
                    hierarchy: 1.0,
                    modality: 1.0,
                    evidence: 1.0,
                }),
                relays: vec!["sana".into(), "afp".into()],
                repeats: Some(ReportReference {
                    partner_reference: "R7".into(),
                    ..ReportReference::default()
                }),
                ..ClaimExplanation::default()
            }],
        }],
        previous_holder: Some(side("government", 900_000, Likelihood::VeryLikely)),
        without_evidence: vec![],
        set_aside: vec![],
    });
    let tree = "\
why: 1 independence group
├─ before the last change: government
└─ +3.50  Army, against interest: says that it left
   ├─ group source:army
   ├─ +2.04 in all, with the fighting that it reported and what it took from others
   ├─ without this group: opposition 60.0 % (likely)
   └─ report C3 (b1), submitted by desk, first known at 2024-12-05T12:00:00Z
      ├─ the army withdrew from hama-city
      │  ├─ claim 0 of hama-city, entered at 2024-12-05T11:00:00Z, interest not known
      │  ├─ weight 0.50 = repetition 0.50 × crowding 1.00 × copying 1.00 × hierarchy 1.00 × modality 1.00 × evidence 1.00
      │  └─ brings a picture, recording or text again that came with report R7 (/)
      └─ passed on by sana, then afp
";
    assert!(told.contains(tree), "{told}");
}

#[test]
fn spans_show_their_two_largest_units() {
    for (seconds, shown) in [
        (59, "0 min"),
        (3_600, "1 h"),
        (90_000, "1 d 1 h"),
        (86_400 * 3 + 60, "3 d"),
        (-5, "0 min"),
    ] {
        assert_eq!(span(&prost_types::Duration { seconds, nanos: 0 }), shown);
    }
}

#[test]
fn a_claim_reads_as_a_sentence() {
    let place = |id: &str| PlaceReference {
        place_id: id.into(),
        ..PlaceReference::default()
    };
    let said = Claim {
        place: Some(place("hama-city")),
        actors: vec![ActorReference {
            actor_id: "opposition".into(),
            name: String::new(),
        }],
        predicate: Predicate::Present.into(),
        polarity: Polarity::Deny.into(),
        extent: Extent::Part.into(),
        sub_places: vec![place("kaso")],
        modality: Modality::Hedged.into(),
        ..Claim::default()
    };
    assert_eq!(
        claim(&said),
        "deny: opposition present at hama-city (part: kaso), hedged"
    );
}

#[test]
fn a_report_names_who_said_it_before_who_passed_it_on() {
    let party = |id: &str, role: AttributionRole| AttributionParty {
        source_id: id.into(),
        role: role.into(),
        ..AttributionParty::default()
    };
    let shown = report(&RecordedReportView {
        report: Some(Report {
            attribution_chain: vec![
                party("sohr", AttributionRole::Originator),
                party("ap", AttributionRole::Relay),
            ],
            ..Report::default()
        }),
        ..RecordedReportView::default()
    });
    assert!(
        shown.contains("said by        sohr\n  passed on by   ap\n"),
        "{shown}"
    );
}

fn point(published: &str, opposition: u32, changes: &[StateChange]) -> HistoryPoint {
    let contested = Outcome {
        kind: OutcomeKind::Contested.into(),
        probability_ppm: 100_000,
        term: Likelihood::VeryUnlikely.into(),
        ..Outcome::default()
    };
    HistoryPoint {
        state: Some(ControlState {
            as_known_at: at(published),
            besieged: false,
            outcomes: vec![
                side("government", 900_000 - opposition, Likelihood::Likely),
                side("opposition", opposition, Likelihood::Likely),
                contested,
            ],
            ..hama()
        }),
        cause: HistoryCause::Registry.into(),
        changes: changes.iter().map(|change| (*change).into()).collect(),
    }
}

#[test]
fn a_history_is_a_row_for_each_point_and_marks_those_that_changed() {
    let points = [
        point("2024-12-04T00:00:00Z", 225_000, &[]),
        point("2024-12-05T00:00:00Z", 675_000, &[StateChange::Leader]),
    ];
    let shown = timeline(&points, HistoryClock::Knowledge, Style::Ascii);
    let expected = "\
hama-city, as it was published

2024-12-04T00:00:00Z   HELD      AAAAAAAAAAAAAAAAAAAAAAAAAAABBBBBBBBBxxxx  government 67.5 % (likely)  by registry
2024-12-05T00:00:00Z * HELD      AAAAAAAAABBBBBBBBBBBBBBBBBBBBBBBBBBBxxxx  opposition 67.5 % (likely)  by registry

A government  B opposition  x contested
Not for targeting or for decisions about individuals; no position on sovereignty.
";
    assert_eq!(shown, expected, "shown:\n{shown}");
    let blocks = timeline(&points, HistoryClock::Knowledge, Style::Blocks);
    assert!(blocks.contains("█ government  ▓ opposition") && !blocks.contains('\x1b'));
    let colours = timeline(&points, HistoryClock::Knowledge, Style::Colours);
    assert!(colours.contains("\x1b[36m█\x1b[0m government"));
    assert!(timeline(&[], HistoryClock::Valid, Style::Ascii).starts_with("nothing"));
}

#[test]
fn a_comparison_leads_from_what_differs_to_who_moved_it_and_what_was_said() {
    let told = comparison(&StateComparison {
        place_id: "hama-city".into(),
        before: Some(ControlState {
            status: Status::Contested.into(),
            ..hama()
        }),
        after: Some(hama()),
        changes: vec![StateChange::Status.into(), StateChange::Word.into()],
        weighed: Some(side("opposition", 919_960, Likelihood::VeryLikely)),
        groups: vec![GroupDifference {
            group: "source:army".into(),
            name: "Army".into(),
            weight_before: None,
            weight_after: Some(3.5),
        }],
        claims: vec![ClaimBetween {
            name: "Army".into(),
            statement: "the army withdrew from Hama".into(),
            entered_at: at("2024-12-05T11:00:00Z"),
            first_known_at: at("2024-12-05T12:00:00Z"),
            report: Some(ReportReference {
                partner_id: "desk".into(),
                report_id: "b1".into(),
                partner_reference: "C3".into(),
            }),
            newly_known: true,
            ..ClaimBetween::default()
        }],
        remaining_claims: 2,
        ..StateComparison::default()
    });
    for line in [
        "status                CONTESTED, besieged",
        "changed               status, word\n",
        "       -   +3.50   +3.50  Army, new\n",
        "  2 claims known before these\n",
        "  2024-12-05T11:00:00Z  Army: the army withdrew from Hama\n",
        "      newly known; known at 2024-12-05T12:00:00Z; report C3 (desk/b1)\n",
    ] {
        assert!(told.contains(line), "{line:?} in\n{told}");
    }
    let unregistered = comparison(&StateComparison {
        after: Some(hama()),
        changes: vec![StateChange::Place.into()],
        ..StateComparison::default()
    });
    assert!(
        unregistered.contains("status                not registered  HELD"),
        "{unregistered}"
    );
}
