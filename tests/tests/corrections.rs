//! Corrections and retractions, from the partner who sends them to the reader of a state.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use ascertain_client::ClientError;
use ascertain_proto::v1::{
    Acknowledgement, ControlState, CorrectReportRequest, ExplainControlStateRequest, Explanation,
    GetControlHistoryRequest, GetControlStateRequest, GetReportRequest, HistoryPoint,
    ListReportsRequest, Polarity, ReadOptions, RecordedReportView, Report, ReportSubmission,
    RetractReportRequest, Retractor, SetAsideCause,
};
use ascertain_tests::{Node, told_but};
use prost::Message as _;

const MORNING: &str = "2024-12-05T11:30:00+03:00";
const RETRACTION: &str = "0d4f8a52-0000-4000-8000-00000000000a";
const NEW_VERSION: &str = "0d4f8a52-0000-4000-8000-00000000000b";

struct Told {
    node: Node,
    tokens: Vec<String>,
    _data: tempfile::TempDir,
}

impl Told {
    /// A node that was told what the scenario holds, but for some reports.
    async fn but(left_out: &[&str]) -> Self {
        let (node, tokens, data) = told_but(left_out).await.unwrap();
        Self {
            node,
            tokens,
            _data: data,
        }
    }

    /// What is believed of the morning with all that is known now, but for what tells by
    /// which records and when it became known.
    async fn belief(&self, place: &str) -> ControlState {
        let request = GetControlStateRequest {
            place: place.to_owned(),
            read: Some(self.of_the_morning()),
        };
        let answer = self.node.client().get_control_state(request).await;
        ControlState {
            as_known_at: None,
            input_digest: Vec::new(),
            ..answer.unwrap().state.unwrap()
        }
    }

    /// All that was published of a place, but for what tells by which records.
    async fn history(&self, place: &str) -> Vec<HistoryPoint> {
        let request = GetControlHistoryRequest {
            place: place.to_owned(),
            at_least: self.tokens.clone(),
            ..GetControlHistoryRequest::default()
        };
        let history = self.node.client().get_control_history(request).await;
        let mut history = history.unwrap();
        for state in history.iter_mut().filter_map(|point| point.state.as_mut()) {
            state.input_digest.clear();
        }
        history
    }

    async fn explanation(&self, place: &str) -> Explanation {
        let request = ExplainControlStateRequest {
            place: place.to_owned(),
            read: Some(self.of_the_morning()),
        };
        let answer = self.node.client().explain_control_state(request).await;
        answer.unwrap().explanation.unwrap()
    }

    fn of_the_morning(&self) -> ReadOptions {
        ReadOptions {
            as_of: Some(MORNING.parse().unwrap()),
            at_least: self.tokens.clone(),
            ..ReadOptions::default()
        }
    }

    /// The state as it was published that morning, byte for byte.
    async fn then(&self, place: &str) -> Vec<u8> {
        let state = self.node.state(place, MORNING, &self.tokens).await;
        state.unwrap().encode_to_vec()
    }

    async fn retract(&mut self, request: RetractReportRequest) -> Acknowledgement {
        let answer = self.node.client().retract_report(request).await;
        self.acknowledged(answer.unwrap().acknowledgement)
    }

    async fn correct(&mut self, corrects: &str, report: Report) -> Acknowledgement {
        let request = CorrectReportRequest {
            corrects_report_id: corrects.to_owned(),
            report: Some(report),
            ..CorrectReportRequest::default()
        };
        let answer = self.node.client().correct_report(request).await;
        self.acknowledged(answer.unwrap().acknowledgement)
    }

    fn acknowledged(&mut self, acknowledgement: Option<Acknowledgement>) -> Acknowledgement {
        let acknowledgement = acknowledgement.unwrap();
        self.tokens.push(acknowledgement.write_token.clone());
        acknowledgement
    }

    async fn submit(&mut self, report: Report) {
        let submission = ReportSubmission {
            report: Some(report),
            ..ReportSubmission::default()
        };
        let acks = self.node.submit(&[submission]).await.unwrap();
        self.tokens.push(acks[0].write_token.clone());
    }

    async fn report(&self, id: &str) -> RecordedReportView {
        let request = GetReportRequest {
            report_id: id.to_owned(),
            at_least: self.tokens.clone(),
            ..GetReportRequest::default()
        };
        let answer = self.node.client().get_report(request).await;
        answer.unwrap().report.unwrap()
    }
}

/// A report of the scenario, by the partner's reference.
fn hama(reference: &str) -> Report {
    ascertain_tests::hama(reference).unwrap()
}

fn takes_back(reference: &str, by: Retractor) -> RetractReportRequest {
    RetractReportRequest {
        report_id: hama(reference).report_id,
        retraction_id: RETRACTION.to_owned(),
        retracted_by: by.into(),
        text: "It was another town.".to_owned(),
        ..RetractReportRequest::default()
    }
}

