"""The saga of an upload: announced, bytes committed at the element (the pivot), text extracted; or given up."""

from datetime import datetime, timedelta

from pydantic import ValidationError

from schemas.api.body import Problem
from schemas.commands import AbandonUpload, ExtractText
from schemas.envelope import Message
from schemas.errors import FieldError, UploadAbandonedError
from schemas.events import Outcome, StepState
from schemas.identifiers import DocumentId, ElementId, TicketId
from schemas.replies import ContentCommitted, TextFinished, UploadAbandoned, UploadInProgress, UploadRefused
from schemas.requests import DeadlineExpired, UploadRequested
from stream_processors.sagas.saga import (
    TERMINAL,
    Advanced,
    Given,
    State,
    Status,
    Step,
    Subject,
    effect_of,
    is_awaited,
    marked,
    problem_of,
)

KIND = "upload"
REQUEST, CONTENT, ABANDON, TEXT = "request", "content", "abandon", "text"

TABLE = (
    Step(REQUEST, awaits=(UploadRequested, ContentCommitted)),
    Step(
        CONTENT,  # what the agent commits alone, on one disk: behind it only forward
        awaits=(ContentCommitted, UploadRefused, UploadAbandoned, DeadlineExpired),
        compensation=AbandonUpload,
        deadline="the request's own: abandon",
        pivot=True,
    ),
    Step(
        ABANDON,  # only the agent's answer decides
        awaits=(ContentCommitted, UploadRefused, UploadAbandoned, UploadInProgress, DeadlineExpired),
        command=AbandonUpload,
        deadline="15 seconds: ask again",
    ),
    Step(
        TEXT,
        awaits=(TextFinished, DeadlineExpired),
        command=ExtractText,
        deadline="30 seconds by settings: done without text",
    ),
)

ABANDON_AGAIN = timedelta(seconds=15)
# An upload whose bytes arrive even at its last moment is asked about again after this pause, not in a tight circle.
RENEWED_AT_LEAST = timedelta(seconds=5)


class UploadState(State):
    """One upload. `attr_seq` is 0 until its content is committed; `asked`: id of the newest `AbandonUpload`."""

    document_id: DocumentId
    document_version: int
    element_id: ElementId
    ticket_id: TicketId
    deadline_seconds: int = 0
    deadline_at_max: datetime | None = None
    request_sha256: str | None = None
    attr_seq: int = 0
    asked: str | None = None

    @property
    def subject(self) -> Subject:
        """Return what people ask for by name."""
        return Subject(document_id=self.document_id, element_id=self.element_id, request_sha256=self.request_sha256)


def advance(state: UploadState | None, message: Message, given: Given) -> Advanced | None:
    """Return what `message` brings about; None when it is a repeat or comes too late."""
    if state is None:
        return _begun(message, given)
    if state.status in TERMINAL or not is_awaited(TABLE, state.step, message):
        return None
    return _answered(state, message, given)


def _answered(state: UploadState, message: Message, given: Given) -> Advanced | None:  # noqa: PLR0911 - one per message
    match message:
        case ContentCommitted():
            return _committed(state, message, given)
        case UploadRefused():
            return _failed(state, message, "skipped", _refusal(message))
        case UploadAbandoned():
            return _failed(state, message, "done", _abandonment(message))
        case UploadInProgress() if message.meta.causation_id == state.asked:
            return _waiting_again(state, message)
        case TextFinished():
            return _succeeded(state, message, text_version=message.text_version)
        case DeadlineExpired() if state.step == TEXT:
            return _succeeded(state, message, text_version=0)
        case DeadlineExpired():
            return _abandoning(state, message)
    return None


def _begun(message: Message, given: Given) -> Advanced | None:
    if isinstance(message, UploadRequested):
        return _announced(message)
    if isinstance(message, ContentCommitted):
        # The request is no longer in the inbox, the truth is on the disk: the saga begins behind the pivot.
        return _committed(_unannounced(message), message, given)
    return None


def _announced(message: UploadRequested) -> Advanced:
    at = message.meta.occurred_at
    steps = (StepState(name=REQUEST, state="done", at=at), StepState(name=CONTENT, state="running", at=at))
    state = UploadState(
        status=Status.RUNNING,
        step=CONTENT,
        steps=steps,
        document_id=message.document_id,
        document_version=message.document_version,
        element_id=message.element_id,
        ticket_id=message.ticket_id,
        deadline_seconds=message.deadline_seconds,
        deadline_at_max=message.deadline_at_max,
        request_sha256=message.request_sha256,
    )
    return Advanced(state, deadline_at=message.deadline_at)


