//! Whatever comes in, nothing panics.

use ascertain_domain::registry::Registry;
use proptest::prelude::*;
use prost::Message as _;

use super::fixture::*;
use crate::inward::record::decode_body;
use crate::inward::registry;
use crate::inward::submission::check;
use crate::v1;

/// A report with odd values where one field alone decides.
fn odd_report() -> impl Strategy<Value = v1::Report> {
    let text = || {
        prop_oneof![
            Just(String::new()),
            any::<String>(),
            Just("hama-city".to_owned())
        ]
    };
    let stamp = || {
        (any::<i64>(), any::<i32>())
            .prop_map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos })
    };
    let claim = (
        (
            text(),
            text(),
            any::<(i32, i32, i32)>(),
            any::<(f64, f64)>(),
        ),
        (
            proptest::option::of(stamp()),
            proptest::option::of(stamp()),
            -2..10_i32,
        ),
    )
        .prop_map(
            |((name, id, numbers, (latitude, longitude)), (earliest, latest, predicate))| {
                v1::Claim {
                    claim_id: id.clone(),
                    place: Some(v1::PlaceReference {
                        place_id: id.clone(),
                        name: name.clone(),
                        within_place_id: id.clone(),
                        point: Some(v1::Point {
                            latitude,
                            longitude,
                        }),
                        ..Default::default()
                    }),
                    actors: vec![v1::ActorReference {
                        actor_id: id.clone(),
                        name,
                    }],
                    predicate,
                    polarity: numbers.0,
                    extent: numbers.1,
                    modality: numbers.2,
                    denies_claim_id: id,
                    event_time: Some(v1::TimeInterval {
                        earliest,
                        latest,
                        precision: numbers.0,
                    }),
                    ..Default::default()
                }
            },
        );
    let evidence =
        (text(), proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(id, sha256)| {
            v1::Evidence {
                evidence_id: id,
                sha256,
                ..Default::default()
            }
        });
    (
        (text(), text(), text(), any::<i32>()),
        proptest::option::of(stamp()),
        proptest::collection::vec(claim, 0..4),
        proptest::collection::vec(evidence, 0..3),
    )
        .prop_map(
            |((id, name, language, number), published_at, claims, evidence)| v1::Report {
                report_id: id,
                attribution_chain: vec![v1::AttributionParty {
                    name,
                    role: number,
                    ..Default::default()
                }],
                language,
                published_at,
                claims,
                evidence,
                tlp: number,
                ..Default::default()
            },
        )
}

proptest! {
    #[test]
    fn no_bytes_make_a_check_or_a_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode_body(&bytes);
        if let Ok(report) = v1::Report::decode(bytes.as_slice()) {
            let _ = check(&report, registered().latest(), received());
        }
        if let Ok(request) = v1::ApplyRegistryRequest::decode(bytes.as_slice()) {
            let _ = registry::check(&request, &Registry::default());
        }
    }

    #[test]
    fn no_report_makes_a_check_panic_and_none_is_refused_without_a_reason(report in odd_report()) {
        if let Err(found) = check(&report, registered().latest(), received()) {
            prop_assert!(!found.is_empty());
            prop_assert!(found.iter().all(|v| v.field.starts_with("report") && !v.description.is_empty()));
        }
    }

    #[test]
    fn bytes_changed_in_a_body_never_make_it_panic(at in 0_usize..400, byte in any::<u8>()) {
        let mut bytes = body(&checked(&report()), stamp("2024-12-05T12:00:00Z"));
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = decode_body(&bytes);
    }
}
