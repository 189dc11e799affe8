"""Finished spans as JSON lines in a file: enough to follow a trace with nothing but a text tool."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, format_span_id, format_trace_id

from infra.runtime.redaction import redacted

NANOSECONDS = 1_000_000_000


class JsonLinesExporter(SpanExporter):
    """Appends one line per span. Several programs may share the file: each batch is one append."""

    def __init__(self, program: str, path: Path) -> None:
        self._program = program
        self._path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write the batch, or say that it failed; a span is never a reason to stop a program."""
        lines = "".join(json.dumps(span_line(self._program, span), ensure_ascii=False) + "\n" for span in spans)
        try:
            _append(self._path, lines.encode())
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS


def span_line(program: str, span: ReadableSpan) -> dict[str, object]:
    """Write a finished span as the JSON object of its line; times RFC 3339 UTC, attributes redacted."""
    attributes: Mapping[str, object] = span.attributes or {}
    return {
        **_ids(span.context),
        "parent_span_id": format_span_id(span.parent.span_id) if span.parent else None,
        "name": span.name,
        "kind": span.kind.name.lower(),
        "start": _time(span.start_time),
        "end": _time(span.end_time),
        "status": span.status.status_code.name.lower(),
        "attributes": {key: redacted(key, value) for key, value in attributes.items()},
        "links": [_ids(link.context) for link in span.links],
        "program": program,
    }


def _ids(context: SpanContext) -> dict[str, object]:
    return {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}


def _time(nanoseconds: int | None) -> str | None:
    if nanoseconds is None:
        return None
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
