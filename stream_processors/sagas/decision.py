"""The pure middle of the decider: a saga's last event and one inbox message make its next event, or nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from schemas.envelope import Message, Record
from schemas.errors import Corrupted
from schemas.events import Output, SagaAdvanced
from schemas.registry import encode
from schemas.requests import DeadlineExpired
from stream_processors.sagas import account, key, key_retirement, upload
from stream_processors.sagas.saga import TERMINAL, Advanced, Given, StateT, effect_of


@dataclass(frozen=True)
class Saga(Generic[StateT]):
    """One kind of saga: its state, its rules, and the steps it has."""

    kind: str
    state: type[StateT]
    rules: Callable[[StateT | None, Message, Given], Advanced | None]

    def advance(self, current: SagaAdvanced | None, message: Message, given: Given) -> Advanced | None:
        """Return what `message` brings about for the saga that stands as `current` says."""
        return self.rules(None if current is None else self.state.of(current), message, given)


UPLOAD = Saga(upload.KIND, upload.UploadState, upload.advance)
ACCOUNT = Saga(account.KIND, account.AccountState, account.advance)
KEY = Saga(key.KIND, key.KeyState, key.advance)
KEY_RETIREMENT = Saga(key_retirement.KIND, key_retirement.KeyRetirementState, key_retirement.advance)
KINDS = {saga.kind: saga for saga in (UPLOAD, ACCOUNT, KEY, KEY_RETIREMENT)}


def decide(
    current: SagaAdvanced | None, message: Message, given: Given, traceparent: str | None = None
) -> SagaAdvanced | None:
    """Return the saga's next event with its outputs encoded, or None when `message` is repeated, stale or not for it.

    `traceparent` is the span that decides; its outputs carry it. Corrupted for a saga of a kind that is not known here:
    what it waits for must not be acknowledged unheard.
    """
    if current is not None and current.kind not in KINDS:
        raise Corrupted(f"Saga {current.meta.aggregate_id} is of the kind {current.kind}, made by a newer release.")
    if isinstance(message, DeadlineExpired) and (current is None or message.token != current.deadline_token):
        return None
    found = _advanced(current, message, given)
    return None if found is None else _event(current, message, *found, traceparent)


def as_record(output: Output) -> Record:
    """Return the record that a stored output is."""
    return Record(output.topic, output.key, output.value, dict(output.headers))


def _advanced(current: SagaAdvanced | None, message: Message, given: Given) -> tuple[str, Advanced] | None:
    """Ask the saga's own kind; an unknown saga belongs to the kind that the message begins."""
    for saga in KINDS.values():
        if current is None or current.kind == saga.kind:
            advanced = saga.advance(current, message, given)
            if advanced is not None:
                return saga.kind, advanced
    return None


def _event(
    current: SagaAdvanced | None, message: Message, kind: str, advanced: Advanced, traceparent: str | None
) -> SagaAdvanced:
    version = 1 if current is None else current.meta.aggregate_version + 1
    state, at = advanced.state, message.meta.occurred_at
    # A saga that had ended (refused as unsigned) begins anew: with this message's time and actor.
    begun = None if current is None or current.finished_at is not None else current
    subject = state.subject
    meta = effect_of(
        message, SagaAdvanced, "saga-advanced", aggregate_id=message.meta.aggregate_id, aggregate_version=version
    )
    return SagaAdvanced(
        meta=meta if begun is None else meta.model_copy(update={"actor": begun.meta.actor}),
        kind=kind,
        status=state.status,
        step=state.step,
        state=state.own_json(),
        cause_id=message.meta.event_id,
        cause_type=message.meta.type,
        cause_causation_id=message.meta.causation_id,
        steps=state.steps,
        outputs=tuple(_output(output, traceparent) for output in advanced.outputs),
        outcomes=advanced.outcomes,
        document_id=subject.document_id,
        element_id=subject.element_id,
        request_sha256=subject.request_sha256,
        problem=None if advanced.problem is None else advanced.problem.model_dump_json(exclude_none=True),
        deadline_at=advanced.deadline_at,
        deadline_token=None if advanced.deadline_at is None else version,
        started_at=at if begun is None else begun.started_at,
        finished_at=at if state.status in TERMINAL else None,
    )


def _output(message: Message, traceparent: str | None) -> Output:
    record = encode(message, traceparent)
    return Output(topic=record.topic, key=record.key, value=record.value, headers=record.headers)
