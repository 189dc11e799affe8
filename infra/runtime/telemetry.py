"""What a program tells about itself: JSON log lines with trace ids, spans that follow a request through every hop."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TextIO

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
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
LINE = json.JSONEncoder(ensure_ascii=False, default=str)
# Stands for that of the provider which is set later.
TRACER = trace.get_tracer("artstore")

# Libraries that tell at level info what only their authors want to know.
CHATTY = ("aiokafka", "kafka", "uvicorn", "asyncio", "httpx2", "httpcore2")


def setup_telemetry(program: str, settings: TelemetrySettings) -> None:
    """Once per process, first thing: JSON logs to standard output, and tracing."""
    _setup_logs(program, settings.log_level)
    trace.set_tracer_provider(tracer_provider(program, settings))


def tracer_provider(program: str, settings: TelemetrySettings) -> trace.TracerProvider:
    """Build a provider that samples every trace it begins and follows the caller's choice otherwise.

    Where nobody is told of spans they have ids, which lines and records carry on, and nothing else.
    """
    if settings.spans_path is None:
        return _Untold()
    provider = TracerProvider(
        sampler=ParentBased(ALWAYS_ON),
        resource=Resource.create({SERVICE_NAME: program}),
        shutdown_on_exit=False,
    )
    exporter = JsonLinesExporter(program, settings.spans_path)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=SPAN_QUEUE_MAX, schedule_delay_millis=SPAN_DELAY_MILLISECONDS)
    )
    return provider


class _Untold(trace.TracerProvider):
    """Gives the one tracer below to everybody."""

    def __init__(self) -> None:
        self._tracer = _UntoldTracer()

    def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:  # noqa: ANN401 - the one for whoever asks
        return self._tracer


class _UntoldTracer(trace.Tracer):
    """Begins spans that pass a trace on, and the caller's choice with it, and record nothing."""

    def __init__(self) -> None:
        self._ids = RandomIdGenerator()

    def start_span(self, name: str, context: Context | None = None, *_: Any, **__: Any) -> Span:  # noqa: ANN401
        del name
        parent = trace.get_current_span(context).get_span_context()
        begins = not parent.is_valid
        trace_id = self._ids.generate_trace_id() if begins else parent.trace_id
        flags = TraceFlags(TraceFlags.SAMPLED) if begins else parent.trace_flags
        return NonRecordingSpan(SpanContext(trace_id, self._ids.generate_span_id(), is_remote=False, trace_flags=flags))

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the library's type is private
        return trace.use_span(self.start_span(*args, **kwargs))


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
    current = TRACER.start_span(name, context=context, kind=kind, links=linked, attributes=attributes)
    with trace.use_span(current, end_on_exit=True):
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
    named: list[Processor] = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name]
    placed: list[Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        _with_origin(program),
    ]
    told: list[Processor] = [structlog.processors.format_exc_info, _redact]
    structlog.configure(
        # What the house adds itself holds no secret.
        processors=[*told, *named, *placed, _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=partial(_Lines, sys.stdout),
        cache_logger_on_first_use=True,
    )
    foreign: list[Processor] = [*named, structlog.stdlib.ExtraAdder(), *placed]
    handler = logging.StreamHandler(sys.stdout)
    bare = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    last = [bare, *told, _as_json]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=foreign, processors=last))
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
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            return

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


def _as_json(_logger: object, _method: str, event: EventDict) -> str:
    return LINE.encode(event)


def _redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {key: redacted(key, value) for key, value in event.items()}
