"""One trace runs from the HTTP request over every hop of Kafka to the projection."""

import json
from typing import Any

from tests.archive import Archive
from tests.stacks import Stack, eventually

PROGRAMS = {"gateway", "processor", "agent-hot", "projector"}


def _spans(stack: Stack, trace_id: str) -> list[dict[str, Any]]:
    lines = stack.spans.read_text(encoding="utf-8").splitlines() if stack.spans.exists() else []
    spans = [json.loads(line) for line in lines]
    return [span for span in spans if span["trace_id"] == trace_id]


def test_one_trace_runs_from_the_request_to_the_projection(stack: Stack, archive: Archive) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    archive.http.headers["traceparent"] = f"00-{trace_id}-00f067aa0ba902b7-01"
    upload = archive.announce("trace.txt", 5, element_id="hot").json()
    put_trace = "0af7651916cd43dd8448eb211c80319c"
    archive.put(upload, b"trace", {"traceparent": f"00-{put_trace}-b7ad6b7169203331-01"})
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"

    def complete() -> bool:
        # A parent ends after its children, and every program writes its spans a moment later.
        spans = _spans(stack, trace_id)
        parents = {span["parent_span_id"] for span in spans}
        known = {span["span_id"] for span in spans} | {"00f067aa0ba902b7"}
        return {span["program"] for span in spans} >= PROGRAMS and parents <= known

    eventually(complete, 20, "some program has no span in the trace, or some span's parent is missing")
    spans = _spans(stack, trace_id)
    commit = next(span for span in spans if span["name"] == "commit")
    assert [link["trace_id"] for link in commit["links"]] == [put_trace]
    assert any(span["name"] == "project" for span in spans)
    told = [span["name"] for span in spans if span["parent_span_id"] == "00f067aa0ba902b7"]
    of_the_gateway = [span["name"] for span in spans if span["program"] == "gateway"]
    assert len(of_the_gateway) == len(told), "a request to the gateway is told by one span, not by several"
    assert {"POST /api/v1/uploads"} <= set(told) <= {"POST /api/v1/uploads", "GET /api/v1/operations/{operation_id}"}


def test_the_logs_carry_the_trace_and_no_secret(stack: Stack, archive: Archive) -> None:
    upload = archive.announce("secret.txt", 6).json()
    archive.put(upload, b"secret")
    lines = stack.logs()
    token = archive.http.headers["Authorization"].removeprefix("Bearer ")
    for secret in (upload["ticket"], token, archive.password):
        assert secret not in lines
    assert '"trace_id"' in lines
