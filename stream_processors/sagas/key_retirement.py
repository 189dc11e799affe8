"""The saga that retires a token-signing key: one step, taken only for a request with the installation's signature."""

from functools import partial

from schemas.envelope import Message
from schemas.events import KeyRetired
from schemas.identifiers import KeyId
from schemas.requests import KeyRetirementRequested
from stream_processors.sagas.saga import Advanced, Given, Step, effect_of
from stream_processors.sagas.signed import Ended, SignedState, advance_signed

KIND = "key_retirement"
KEY = "key"
# The key's first version is that it was registered; nothing comes behind the second.
RETIRED_VERSION = 2

TABLE = (Step(KEY, awaits=(KeyRetirementRequested,), pivot=True),)


class KeyRetirementState(SignedState):
    """One key's end. The saga's id is derived from the key's, so that a key is retired once, whoever asks."""

    key_id: KeyId


def advance(state: KeyRetirementState | None, message: Message, given: Given) -> Advanced | None:
    """Return what `message` brings about; None when it is a repeat. A signed request is heard after unsigned ones."""
    if not isinstance(message, KeyRetirementRequested):
        return None
    own = partial(_state, message)
    return advance_signed(TABLE[0], state, message, given, state_of=own, fact_of=partial(_retired, message))


def _retired(message: KeyRetirementRequested) -> KeyRetired:
    return KeyRetired(
        meta=effect_of(
            message, KeyRetired, "key-retired", aggregate_id=message.key_id, aggregate_version=RETIRED_VERSION
        ),
        key_id=message.key_id,
    )


def _state(message: KeyRetirementRequested, ended: Ended) -> KeyRetirementState:
    return KeyRetirementState(**ended, key_id=message.key_id, request_sha256=message.request_sha256)
