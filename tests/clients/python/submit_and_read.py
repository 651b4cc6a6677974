"""A partner's client, from the public contract alone.

    python submit_and_read.py HOST:PORT

States a small registry, submits a report, reads the state that it led to, and
prints it as JSON on stdout. Then submits a report with five mistakes and checks
that exactly these come back, and that nothing of the report was stored.

The stubs are generated from proto/ and must be on the path.
"""

import json
import sys
import uuid
from datetime import datetime, timedelta, timezone

import grpc
from google.protobuf import json_format, timestamp_pb2
from google.rpc import error_details_pb2, status_pb2

from ascertain.v1 import (
    actor_pb2,
    common_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    place_pb2,
    query_service_pb2,
    query_service_pb2_grpc,
    registry_service_pb2,
    registry_service_pb2_grpc,
    report_pb2,
    source_pb2,
)

DEADLINE = 20.0


def timestamp(moment):
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def name(text):
    return common_pb2.Name(text=text, language="en", script="Latn")


def registry():
    return registry_service_pb2.ApplyRegistryRequest(
        actors=[
            actor_pb2.Actor(
                actor_id="blue",
                kind=actor_pb2.ACTOR_KIND_STATE_FORCES,
                names=[name("Blue")],
            ),
            actor_pb2.Actor(
                actor_id="green",
                kind=actor_pb2.ACTOR_KIND_REBEL_GROUP,
                names=[name("Green")],
            ),
        ],
        places=[
            place_pb2.Place(
                place_id="example-region",
                kind=place_pb2.PLACE_KIND_ADMIN_UNIT,
                admin_level=1,
                names=[name("Example Region")],
                side_ids=["blue", "green"],
            ),
            place_pb2.Place(
                place_id="example-town",
                kind=place_pb2.PLACE_KIND_CITY,
                parent_id="example-region",
                names=[name("Example Town")],
            ),
        ],
        sources=[
            source_pb2.Source(
                source_id="example-agency",
                kind=source_pb2.SOURCE_KIND_NEWSWIRE,
                names=[name("Example Agency")],
                reliability_prior=source_pb2.RELIABILITY_GRADE_B,
            ),
        ],
    )


def report(now):
    return report_pb2.Report(
        report_id=str(uuid.uuid4()),
        partner_reference="EX-1",
        attribution_chain=[
            report_pb2.AttributionParty(
                source_id="example-agency",
                role=report_pb2.ATTRIBUTION_ROLE_ORIGINATOR,
            )
        ],
        published_at=timestamp(now - timedelta(minutes=10)),
        tlp=common_pb2.TLP_CLEAR,
        claims=[
            report_pb2.Claim(
                place=place_pb2.PlaceReference(name="Example Town"),
                actors=[actor_pb2.ActorReference(actor_id="green")],
                predicate=report_pb2.PREDICATE_CONTROLS,
                polarity=report_pb2.POLARITY_AFFIRM,
                extent=report_pb2.EXTENT_WHOLE,
            )
        ],
    )


def report_with_five_mistakes(now):
    """A valid report, spoilt in five places."""
    bad = report(now)
    # Its id stays a UUID, so that it can be asked for afterwards.
    bad.tlp = common_pb2.TLP_RED
    good = report_pb2.Claim()
    good.CopyFrom(bad.claims[0])
    del bad.claims[:]

    unknown_place = bad.claims.add()
    unknown_place.CopyFrom(good)
    unknown_place.place.name = "Nowhere at all"

    without_actor = bad.claims.add()
    without_actor.CopyFrom(good)
    del without_actor.actors[:]

    in_the_future = bad.claims.add()
    in_the_future.CopyFrom(good)
    in_the_future.event_time.latest.CopyFrom(timestamp(now + timedelta(days=2)))

    without_polarity = bad.claims.add()
    without_polarity.CopyFrom(good)
    without_polarity.polarity = report_pb2.POLARITY_UNSPECIFIED

    expected = {
        ("report.tlp", "MARKING_NOT_SUPPORTED"),
        ("report.claims[0].place", "PLACE_UNKNOWN"),
        ("report.claims[1].actors", "ACTOR_REQUIRED"),
        ("report.claims[2].event_time.latest", "EVENT_IN_FUTURE"),
        ("report.claims[3].polarity", "REQUIRED"),
    }
    return bad, expected


def violations(error):
    """The field violations of google.rpc.BadRequest in a failed call."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            break
    else:
        raise AssertionError(f"no details: {error}")
    found = []
    for detail in status.details:
        bad_request = error_details_pb2.BadRequest()
        if detail.Unpack(bad_request):
            found += [(v.field, v.reason) for v in bad_request.field_violations]
    return found


def refused(call, *arguments):
    try:
        answer = call(*arguments, timeout=DEADLINE)
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"accepted: {answer}")


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def main(target):
    with grpc.insecure_channel(target) as channel:
        ingest = ingest_service_pb2_grpc.IngestServiceStub(channel)
        query = query_service_pb2_grpc.QueryServiceStub(channel)
        names = registry_service_pb2_grpc.RegistryServiceStub(channel)
        now = datetime.now(timezone.utc)

        names.ApplyRegistry(registry(), timeout=DEADLINE, wait_for_ready=True)
        submitted = report(now)
        acknowledgement = ingest.SubmitReport(
            ingest_service_pb2.SubmitReportRequest(report=submitted), timeout=DEADLINE
        ).acknowledgement
        check(acknowledgement.write_token, "an acknowledgement carries a token")

        # The token makes the answer wait until the report has been reconciled.
        state = query.GetControlState(
            query_service_pb2.GetControlStateRequest(
                place="example-town",
                read=query_service_pb2.ReadOptions(
                    at_least=[acknowledgement.write_token]
                ),
            ),
            timeout=DEADLINE,
        ).state
        whole = sum(outcome.probability_ppm for outcome in state.outcomes)
        check(whole == 1_000_000, f"the outcomes sum to {whole}")
        leading = max(state.outcomes, key=lambda outcome: outcome.probability_ppm)
        check(leading.side_id == "green", f"{leading} leads")
        check(state.independent_groups == 1, "one source spoke")
        print(json.dumps(json_format.MessageToDict(state), indent=2))

        bad, expected = report_with_five_mistakes(now)
        error = refused(
            ingest.SubmitReport, ingest_service_pb2.SubmitReportRequest(report=bad)
        )
        check(error.code() == grpc.StatusCode.INVALID_ARGUMENT, error)
        found = violations(error)
        check(len(found) == 5 and set(found) == expected, f"{found} is not {expected}")

        error = refused(
            query.GetReport, query_service_pb2.GetReportRequest(report_id=bad.report_id)
        )
        check(error.code() == grpc.StatusCode.NOT_FOUND, error)
        kept = query.GetReport(
            query_service_pb2.GetReportRequest(report_id=submitted.report_id),
            timeout=DEADLINE,
        ).report
        check(kept.report.partner_reference == "EX-1", f"kept is {kept}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: submit_and_read.py HOST:PORT")
    main(sys.argv[1])
