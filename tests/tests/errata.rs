//! Errata: what corrections, retractions and erasures change in what had been published.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use ascertain_client::ClientError;
use ascertain_proto::v1::watch_control_states_response::Event;
use ascertain_proto::v1::{
    Backfill, ChangeCause, CorrectReportRequest, EraseReportRequest, ErasureGround, ErasureScope,
    Erratum, ErratumCause, GetControlHistoryRequest, GetControlStateRequest, HistoryCause,
    HistoryPoint, ListErrataRequest, ListErrataResponse, PlaceReference, ReadOptions, Report,
    ReportSubmission, RetractReportRequest, Retractor, StateChange, WatchControlStatesRequest,
};
use ascertain_tests::{Node, told_but};
use prost_types::Timestamp;

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

    async fn retract(&mut self, reference: &str, by: Retractor) {
        let request = RetractReportRequest {
            report_id: hama(reference).report_id,
            retraction_id: RETRACTION.to_owned(),
            retracted_by: by.into(),
            text: "It was another town.".to_owned(),
            ..RetractReportRequest::default()
        };
        let answer = self.node.client().retract_report(request).await.unwrap();
        self.tokens
            .push(answer.acknowledgement.unwrap().write_token);
    }

    async fn correct(&mut self, reference: &str, otherwise: impl Fn(&mut Report)) {
        let mut report = hama(reference);
        let corrects = std::mem::replace(&mut report.report_id, NEW_VERSION.to_owned());
        otherwise(&mut report);
        let request = CorrectReportRequest {
            corrects_report_id: corrects,
            report: Some(report),
            ..CorrectReportRequest::default()
        };
        let answer = self.node.client().correct_report(request).await.unwrap();
        self.tokens
            .push(answer.acknowledgement.unwrap().write_token);
    }

    async fn erase(&mut self, reference: &str) {
        let request = EraseReportRequest {
            report_id: hama(reference).report_id,
            scope: ErasureScope::Report.into(),
            ground: ErasureGround::Safety.into(),
            ..EraseReportRequest::default()
        };
        let answer = self.node.client().erase_report(request).await.unwrap();
        self.tokens.push(answer.write_token);
    }

    async fn errata(&self, request: ListErrataRequest) -> ListErrataResponse {
        let request = ListErrataRequest {
            at_least: self.tokens.clone(),
            ..request
        };
        self.node.client().list_errata(request).await.unwrap()
    }

    async fn all(&self) -> Vec<Erratum> {
        self.errata(ListErrataRequest::default()).await.errata
    }

    /// The outcomes of a moment, by what was known at another.
    async fn believed(
        &self,
        erratum: &Erratum,
        as_of: Timestamp,
        as_known_at: Timestamp,
    ) -> ascertain_proto::v1::ControlState {
        let request = GetControlStateRequest {
            place: erratum.place_id.clone(),
            read: Some(ReadOptions {
                as_of: Some(as_of),
                as_known_at: Some(as_known_at),
                at_least: self.tokens.clone(),
                ..ReadOptions::default()
            }),
        };
        let answer = self.node.client().get_control_state(request).await;
        answer.unwrap().state.unwrap()
    }
}

/// A report of the scenario, by the partner's reference.
fn hama(reference: &str) -> Report {
    ascertain_tests::hama(reference).unwrap()
}

fn of<'a>(errata: &'a [Erratum], place: &str) -> &'a Erratum {
    let found = errata.iter().find(|erratum| erratum.place_id == place);
    found.unwrap()
}

fn references(erratum: &Erratum) -> Vec<&str> {
    let reports = erratum.taken_back.iter();
    reports.map(|report| &*report.partner_reference).collect()
}

