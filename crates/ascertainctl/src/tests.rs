use super::*;

use ascertain_proto::v1 as pb;
use pb::ingest_service_server::{IngestService, IngestServiceServer};
use pb::query_service_server::{QueryService, QueryServiceServer};
use pb::submit_result::Result as Answer;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};

/// Knows the place `hama` only, lists three of its parts a page each, and
/// refuses reports without an id.
struct Fake;

fn held(place_id: &str) -> pb::ControlState {
    pb::ControlState {
        place_id: place_id.into(),
        status: pb::Status::Held.into(),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl QueryService for Fake {
    async fn list_claimed_controls(
        &self,
        _: Request<pb::ListClaimedControlsRequest>,
    ) -> Result<Response<pb::ListClaimedControlsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn summarize_area(
        &self,
        _: Request<pb::SummarizeAreaRequest>,
    ) -> Result<Response<pb::SummarizeAreaResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_errata(
        &self,
        request: Request<pb::ListErrataRequest>,
    ) -> Result<Response<pb::ListErrataResponse>, Status> {
        let answer = pb::ListErrataResponse {
            known_up_to: Some("2024-12-09T00:00:00Z".parse().unwrap()),
            feed_token: "f00d".to_owned(),
            ..Default::default()
        };
        if request.into_inner().feed_token == "f00d" {
            return Ok(Response::new(answer));
        }
        let erratum = pb::Erratum {
            place_id: "hama".to_owned(),
            cause: pb::ErratumCause::Retraction.into(),
            before: Some(held("hama")),
            after: Some(pb::ControlState {
                status: pb::Status::Unknown.into(),
                ..held("hama")
            }),
            states_moved: 2,
            states_looked_at: 3,
            published_states: 4,
            ..Default::default()
        };
        Ok(Response::new(pb::ListErrataResponse {
            errata: vec![erratum],
            ..answer
        }))
    }

    async fn list_adjudications(
        &self,
        _: Request<pb::ListAdjudicationsRequest>,
    ) -> Result<Response<pb::ListAdjudicationsResponse>, Status> {
        Ok(Response::new(pb::ListAdjudicationsResponse::default()))
    }

    async fn get_control_state(
        &self,
        request: Request<pb::GetControlStateRequest>,
    ) -> Result<Response<pb::GetControlStateResponse>, Status> {
        let place = request.into_inner().place;
        if place != "hama" {
            let details = ErrorDetails::with_error_info("NOT_FOUND", "ascertain", []);
            let message = format!("no place {place:?}; nearest: hama");
            return Err(Status::with_error_details(Code::NotFound, message, details));
        }
        Ok(Response::new(pb::GetControlStateResponse {
            state: Some(held("hama")),
        }))
    }
    async fn list_control_states(
        &self,
        request: Request<pb::ListControlStatesRequest>,
    ) -> Result<Response<pb::ListControlStatesResponse>, Status> {
        let (place, next) = match request.into_inner().page_token.as_str() {
            "" => ("arbaeen", "2"),
            "2" => ("kaso", "3"),
            _ => ("sawaaek", ""),
        };
        let (states, next_page_token) = (vec![held(place)], next.to_owned());
        Ok(Response::new(pb::ListControlStatesResponse {
            states,
            next_page_token,
        }))
    }
    async fn batch_get_control_states(
        &self,
        _: Request<pb::BatchGetControlStatesRequest>,
    ) -> Result<Response<pb::BatchGetControlStatesResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    type WatchControlStatesStream =
        tokio_stream::Iter<std::vec::IntoIter<Result<pb::WatchControlStatesResponse, Status>>>;
    async fn watch_control_states(
        &self,
        request: Request<pb::WatchControlStatesRequest>,
    ) -> Result<Response<Self::WatchControlStatesStream>, Status> {
        use pb::watch_control_states_response::Event;
        let place = request.into_inner().places.pop().unwrap_or_default();
        let change = pb::ControlStateChange {
            state: Some(held(&place)),
            cause: pb::ChangeCause::Current.into(),
            changes: 0,
            matches: true,
            errata: 0,
        };
        let progress = pb::WatchProgress {
            resume_token: "abc".into(),
            ..Default::default()
        };
        let events = [Event::Change(change), Event::Progress(progress)]
            .map(|event| Ok(pb::WatchControlStatesResponse { event: Some(event) }));
        let events: Vec<_> = events.into();
        Ok(Response::new(tokio_stream::iter(events)))
    }
    async fn explain_control_state(
        &self,
        _: Request<pb::ExplainControlStateRequest>,
    ) -> Result<Response<pb::ExplainControlStateResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_control_history(
        &self,
        request: Request<pb::GetControlHistoryRequest>,
    ) -> Result<Response<pb::GetControlHistoryResponse>, Status> {
        let request = request.into_inner();
        let next = if request.page_token.is_empty() {
            "2"
        } else {
            ""
        };
        let point = pb::HistoryPoint {
            state: Some(held(&request.place)),
            cause: pb::HistoryCause::Report.into(),
            changes: vec![pb::StateChange::Status.into()],
        };
        Ok(Response::new(pb::GetControlHistoryResponse {
            points: vec![point],
            next_page_token: next.into(),
        }))
    }
    async fn compare_control_states(
        &self,
        request: Request<pb::CompareControlStatesRequest>,
    ) -> Result<Response<pb::CompareControlStatesResponse>, Status> {
        let request = request.into_inner();
        let comparison = |place: &str| pb::StateComparison {
            place_id: place.to_owned(),
            after: Some(pb::ControlState {
                as_known_at: request.to.and_then(|to| to.as_known_at),
                ..held(place)
            }),
            ..Default::default()
        };
        let places: &[&str] = match request.place.as_str() {
            "" => &["arbaeen", "kaso"],
            place => &[place],
        };
        Ok(Response::new(pb::CompareControlStatesResponse {
            comparisons: places.iter().map(|place| comparison(place)).collect(),
            next_page_token: String::new(),
        }))
    }
    async fn list_reports(
        &self,
        _: Request<pb::ListReportsRequest>,
    ) -> Result<Response<pb::ListReportsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn get_report(
        &self,
        _: Request<pb::GetReportRequest>,
    ) -> Result<Response<pb::GetReportResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

fn answer(submission: pb::ReportSubmission) -> pb::SubmitResult {
    let report_id = submission.report.unwrap_or_default().report_id;
    let result = if report_id.is_empty() {
        Answer::Rejection(pb::Rejection {
            code: Code::InvalidArgument.into(),
            reason: "REQUIRED".into(),
            message: "1 mistake".into(),
            violations: vec![pb::FieldViolation {
                field: "report.report_id".into(),
                reason: "REQUIRED".into(),
                description: "is empty; give a UUID".into(),
            }],
            ..Default::default()
        })
    } else {
        let duplicate = report_id == "twice";
        Answer::Acknowledgement(pb::Acknowledgement {
            report_id,
            duplicate,
            ..Default::default()
        })
    };
    pb::SubmitResult {
        result: Some(result),
    }
}

#[tonic::async_trait]
impl IngestService for Fake {
    async fn submit_report(
        &self,
        _: Request<pb::SubmitReportRequest>,
    ) -> Result<Response<pb::SubmitReportResponse>, Status> {
        Err(Status::unimplemented(""))
    }
    async fn correct_report(
        &self,
        request: Request<pb::CorrectReportRequest>,
    ) -> Result<Response<pb::CorrectReportResponse>, Status> {
        let request = request.into_inner();
        let report_id = request.report.unwrap_or_default().report_id;
        let pending_links = vec![format!("report:{}", request.corrects_report_id)];
        let acknowledgement = Some(pb::Acknowledgement {
            report_id,
            pending_links,
            ..Default::default()
        });
        Ok(Response::new(pb::CorrectReportResponse { acknowledgement }))
    }
    async fn retract_report(
        &self,
        request: Request<pb::RetractReportRequest>,
    ) -> Result<Response<pb::RetractReportResponse>, Status> {
        let request = request.into_inner();
        let acknowledgement = Some(pb::Acknowledgement {
            report_id: request.retraction_id,
            write_token: format!("{:?}", request.retracted_by),
            ..Default::default()
        });
        Ok(Response::new(pb::RetractReportResponse { acknowledgement }))
    }
    async fn erase_report(
        &self,
        _: Request<pb::EraseReportRequest>,
    ) -> Result<Response<pb::EraseReportResponse>, Status> {
        Ok(Response::new(pb::EraseReportResponse {
            arrived: true,
            ..Default::default()
        }))
    }

    type SubmitReportsStream = std::pin::Pin<
        Box<dyn tokio_stream::Stream<Item = Result<pb::SubmitReportsResponse, Status>> + Send>,
    >;
    async fn submit_reports(
        &self,
        request: Request<Streaming<pb::SubmitReportsRequest>>,
    ) -> Result<Response<Self::SubmitReportsStream>, Status> {
        let answers = request.into_inner().map(|batch| {
            let results = batch?.submissions.into_iter().map(answer).collect();
            Ok(pb::SubmitReportsResponse { results })
        });
        Ok(Response::new(Box::pin(answers)))
    }
    type ImportRecordsStream = tokio_stream::Empty<Result<pb::ImportRecordsResponse, Status>>;
    async fn import_records(
        &self,
        _: Request<Streaming<pb::ImportRecordsRequest>>,
    ) -> Result<Response<Self::ImportRecordsStream>, Status> {
        Err(Status::unimplemented(""))
    }
}

async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(QueryServiceServer::new(Fake))
            .add_service(IngestServiceServer::new(Fake))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    format!("http://{address}")
}

/// What a command leaves behind.
struct Ended {
    code: u8,
    out: String,
    talk: String,
}

async fn ctl(endpoint: &str, arguments: &str) -> Ended {
    let line = ["ascertainctl", "--endpoint", endpoint];
    let cli = Cli::parse_from(line.into_iter().chain(arguments.split_whitespace()));
    let (mut out, mut talk) = (Vec::new(), Vec::new());
    let code = match run(cli, &mut out, &mut talk).await {
        Ok(()) => 0,
        Err(failure) => {
            failure.tell(&mut talk);
            failure.exit_code()
        }
    };
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ended {
        code,
        out: text(out),
        talk: text(talk),
    }
}

/// A file that is gone when the test ends.
struct Input(std::path::PathBuf);

impl Input {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ascertainctl-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("written");
        Self(path)
    }
    fn path(&self) -> std::path::Display<'_> {
        self.0.display()
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_command_line_is_well_formed() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn wrong_usage_has_exit_code_two() {
    for arguments in [
        "state get",
        "state get hama --as-of yesterday",
        "state fly",
        "-o xml node status",
    ] {
        let line = std::iter::once("ascertainctl").chain(arguments.split_whitespace());
        let error = Cli::try_parse_from(line).expect_err(arguments);
        assert_eq!(error.exit_code(), 2, "{arguments}");
    }
}

#[tokio::test]
async fn a_state_is_a_page_for_people_and_the_json_mapping_for_scripts() {
    let endpoint = server().await;
    let page = ctl(&endpoint, "state get hama").await;
    assert_eq!(page.code, 0);
    assert!(
        page.out.contains("status                HELD"),
        "{}",
        page.out
    );
    let json = ctl(&endpoint, "-o json state get hama").await.out;
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&value["placeId"], &value["status"]),
        (&"hama".into(), &"STATUS_HELD".into())
    );
    let yaml = ctl(&endpoint, "state get hama -o yaml").await.out;
    assert!(yaml.contains("placeId: hama\n"), "{yaml}");
}

