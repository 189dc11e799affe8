"""The saga of a token-signing key: one step, taken only for a request that carries the installation's signature."""

from functools import partial

from schemas.envelope import Message
from schemas.events import KeyRegistered
from schemas.identifiers import KeyId
from schemas.requests import KeyRequested
from stream_processors.sagas.saga import Advanced, Given, Step, effect_of
from stream_processors.sagas.signed import Ended, SignedState, advance_signed

KIND = "key"
KEY = "key"

TABLE = (Step(KEY, awaits=(KeyRequested,), pivot=True),)


class KeyState(SignedState):
    """One key."""

    key_id: KeyId


def advance(state: KeyState | None, message: Message, given: Given) -> Advanced | None:
    """Return what `message` brings about; None when it is a repeat. An unsigned request does not take the id."""
    if not isinstance(message, KeyRequested):
        return None
    own = partial(_state, message)
    return advance_signed(TABLE[0], state, message, given, state_of=own, fact_of=partial(_registered, message))


def _registered(message: KeyRequested) -> KeyRegistered:
    return KeyRegistered(
        meta=effect_of(message, KeyRegistered, "key-registered", aggregate_id=message.key_id, aggregate_version=1),
        key_id=message.key_id,
        public_jwk=message.public_jwk,
        sealed_private=message.sealed_private,
        active_from=message.active_from,
    )


def _state(message: KeyRequested, ended: Ended) -> KeyState:
    return KeyState(**ended, key_id=message.key_id, request_sha256=message.request_sha256)
