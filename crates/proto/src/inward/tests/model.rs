//! Source models: adopted, recorded, read back.

use ascertain_domain::registry::RegistryChange;
use ascertain_domain::violation::Reason;
use prost::Message as _;

use super::fixture::*;
use crate::inward::record::{Body, decode_body};
use crate::inward::registry::check_model;
use crate::{log, outward, v1};

fn model() -> v1::SourceModel {
    v1::SourceModel {
        cut: wire_time("2024-12-09T00:00:00Z"),
        method: "learned-1".to_owned(),
        input_digest: vec![7; 32],
        sources: vec![v1::LearnedSource {
            source_id: "sohr".to_owned(),
            table: Some(v1::LearnedTable {
                own: vec![900_000, 60_000, 40_000],
                foe: vec![200_000, 580_000, 40_000, 180_000],
                contested: vec![280_000, 80_000, 640_000],
                ..v1::LearnedTable::default()
            }),
            reporting: v1::Reporting::ChangesOnly.into(),
            lag_hours: Some(40),
            track_record: vec![v1::TrackRecord {
                predicate: v1::Predicate::FightingAt.into(),
                interest: v1::Interest::AgainstInterest.into(),
                claims: 12,
                true_share_ppm: 910_000,
            }],
        }],
        pace: vec![v1::Pace {
            home_area_id: "hama".to_owned(),
            days: vec![20_000, 20_001],
            changes_ppm: vec![800, 900],
        }],
        temper_ppm: 950_000,
        ..v1::SourceModel::default()
    }
}

fn adopt(model: v1::SourceModel) -> Result<(RegistryChange, log::v1::RegistryChange), Vec<String>> {
    let request = v1::ApplySourceModelRequest {
        model: Some(model),
        ..v1::ApplySourceModelRequest::default()
    };
    match check_model(&request, &registered(), time("2024-12-10T00:00:00Z")) {
        Ok(entity) => Ok((entity.change, entity.wire)),
        Err(found) => Err(found
            .into_iter()
            .map(|v| format!("{} {}", v.field, v.reason.name()))
            .collect()),
    }
}

#[test]
fn a_model_goes_out_as_it_came_in_and_stands_on_record_so() {
    let (change, wire) = adopt(model()).unwrap();
    let RegistryChange::SourceModel(read) = &change else {
        panic!("no model")
    };
    let out = outward::source_model(read);
    assert!(out.model_id.starts_with("2024-12-09.clear."), "{out:?}");
    let named = v1::SourceModel {
        model_id: out.model_id.clone(),
        audience: v1::Audience::Clear.into(),
        ..model()
    };
    assert_eq!(out, named);
    // Under its own name it is the same.
    assert_eq!(adopt(out).unwrap().0, change);
    let body = log::v1::RecordBody {
        stamp: Some(stamp("2024-12-10T00:00:00Z")),
        content: Some(log::v1::record_body::Content::RegistryChange(wire)),
    };
    let Body::Registry(again, ..) = decode_body(&body.encode_to_vec()).unwrap() else {
        panic!("no registry change")
    };
    assert_eq!(again, change);
}

#[test]
fn what_was_changed_by_hand_is_no_longer_what_it_is_called() {
    let RegistryChange::SourceModel(read) = adopt(model()).unwrap().0 else {
        panic!("no model")
    };
    let mut edited = outward::source_model(&read);
    edited.temper_ppm = 1_000_000;
    assert_eq!(adopt(edited).unwrap_err(), ["model.model_id MALFORMED"]);
}

#[test]
fn every_mistake_of_a_model_is_told_by_its_path() {
    let mut wrong = model();
    wrong.cut = wire_time("2024-12-11T00:00:01Z");
    wrong.method.clear();
    wrong.input_digest.pop();
    wrong.temper_ppm = 0;
    let table = wrong.sources[0].table.as_mut().unwrap();
    table.own.pop();
    wrong.sources[0].track_record[0].predicate = 0;
    let mut stranger = wrong.sources[0].clone();
    stranger.source_id = "nobody".to_owned();
    stranger.track_record.clear();
    stranger.table = Some(v1::LearnedTable {
        own: vec![1],
        holder: vec![900_000, 50_000, 40_000],
        contested: vec![200_000, 800_000],
        ..v1::LearnedTable::default()
    });
    wrong.sources.push(stranger);
    wrong.pace[0].days.swap(0, 1);
    wrong.pace[0].changes_ppm.pop();
    assert_eq!(
        adopt(wrong).unwrap_err(),
        [
            "model.method REQUIRED",
            "model.input_digest MALFORMED",
            "model.sources[0].track_record[0].predicate REQUIRED",
            "model.sources[0].table.own MALFORMED",
            "model.sources[1].table.own MALFORMED",
            "model.sources[1] MALFORMED",
            "model.pace[0].days MALFORMED",
            "model.pace[0].changes_ppm MALFORMED",
            "model.cut OUT_OF_RANGE",
            "model.temper_ppm OUT_OF_RANGE",
            "model.sources[0].source_id SOURCE_UNKNOWN",
            "model.sources[0].table.holder OUT_OF_RANGE",
        ]
    );
    let mut late = model();
    late.cut = wire_time("2024-12-11T00:00:00Z");
    assert_eq!(adopt(late).unwrap_err(), ["model.cut OUT_OF_RANGE"]);
    let none = v1::ApplySourceModelRequest::default();
    let none = check_model(&none, &registered(), time("2024-12-10T00:00:00Z")).unwrap_err();
    assert_eq!(
        (none[0].field.as_str(), none[0].reason),
        ("model", Reason::Required)
    );
}