/// The references of the reports that an explanation has set aside, and why.
fn aside(explanation: &Explanation) -> Vec<(&str, SetAsideCause)> {
    let aside = explanation.set_aside.iter();
    aside
        .map(|one| {
            let report = one.report.as_ref().unwrap();
            (&*report.partner_reference, one.cause())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_originator_that_takes_back_its_word_takes_its_relays_along() {
    let mut told = Told::but(&[]).await;
    let before = (told.belief("sawaaek").await, told.then("sawaaek").await);
    let request = takes_back("R9", Retractor::Originator);
    let ack = told.retract(request.clone()).await;
    assert_eq!((ack.report_id.as_str(), ack.duplicate), (RETRACTION, false));
    assert_eq!(ack.pending_links, Vec::<String>::new());

    let after = told.belief("sawaaek").await;
    assert_ne!(after, before.0);
    // As if neither the observatory's word nor its relay had ever been there.
    let never = Told::but(&["R9", "R12c"]).await;
    // (Of Kaso the relay says another thing, which was not taken back.)
    for place in ["sawaaek", "hama-city"] {
        assert_eq!(
            told.belief(place).await,
            never.belief(place).await,
            "{place}"
        );
    }
    // What was published that morning stays what it was.
    assert_eq!(told.then("sawaaek").await, before.1);

    let explanation = told.explanation("sawaaek").await;
    let by_originator = SetAsideCause::RetractedByOriginator;
    let expected = [("R9", by_originator), ("R12c", by_originator)];
    assert_eq!(aside(&explanation), expected);
    let view = told.report(&hama("R9").report_id).await;
    let why = view.set_aside.unwrap();
    assert_eq!(why.because_of.unwrap().report_id, RETRACTION);
    // The retraction is a report of the place, with its reason.
    let request_list = ListReportsRequest {
        place: "sawaaek".to_owned(),
        ..ListReportsRequest::default()
    };
    let listed = told.node.client().list_reports(request_list).await.unwrap();
    let newest = listed[0].report.clone().unwrap();
    assert_eq!(newest.report_id, RETRACTION);
    assert_eq!(newest.text, "It was another town.");

    // Sent again it is the same retraction; another under its id is refused.
    assert!(told.retract(request.clone()).await.duplicate);
    let another = RetractReportRequest {
        report_id: hama("R5").report_id,
        ..request
    };
    let refused = told.node.client().retract_report(another).await;
    let Err(ClientError::Refused(refused)) = refused else {
        unreachable!("{refused:?}");
    };
    assert_eq!(refused.reason, "REPORT_ID_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submitter_takes_back_its_own_report_and_no_other() {
    let mut told = Told::but(&[]).await;
    told.retract(takes_back("R9", Retractor::Submitter)).await;
    let never = Told::but(&["R9"]).await;
    for place in ["sawaaek", "hama-city"] {
        assert_eq!(
            told.belief(place).await,
            never.belief(place).await,
            "{place}"
        );
    }
    let explanation = told.explanation("hama-city").await;
    assert_eq!(aside(&explanation), [("R9", SetAsideCause::Retracted)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_report_counts_as_its_new_version_does() {
    let mut told = Told::but(&[]).await;
    let old = told.then("hama-city").await;
    let corrected = |id: &str| {
        let mut report = hama("R8");
        report.report_id = id.to_owned();
        report.claims[0].polarity = Polarity::Affirm.into();
        report.claims[0].denies_claim_id.clear();
        report
    };
    let ack = told
        .correct(&hama("R8").report_id, corrected(NEW_VERSION))
        .await;
    assert_eq!(ack.pending_links, Vec::<String>::new());

    let mut otherwise = Told::but(&["R8"]).await;
    otherwise.submit(corrected(NEW_VERSION)).await;
    let believed = told.belief("hama-city").await;
    assert_eq!(believed, otherwise.belief("hama-city").await);
    assert_eq!(told.then("hama-city").await, old);

    let view = told.report(&hama("R8").report_id).await;
    let why = view.set_aside.unwrap();
    assert_eq!(why.cause(), SetAsideCause::Superseded);
    assert_eq!(why.because_of.unwrap().report_id, NEW_VERSION);
    let view = told.report(NEW_VERSION).await;
    assert_eq!(view.set_aside, None);
    assert_eq!(view.report.unwrap().version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_before_it_comes_never_counts() {
    let mut told = Told::but(&["R9"]).await;
    let before = told.belief("sawaaek").await;
    let ack = told.retract(takes_back("R9", Retractor::Submitter)).await;
    let pending = format!("report:{}", hama("R9").report_id);
    assert_eq!(ack.pending_links, [pending]);
    told.submit(hama("R9")).await;
    assert_eq!(told.belief("sawaaek").await, before);
    // Nor in what is published, by which all are answered who ask about now.
    let never_told = Told::but(&["R9"]).await;
    let (history, without) = (
        told.history("sawaaek").await,
        never_told.history("sawaaek").await,
    );
    assert_eq!(history, without);
    assert!(!history.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_retraction_is_refused_with_its_field() {
    let told = Told::but(&[]).await;
    let cases = [
        (
            RetractReportRequest {
                report_id: String::new(),
                ..takes_back("R9", Retractor::Submitter)
            },
            ("report_id", "REQUIRED"),
        ),
        (
            RetractReportRequest {
                retraction_id: "R9".to_owned(),
                ..takes_back("R9", Retractor::Submitter)
            },
            ("retraction_id", "INVALID_UUID"),
        ),
        (
            RetractReportRequest {
                report_id: RETRACTION.to_owned(),
                ..takes_back("R9", Retractor::Submitter)
            },
            ("report.retracts_report_id", "CYCLE"),
        ),
        (
            RetractReportRequest {
                retracted_by: 7,
                ..takes_back("R9", Retractor::Submitter)
            },
            ("report.retracted_by", "OUT_OF_RANGE"),
        ),
    ];
    for (request, (field, reason)) in cases {
        let refused = told.node.client().retract_report(request).await;
        let Err(ClientError::Refused(refused)) = refused else {
            unreachable!("{refused:?}");
        };
        let found = &refused.violations[0];
        assert_eq!((&*found.field, &*found.reason), (field, reason));
    }
}