#[tokio::test]
async fn a_no_of_the_server_has_exit_code_one_and_is_told_on_stderr_with_its_reason() {
    let ended = ctl(&server().await, "state get hame").await;
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert_eq!(
        ended.talk,
        "error: no place \"hame\"; nearest: hama\nreason: NOT_FOUND\n"
    );
}

#[tokio::test]
async fn nobody_there_has_exit_code_three() {
    let ended = ctl("http://127.0.0.1:1", "--timeout 1 state get hama").await;
    assert_eq!(ended.code, 3);
    assert!(
        ended.talk.contains("http://127.0.0.1:1 cannot be reached"),
        "{}",
        ended.talk
    );
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_wrong_usage() {
    assert_eq!(ctl("not an address", "node status").await.code, 2);
}

#[tokio::test]
async fn a_list_holds_every_page() {
    let endpoint = server().await;
    let csv = ctl(&endpoint, "-o csv state list").await.out;
    let places: Vec<&str> = csv
        .lines()
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(places, ["place_id", "arbaeen", "kaso", "sawaaek"]);
    let json = ctl(&endpoint, "-o json state list").await.out;
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["states"].as_array().map(Vec::len), Some(3));
    assert!(value.get("nextPageToken").is_none());
}

#[tokio::test]
async fn each_report_submitted_has_its_line_and_one_refusal_has_exit_code_one() {
    let endpoint = server().await;
    let file = Input::new(
        "mixed.jsonl",
        "{\"reportId\":\"once\"}\n{}\n{\"reportId\":\"twice\"}\n",
    );
    let ended = ctl(&endpoint, &format!("report submit {}", file.path())).await;
    assert_eq!(ended.code, 1);
    assert_eq!(
        ended.out,
        "once  ok\n-  refused  REQUIRED: 1 mistake\n  report.report_id: is empty; give a UUID\ntwice  duplicate\n"
    );
    assert_eq!(
        ended.talk,
        "1 stored, 1 stored before, 1 refused\nerror: 1 of 3 refused\n"
    );
}

