"""Traces are followed through W3C traceparents, and a broken one never breaks the work."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, TraceFlags

from infra.runtime.settings_sections import TelemetrySettings
from infra.runtime.spans import span_line
from infra.runtime.telemetry import current_trace_id, current_traceparent, span, trace_id_of, tracer_provider
from schemas.errors import Malformed

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def test_outside_any_span_there_is_no_trace() -> None:
    assert current_traceparent() is None
    assert current_trace_id() is None


def test_a_span_continues_the_trace_of_its_parent() -> None:
    with span("work", parent=PARENT):
        assert current_trace_id() == TRACE
        assert trace_id_of(current_traceparent() or "") == TRACE
    assert current_trace_id() is None


def test_a_parent_or_link_that_cannot_be_read_is_left_out() -> None:
    with span("work", parent="rubbish", links=("", "00-zz-1-01")):
        assert current_trace_id() != TRACE


@pytest.mark.parametrize("flags", ["00", "01"])
def test_where_nobody_is_told_a_trace_is_passed_on_with_the_callers_choice(flags: str) -> None:
    tracer = tracer_provider("agent", TelemetrySettings(spans_path=None)).get_tracer("test")
    with span("caller", parent=f"00-{TRACE}-b7ad6b7169203331-{flags}"), tracer.start_as_current_span("work") as work:
        assert not work.is_recording()
        assert (current_traceparent() or "").startswith(f"00-{TRACE}-")
        assert (current_traceparent() or "")[-2:] == flags
    with tracer.start_as_current_span("first") as first:
        assert first.get_span_context().trace_flags.sampled
        assert current_trace_id() not in {TRACE, None}


def test_a_traceparent_that_is_none_is_malformed() -> None:
    with pytest.raises(Malformed, match="traceparent"):
        trace_id_of("00-abc")


def test_the_line_of_a_span_has_its_ids_times_links_and_no_secret() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    linked = SpanContext(int(TRACE, 16), 5, is_remote=True, trace_flags=TraceFlags(1))
    with provider.get_tracer("test").start_as_current_span(
        "publish", links=[Link(linked)], attributes={"topic": "t", "ticket": "eyJ"}
    ):
        pass
    [finished] = exporter.get_finished_spans()
    line = span_line("gateway", finished)
    assert (line["name"], line["kind"], line["program"]) == ("publish", "internal", "gateway")
    assert line["parent_span_id"] is None
    assert line["attributes"] == {"topic": "t", "ticket": "***"}
    assert line["links"] == [{"trace_id": TRACE, "span_id": "0000000000000005"}]
    assert str(line["start"]) <= str(line["end"])
    assert str(line["end"]).endswith("Z")