def _unannounced(message: ContentCommitted) -> UploadState:
    return UploadState(
        status=Status.RUNNING,
        step=REQUEST,
        steps=(StepState(name=REQUEST, state="skipped", at=message.meta.occurred_at),),
        document_id=message.document_id,
        document_version=message.document_version,
        element_id=message.element_id,
        ticket_id=message.ticket_id,
    )


def _committed(state: UploadState, message: ContentCommitted, given: Given) -> Advanced:
    at = message.meta.occurred_at
    command = ExtractText(
        meta=effect_of(message, ExtractText, "extract-text", aggregate_id=message.element_id),
        document_id=message.document_id,
        document_version=message.document_version,
    )
    given_up = marked(state.steps, ABANDON, "skipped", at) if state.step == ABANDON else state.steps
    steps = marked(marked(given_up, CONTENT, "done", at), TEXT, "running", at)
    moved = _moved(state, Status.RUNNING, TEXT, steps)
    new = moved.model_copy(update={"attr_seq": message.attr_seq, "element_id": message.element_id})
    return Advanced(new, (command,), deadline_at=at + given.text_deadline)


def _abandoning(state: UploadState, message: DeadlineExpired) -> Advanced:
    at = message.meta.occurred_at
    command = AbandonUpload(
        meta=effect_of(message, AbandonUpload, "abandon-upload", aggregate_id=state.element_id),
        document_id=state.document_id,
        document_version=state.document_version,
        ticket_id=state.ticket_id,
    )
    steps = state.steps if state.step == ABANDON else marked(state.steps, ABANDON, "running", at)
    moved = _moved(state, Status.COMPENSATING, ABANDON, steps)
    new = moved.model_copy(update={"asked": command.meta.event_id})
    return Advanced(new, (command,), deadline_at=at + ABANDON_AGAIN)


def _waiting_again(state: UploadState, message: UploadInProgress) -> Advanced:
    at = message.meta.occurred_at
    renewed = at + timedelta(seconds=state.deadline_seconds)
    deadline = max(min(renewed, state.deadline_at_max or renewed), at + RENEWED_AT_LEAST)
    steps = marked(state.steps, ABANDON, "skipped", at)
    return Advanced(_moved(state, Status.RUNNING, CONTENT, steps), deadline_at=deadline)


def _failed(state: UploadState, message: Message, abandon: str, problem: Problem) -> Advanced:
    """End without a document; `abandon` is how the step of giving up ends, if there was one."""
    at = message.meta.occurred_at
    steps = marked(state.steps, CONTENT, "failed", at)
    if state.step == ABANDON or abandon == "done":
        steps = marked(steps, ABANDON, abandon, at)
    step = ABANDON if abandon == "done" else CONTENT
    return Advanced(_moved(state, Status.FAILED, step, steps), problem=problem)


def _succeeded(state: UploadState, message: Message, text_version: int) -> Advanced:
    text = Outcome(aggregate_type="text", aggregate_id=state.document_id, version=text_version)
    document = Outcome(aggregate_type="document", aggregate_id=state.document_id, version=state.attr_seq)
    steps = marked(state.steps, TEXT, "done" if text_version else "skipped", message.meta.occurred_at)
    outcomes = (document, text) if text_version else (document,)
    return Advanced(_moved(state, Status.SUCCEEDED, TEXT, steps), outcomes=outcomes)


def _moved(state: UploadState, status: Status, step: str, steps: tuple[StepState, ...]) -> UploadState:
    return state.model_copy(update={"status": status, "step": step, "steps": steps})


def _refusal(message: UploadRefused) -> Problem:
    return _told(message.problem) or Problem(
        type=f"urn:artstore:problem:{message.code}",
        title="Upload refused",
        status=409,
        detail="The storage element refused the content; its reason cannot be read.",
        code=message.code,
    )


def _abandonment(message: UploadAbandoned) -> Problem:
    if message.last_refusal is None:
        return problem_of(UploadAbandonedError())
    last = _told(message.last_refusal)
    detail = f"{last.code}: {last.detail}" if last else message.last_refusal
    return problem_of(UploadAbandonedError(errors=(FieldError("/content", detail),)))


def _told(problem: str) -> Problem | None:
    """Return the problem document in an agent's words, or None when they are none."""
    try:
        return Problem.model_validate_json(problem)
    except ValidationError:
        return None