#[tokio::test]
async fn results_are_data_in_every_form() {
    let endpoint = server().await;
    let file = Input::new("one.yaml", "reportId: once\n");
    let json = ctl(&endpoint, &format!("-o json report submit {}", file.path())).await;
    let value: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(value["results"][0]["acknowledgement"]["reportId"], "once");
    assert_eq!(json.code, 0);
}

#[tokio::test]
async fn an_input_that_is_missing_or_malformed_is_wrong_usage() {
    let endpoint = server().await;
    assert_eq!(
        ctl(&endpoint, "report submit /nowhere/reports.json")
            .await
            .code,
        2
    );
    let file = Input::new("bad.json", "{\"reportId\": \"a\", \"plase\": 1}");
    let ended = ctl(&endpoint, &format!("report submit {}", file.path())).await;
    assert_eq!(ended.code, 2);
    assert!(ended.talk.contains("plase"), "{}", ended.talk);
}

#[test]
fn a_reader_that_left_early_is_no_failure() {
    let gone = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    assert_eq!(Failure::Output(gone).exit_code(), 0);
}

#[tokio::test]
async fn a_watch_is_a_line_of_json_an_event_in_a_pipe() {
    let server = server().await;
    for format in ["", "-o json"] {
        let watched = ctl(
            &server,
            &format!("{format} state watch hama --status held --until-current"),
        )
        .await;
        assert_eq!(watched.code, 0, "{}", watched.talk);
        let lines: Vec<serde_json::Value> = watched
            .out
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 2, "{}", watched.out);
        assert_eq!(lines[0]["change"]["state"]["placeId"], "hama");
        assert_eq!(lines[0]["change"]["cause"], "CHANGE_CAUSE_CURRENT");
        assert_eq!(lines[1]["progress"]["resumeToken"], "abc");
    }
    let rows = ctl(&server, "-o csv state watch hama --until-current").await;
    let mut lines = rows.out.lines();
    assert!(
        lines
            .next()
            .is_some_and(|header| header.starts_with("cause,changes,matches,place_id"))
    );
    assert!(
        lines
            .next()
            .is_some_and(|row| row.starts_with("current,0,true,hama"))
    );
}

