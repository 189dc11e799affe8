"""The saga of a token-signing key: one step, taken only for a request that carries the installation's signature."""

from schemas.envelope import Message
from schemas.errors import UnsignedRequest
from schemas.events import KeyRegistered, Outcome, StepState
from schemas.identifiers import KeyId
from schemas.requests import KeyRequested
from stream_processors.sagas.saga import (
    Advanced,
    Given,
    State,
    Status,
    Step,
    Subject,
    effect_of,
    is_awaited,
    problem_of,
)

KIND = "key"
KEY = "key"

TABLE = (Step(KEY, awaits=(KeyRequested,), pivot=True),)


class KeyState(State):
    """One key."""

    key_id: KeyId
    request_sha256: str

    @property
    def subject(self) -> Subject:
        """Return what people ask for by name."""
        return Subject(request_sha256=self.request_sha256)


def advance(state: KeyState | None, message: Message, given: Given) -> Advanced | None:
    """Return what `message` brings about; None when it is a repeat. An unsigned request does not take the id."""
    if not isinstance(message, KeyRequested) or not is_awaited(TABLE, KEY, message):
        return None
    if state is not None and (state.status != Status.FAILED or not given.verified):
        return None
    return _registered(message) if given.verified else _refused(message)


def _registered(message: KeyRequested) -> Advanced:
    fact = KeyRegistered(
        meta=effect_of(message, KeyRegistered, "key-registered", aggregate_id=message.key_id, aggregate_version=1),
        key_id=message.key_id,
        public_jwk=message.public_jwk,
        sealed_private=message.sealed_private,
        active_from=message.active_from,
    )
    outcome = Outcome(aggregate_type=KeyRegistered.aggregate, aggregate_id=message.key_id, version=1)
    return Advanced(_state(message, Status.SUCCEEDED, "done"), (fact,), outcomes=(outcome,))


def _refused(message: KeyRequested) -> Advanced:
    return Advanced(_state(message, Status.FAILED, "failed"), problem=problem_of(UnsignedRequest()))


def _state(message: KeyRequested, status: Status, step: str) -> KeyState:
    return KeyState(
        status=status,
        step=KEY,
        steps=(StepState(name=KEY, state=step, at=message.meta.occurred_at),),
        key_id=message.key_id,
        request_sha256=message.request_sha256,
    )
