"""What a program tells about itself: JSON log lines with trace ids, spans that follow a request through every hop."""

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TextIO

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, Span, SpanContext, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from structlog.types import EventDict, Processor

from infra.runtime.redaction import redacted
from infra.runtime.repeats import Repeats
from infra.runtime.settings_sections import TelemetrySettings
from infra.runtime.spans import JsonLinesExporter
from schemas.errors import Malformed

SPAN_DELAY_MILLISECONDS = 500
SPAN_QUEUE_MAX = 16_384
HEADER = "traceparent"
# Stands for that of the provider which is set later.
TRACER = trace.get_tracer("artstore")

# Libraries that tell at level info what only their authors want to know.
CHATTY = ("aiokafka", "kafka", "uvicorn", "asyncio", "httpx2", "httpcore2")


def setup_telemetry(program: str, settings: TelemetrySettings) -> None:
    """Once per process, first thing: JSON logs to standard output, and tracing."""
    _setup_logs(program, settings.log_level)
    trace.set_tracer_provider(tracer_provider(program, settings))


def tracer_provider(program: str, settings: TelemetrySettings) -> TracerProvider:
    """Build a provider that samples every trace it begins and follows the caller's choice otherwise."""
    provider = TracerProvider(
        sampler=ParentBased(ALWAYS_ON),
        resource=Resource.create({SERVICE_NAME: program}),
        shutdown_on_exit=False,
    )
    if settings.spans_path is not None:
        exporter = JsonLinesExporter(program, settings.spans_path)
        provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=SPAN_QUEUE_MAX, schedule_delay_millis=SPAN_DELAY_MILLISECONDS)
        )
    return provider


def flush_telemetry() -> None:
    """Write out what is still in memory: the last act of a process."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()
    sys.stdout.flush()


@contextmanager
def span(
    name: str,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """Put a span around a block; `parent` and `links` are W3C traceparents.

    Without a parent it is a child of the current span, or begins a trace. What cannot be read among `parent` and
    `links` is left out: a trace is never a reason to fail.
    """
    context = None if parent is None else _context_of(parent)
    linked = [Link(found) for found in map(_span_context_of, links) if found.is_valid]
    with TRACER.start_as_current_span(name, context=context, kind=kind, links=linked, attributes=attributes) as current:
        yield current


def current_traceparent() -> str | None:
    """Return the current span as a W3C traceparent, or None outside any span."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(HEADER)


def current_trace_id() -> str | None:
    """Return the current trace id (32 hex digits), or None outside any span."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def trace_id_of(traceparent: str) -> str:
    """Return the trace id (32 hex digits) inside a W3C traceparent; Malformed when it is none."""
    context = _span_context_of(traceparent)
    if not context.is_valid:
        message = "The traceparent does not follow W3C Trace Context."
        raise Malformed(message)
    return trace.format_trace_id(context.trace_id)


def _context_of(traceparent: str) -> Context:
    return TraceContextTextMapPropagator().extract({HEADER: traceparent}, context=Context())


def _span_context_of(traceparent: str) -> SpanContext:
    return trace.get_current_span(_context_of(traceparent)).get_span_context()


def _setup_logs(program: str, level: str) -> None:
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        _with_origin(program),
    ]
    last: list[Processor] = [
        structlog.processors.format_exc_info,
        _redact,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=partial(_Lines, sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    bare = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[bare, *last]))
    handler.addFilter(Repeats(CHATTY))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    if level != "debug":
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)


class _Lines:
    """Where our own lines end: written in one piece, past `logging`, which is for those of the libraries.

    As there, a reader of the log that has gone is no reason to fail.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def _with_origin(program: str) -> Processor:
    def add(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["program"] = program
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"] = trace.format_trace_id(context.trace_id)
            event["span_id"] = trace.format_span_id(context.span_id)
        return event

    return add


def _redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {key: redacted(key, value) for key, value in event.items()}
