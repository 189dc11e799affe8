"""The saga of an account: one step, taken only for a request that carries the installation's signature."""

from functools import partial

from schemas.envelope import Message
from schemas.events import AccountCreated
from schemas.identifiers import AccountId
from schemas.requests import AccountRequested
from stream_processors.sagas.saga import Advanced, Given, Step, effect_of
from stream_processors.sagas.signed import Ended, SignedState, advance_signed

KIND = "account"
ACCOUNT = "account"

TABLE = (Step(ACCOUNT, awaits=(AccountRequested,), pivot=True),)


class AccountState(SignedState):
    """One account. The saga's id is derived from the login, so that of two requests the first signed one wins."""

    account_id: AccountId
    login: str


def advance(state: AccountState | None, message: Message, given: Given) -> Advanced | None:
    """Return what `message` brings about; None when it is a repeat.

    An unsigned request fails the saga, but does not take the login: a signed one is still heard afterwards.
    """
    if not isinstance(message, AccountRequested):
        return None
    own = partial(_state, message)
    return advance_signed(TABLE[0], state, message, given, state_of=own, fact_of=partial(_created, message))


def _created(message: AccountRequested) -> AccountCreated:
    return AccountCreated(
        meta=effect_of(
            message, AccountCreated, "account-created", aggregate_id=message.account_id, aggregate_version=1
        ),
        account_id=message.account_id,
        login=message.login,
        full_name=message.full_name,
        role=message.role,
        sealed_password=message.sealed_password,
    )


def _state(message: AccountRequested, ended: Ended) -> AccountState:
    return AccountState(
        **ended, account_id=message.account_id, login=message.login, request_sha256=message.request_sha256
    )