#[tokio::test]
async fn a_history_is_json_lines_in_a_pipe_a_picture_if_asked_for_and_rows_in_csv() {
    let endpoint = server().await;
    let lines = ctl(&endpoint, "state history hama --step 6h --clock valid").await;
    let points: Vec<serde_json::Value> = lines
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(points.len(), 2, "{}", lines.talk);
    assert_eq!(points[0]["changes"][0], "STATE_CHANGE_STATUS");
    let picture = ctl(&endpoint, "state history hama --picture").await.out;
    assert!(
        picture.is_ascii() && picture.contains("* HELD"),
        "{picture}"
    );
    let csv = ctl(&endpoint, "-o csv state history hama").await.out;
    assert!(csv.contains("\nreport,status,hama,"), "{csv}");
    let json = ctl(&endpoint, "-o json state history hama").await.out;
    assert!(json.contains("\"points\"") && !json.contains("nextPageToken"));
}

#[tokio::test]
async fn a_difference_is_between_two_moments_each_as_known_then_unless_told_otherwise() {
    let endpoint = server().await;
    let both = "--from 2024-12-04T00:00:00Z --to 2024-12-05T00:00:00Z";
    let page = ctl(&endpoint, &format!("state diff hama {both}")).await.out;
    assert!(
        page.contains("as known at           not registered  2024-12-05T00:00:00Z"),
        "{page}"
    );
    let known = format!("state diff hama {both} --as-known-at 2024-12-09T00:00:00Z");
    assert!(
        ctl(&endpoint, &known)
            .await
            .out
            .contains("2024-12-09T00:00:00Z")
    );
    let area = ctl(
        &endpoint,
        &format!("-o csv state diff --within hama {both}"),
    )
    .await
    .out;
    assert_eq!(area.lines().count(), 3, "{area}");
    for wrong in [
        "state diff hama".to_owned(),
        format!("state diff {both}"),
        format!("state diff hama --within hama {both}"),
        "state history hama --step soon".to_owned(),
    ] {
        let line = std::iter::once("ascertainctl").chain(wrong.split_whitespace());
        let error = Cli::try_parse_from(line).expect_err(&wrong);
        assert_eq!(error.exit_code(), 2, "{wrong}");
    }
}

#[tokio::test]
async fn errata_are_rows_and_where_there_are_none_it_says_up_to_when() {
    let endpoint = server().await;
    let csv = ctl(&endpoint, "-o csv state errata").await.out;
    assert!(csv.contains(",hama,retraction,-,2,3,4,"), "{csv}");
    assert!(csv.contains(",HELD,") && csv.contains(",UNKNOWN,"), "{csv}");
    let none = ctl(&endpoint, "state errata --since f00d").await;
    assert_eq!(none.out, "no errata known up to 2024-12-09T00:00:00Z\n");
    assert!(none.talk.contains("--since f00d"), "{}", none.talk);
}
