"""The saga that retires a token-signing key: one step, taken only for a request with the installation's signature."""

from schemas.envelope import Message
from schemas.errors import UnsignedRequest
from schemas.events import KeyRetired, Outcome, StepState
from schemas.identifiers import KeyId
from schemas.requests import KeyRetirementRequested
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

KIND = "key_retirement"
KEY = "key"
# The key's first version is that it was registered; nothing comes behind the second.
RETIRED_VERSION = 2

TABLE = (Step(KEY, awaits=(KeyRetirementRequested,), pivot=True),)


class KeyRetirementState(State):
    """One key's end. The saga's id is derived from the key's, so that a key is retired once, whoever asks."""

    key_id: KeyId
    request_sha256: str

    @property
    def subject(self) -> Subject:
        """Return what people ask for by name."""
        return Subject(request_sha256=self.request_sha256)


def advance(state: KeyRetirementState | None, message: Message, given: Given) -> Advanced | None:
    """Return what `message` brings about; None when it is a repeat. A signed request is heard after unsigned ones."""
    if not isinstance(message, KeyRetirementRequested) or not is_awaited(TABLE, KEY, message):
        return None
    if state is not None and (state.status != Status.FAILED or not given.verified):
        return None
    return _retired(message) if given.verified else _refused(message)


def _retired(message: KeyRetirementRequested) -> Advanced:
    fact = KeyRetired(
        meta=effect_of(
            message, KeyRetired, "key-retired", aggregate_id=message.key_id, aggregate_version=RETIRED_VERSION
        ),
        key_id=message.key_id,
    )
    outcome = Outcome(aggregate_type=KeyRetired.aggregate, aggregate_id=message.key_id, version=RETIRED_VERSION)
    return Advanced(_state(message, Status.SUCCEEDED, "done"), (fact,), outcomes=(outcome,))


def _refused(message: KeyRetirementRequested) -> Advanced:
    return Advanced(_state(message, Status.FAILED, "failed"), problem=problem_of(UnsignedRequest()))


def _state(message: KeyRetirementRequested, status: Status, step: str) -> KeyRetirementState:
    return KeyRetirementState(
        status=status,
        step=KEY,
        steps=(StepState(name=KEY, state=step, at=message.meta.occurred_at),),
        key_id=message.key_id,
        request_sha256=message.request_sha256,
    )