fn just_before(time: Timestamp) -> Timestamp {
    let micros = time.seconds * 1_000_000 + i64::from(time.nanos / 1_000) - 1;
    Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retraction_tells_what_it_changes_of_the_past_and_because_of_what() {
    let mut told = Told::but(&[]).await;
    assert_eq!(told.all().await, []);
    told.retract("R9", Retractor::Originator).await;

    let errata = told.all().await;
    let erratum = of(&errata, "sawaaek");
    assert_eq!(erratum.cause(), ErratumCause::Retraction);
    assert_eq!(erratum.report.as_ref().unwrap().report_id, RETRACTION);
    assert_eq!(references(erratum), ["R9", "R12c"]);
    assert!(erratum.states_moved > 0, "{erratum:?}");
    assert!(erratum.states_moved <= erratum.states_looked_at);
    assert_eq!(erratum.states_looked_at, erratum.published_states);
    assert!(
        erratum.changes().any(|c| c == StateChange::Word
            || c == StateChange::Leader
            || c == StateChange::Status)
    );

    let (before, after) = (
        erratum.before.clone().unwrap(),
        erratum.after.clone().unwrap(),
    );
    let (as_of, known_at) = (after.as_of.unwrap(), erratum.known_at.unwrap());
    assert_eq!(
        (before.as_of, after.as_known_at),
        (Some(as_of), Some(known_at))
    );
    // It is a moment at which a state was published that rested on what was taken back.
    assert!(erratum.moved_from.unwrap().seconds <= as_of.seconds);
    assert!(as_of.seconds <= erratum.moved_to.unwrap().seconds);
    // Since the retraction, and a moment before it was known.
    assert_eq!(told.believed(erratum, as_of, known_at).await, after);
    let earlier = told.believed(erratum, as_of, just_before(known_at)).await;
    assert_eq!(earlier.outcomes, before.outcomes);
    assert_eq!(earlier.status, before.status);

    // The history of the place says which of its states came of it.
    let request = GetControlHistoryRequest {
        place: "sawaaek".to_owned(),
        ..GetControlHistoryRequest::default()
    };
    let history = told.node.client().get_control_history(request).await;
    let history = history.unwrap();
    assert_eq!(history.last().unwrap().cause(), HistoryCause::Correction);
    let corrections = history.iter().map(HistoryPoint::cause);
    let corrections = corrections.filter(|cause| *cause == HistoryCause::Correction);
    assert_eq!(corrections.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_tells_what_had_been_published_and_what_is_left_of_it() {
    let mut told = Told::but(&[]).await;
    told.erase("R9").await;
    let errata = told.all().await;
    let erratum = of(&errata, "sawaaek");
    assert_eq!(erratum.cause(), ErratumCause::Erasure);
    let erased = hama("R9").report_id;
    assert_eq!(erratum.report.as_ref().unwrap().report_id, erased);
    assert_eq!(erratum.taken_back, []);

    let (before, after) = (
        erratum.before.clone().unwrap(),
        erratum.after.clone().unwrap(),
    );
    let (as_of, known_at) = (after.as_of.unwrap(), erratum.known_at.unwrap());
    // It is one of the states that were published, of which several may be of one time.
    let request = GetControlHistoryRequest {
        place: "sawaaek".to_owned(),
        at_least: told.tokens.clone(),
        ..GetControlHistoryRequest::default()
    };
    let history = told.node.client().get_control_history(request).await;
    let published = history.unwrap().into_iter().filter_map(|point| point.state);
    let digests: Vec<Vec<u8>> = published.map(|state| state.input_digest).collect();
    assert!(digests.contains(&before.input_digest));
    assert!(before.erased_reports > 0);
    assert_eq!(told.believed(erratum, as_of, known_at).await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_counted_is_no_erratum() {
    let mut told = Told::but(&["R9"]).await;
    told.retract("R9", Retractor::Submitter).await;
    let late = ReportSubmission {
        report: Some(hama("R9")),
        ..ReportSubmission::default()
    };
    let acks = told.node.submit(&[late]).await.unwrap();
    told.tokens.push(acks[0].write_token.clone());
    assert_eq!(told.all().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_comes_late_and_was_taken_back_silences_those_who_passed_it_on() {
    // The relay counts until that of which it is one comes, with its retraction.
    let mut told = Told::but(&["R9"]).await;
    told.retract("R9", Retractor::Originator).await;
    assert_eq!(told.all().await, []);
    let late = ReportSubmission {
        report: Some(hama("R9")),
        ..ReportSubmission::default()
    };
    let acks = told.node.submit(&[late]).await.unwrap();
    told.tokens.push(acks[0].write_token.clone());
    let errata = told.all().await;
    let erratum = of(&errata, "sawaaek");
    assert_eq!(erratum.cause(), ErratumCause::Retraction);
    assert_eq!(references(erratum), ["R12c"]);
    assert_eq!(erratum.report.as_ref().unwrap().report_id, RETRACTION);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_only_grows_and_is_the_same_in_pages() {
    let mut told = Told::but(&[]).await;
    told.retract("R9", Retractor::Originator).await;
    let first = told.errata(ListErrataRequest::default()).await;
    assert!(first.errata.len() > 1);
    let since = |list: &ListErrataResponse| ListErrataRequest {
        feed_token: list.feed_token.clone(),
        ..ListErrataRequest::default()
    };
    assert_eq!(told.errata(since(&first)).await.errata, []);

    told.correct("R8", |report| {
        report.text = "Three quarters, not two.".to_owned();
    })
    .await;
    let next = told.errata(since(&first)).await;
    assert!(!next.errata.is_empty());
    let corrections = next.errata.iter();
    assert!(
        corrections
            .clone()
            .all(|erratum| erratum.cause() == ErratumCause::Correction)
    );
    // Another wording moves no number: it is told all the same, unless only what moved is
    // asked for.
    assert!(corrections.clone().all(|erratum| erratum.states_moved == 0));
    let only_moved = ListErrataRequest {
        only_moved: true,
        ..since(&first)
    };
    assert_eq!(told.errata(only_moved).await.errata, []);

    let whole = told.errata(ListErrataRequest::default()).await;
    let both: Vec<Erratum> = [&first.errata[..], &next.errata].concat();
    assert_eq!(whole.errata, both);
    let of_one = ListErrataRequest {
        page_size: 1,
        ..ListErrataRequest::default()
    };
    assert_eq!(told.errata(of_one).await.errata, both);
    let within = ListErrataRequest {
        within_place_id: "sawaaek".to_owned(),
        ..ListErrataRequest::default()
    };
    let of_place = both.iter().filter(|erratum| erratum.place_id == "sawaaek");
    let of_place: Vec<Erratum> = of_place.cloned().collect();
    assert_eq!(told.errata(within).await.errata, of_place);
    let in_pages = ListErrataRequest {
        page_size: 1,
        ..since(&first)
    };
    let next = told.errata(in_pages).await;
    assert_eq!(next.errata[..], both[both.len() - next.errata.len()..]);
    assert_eq!(told.errata(since(&next)).await.errata, []);
    let after = ListErrataRequest {
        known_after: first.known_up_to,
        ..ListErrataRequest::default()
    };
    assert_eq!(told.errata(after).await.errata, next.errata);
    let then = ListErrataRequest {
        as_known_at: Some(just_before(both[0].known_at.unwrap())),
        ..ListErrataRequest::default()
    };
    assert_eq!(told.errata(then).await.errata, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_a_place_is_told_of_an_erratum() {
    let mut told = Told::but(&[]).await;
    let request = WatchControlStatesRequest {
        places: vec!["sawaaek".to_owned()],
        ..WatchControlStatesRequest::default()
    };
    // Everything is there before the watch begins.
    told.all().await;
    let client = told.node.client();
    let mut watch = client.watch_control_states(request);
    loop {
        if let Event::Progress(_) = watch.next().await.unwrap() {
            break;
        }
    }
    told.retract("R9", Retractor::Originator).await;
    let change = loop {
        if let Event::Change(change) = watch.next().await.unwrap() {
            break change;
        }
    };
    assert_eq!(change.cause(), ChangeCause::Record);
    assert_eq!((change.changes, change.errata), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_the_feed_is_told_what_an_archive_says_was_known_before() {
    let mut told = Told::but(&[]).await;
    let first = told.errata(ListErrataRequest::default()).await;
    let request = RetractReportRequest {
        report_id: hama("R9").report_id,
        retraction_id: RETRACTION.to_owned(),
        retracted_by: Retractor::Originator.into(),
        backfill: Some(Backfill {
            first_known_at: first.known_up_to,
            ..Backfill::default()
        }),
        ..RetractReportRequest::default()
    };
    let answer = told.node.client().retract_report(request).await.unwrap();
    told.tokens
        .push(answer.acknowledgement.unwrap().write_token);
    let known_after = ListErrataRequest {
        known_after: first.known_up_to,
        ..ListErrataRequest::default()
    };
    assert_eq!(told.errata(known_after).await.errata, []);
    let since = ListErrataRequest {
        feed_token: first.feed_token,
        ..ListErrataRequest::default()
    };
    let errata = told.errata(since).await.errata;
    assert_eq!(of(&errata, "sawaaek").cause(), ErratumCause::Retraction);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_that_is_taken_back_after_a_mended_word_is_taken_back_from_its_first_version_on() {
    let mut whole = Told::but(&[]).await;
    whole.retract("R9", Retractor::Originator).await;
    let mut mended = Told::but(&[]).await;
    mended
        .correct("R9", |report| report.text = "In two quarters.".to_owned())
        .await;
    mended.retract("R9", Retractor::Originator).await;
    let (whole, mended) = (whole.all().await, mended.all().await);
    let retracted: Vec<Erratum> = mended
        .into_iter()
        .filter(|erratum| erratum.cause() == ErratumCause::Retraction)
        .collect();
    let (whole, mended) = (of(&whole, "sawaaek"), of(&retracted, "sawaaek"));
    assert!(whole.states_moved > 0);
    assert_eq!(mended.moved_from, whole.moved_from);
    assert_eq!(mended.states_moved, whole.states_moved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_only_the_new_version_names_has_no_erratum() {
    let mut told = Told::but(&[]).await;
    told.correct("R9", |report| {
        for claim in &mut report.claims {
            claim.place = Some(PlaceReference {
                place_id: "homs-city".to_owned(),
                ..PlaceReference::default()
            });
            claim.sub_places.clear();
        }
    })
    .await;
    let errata = told.all().await;
    assert_eq!(of(&errata, "sawaaek").cause(), ErratumCause::Correction);
    let elsewhere = errata.iter().find(|one| one.place_id == "homs-city");
    assert_eq!(elsewhere, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_questions_about_errata_are_refused() {
    let told = Told::but(&[]).await;
    let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let ask = ListErrataRequest::default;
    let refusals = [
        (
            ListErrataRequest {
                within_place_id: "Atlantis".to_owned(),
                ..ask()
            },
            ("PLACE_UNKNOWN", ""),
        ),
        (
            ListErrataRequest {
                known_after: time("2024-12-02T00:00:00Z"),
                as_known_at: time("2024-12-01T00:00:00Z"),
                ..ask()
            },
            ("INTERVAL_REVERSED", "as_known_at"),
        ),
        (
            ListErrataRequest {
                known_after: Some(Timestamp {
                    seconds: 0,
                    nanos: -1,
                }),
                ..ask()
            },
            ("OUT_OF_RANGE", "known_after"),
        ),
        (
            ListErrataRequest {
                as_known_at: time("2999-01-01T00:00:00Z"),
                ..ask()
            },
            ("AS_KNOWN_AT_IN_FUTURE", "as_known_at"),
        ),
        (
            ListErrataRequest {
                audience: 4,
                ..ask()
            },
            ("AUDIENCE_NOT_SUPPORTED", "audience"),
        ),
        (
            ListErrataRequest {
                at_least: vec!["not a token".to_owned()],
                ..ask()
            },
            ("TOKEN_INVALID", "at_least[0]"),
        ),
        (
            ListErrataRequest {
                at_least: vec![String::new(); 65],
                ..ask()
            },
            ("TOO_LONG", "at_least"),
        ),
        (
            ListErrataRequest {
                page_size: -1,
                ..ask()
            },
            ("OUT_OF_RANGE", "page_size"),
        ),
        (
            ListErrataRequest {
                page_token: "of another list".to_owned(),
                ..ask()
            },
            ("PAGE_TOKEN_INVALID", "page_token"),
        ),
        (
            ListErrataRequest {
                feed_token: "of another feed".to_owned(),
                ..ask()
            },
            ("TOKEN_INVALID", "feed_token"),
        ),
    ];
    for (request, (reason, field)) in refusals {
        let answer = told.node.client().list_errata(request).await;
        let Err(ClientError::Refused(refusal)) = answer else {
            unreachable!("{reason}: {answer:?}");
        };
        let found = match refusal.violations.first() {
            Some(violation) => (&*violation.reason, &*violation.field),
            None => (&*refusal.reason, ""),
        };
        assert_eq!(found, (reason, field));
    }
}
