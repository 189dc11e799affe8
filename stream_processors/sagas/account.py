"""The saga of an account: one step, taken only for a request that carries the installation's signature."""

from schemas.envelope import Message
from schemas.errors import UnsignedRequest
from schemas.events import AccountCreated, Outcome, StepState
from schemas.identifiers import AccountId
from schemas.requests import AccountRequested
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

KIND = "account"
ACCOUNT = "account"

TABLE = (Step(ACCOUNT, awaits=(AccountRequested,), pivot=True),)


class AccountState(State):
    """One account. The saga's id is derived from the login, so that of two requests the first signed one wins."""

    account_id: AccountId
    login: str
    request_sha256: str

    @property
    def subject(self) -> Subject:
        """Return what people ask for by name."""
        return Subject(request_sha256=self.request_sha256)


def advance(state: AccountState | None, message: Message, given: Given) -> Advanced | None:
    """Return what `message` brings about; None when it is a repeat.

    An unsigned request fails the saga, but does not take the login: a signed one is still heard afterwards.
    """
    if not isinstance(message, AccountRequested) or not is_awaited(TABLE, ACCOUNT, message):
        return None
    if state is not None and (state.status != Status.FAILED or not given.verified):
        return None
    return _created(message) if given.verified else _refused(message)


def _created(message: AccountRequested) -> Advanced:
    fact = AccountCreated(
        meta=effect_of(
            message, AccountCreated, "account-created", aggregate_id=message.account_id, aggregate_version=1
        ),
        account_id=message.account_id,
        login=message.login,
        full_name=message.full_name,
        role=message.role,
        sealed_password=message.sealed_password,
    )
    outcome = Outcome(aggregate_type=AccountCreated.aggregate, aggregate_id=message.account_id, version=1)
    return Advanced(_state(message, Status.SUCCEEDED, "done"), (fact,), outcomes=(outcome,))


def _refused(message: AccountRequested) -> Advanced:
    return Advanced(_state(message, Status.FAILED, "failed"), problem=problem_of(UnsignedRequest()))


def _state(message: AccountRequested, status: Status, step: str) -> AccountState:
    return AccountState(
        status=status,
        step=ACCOUNT,
        steps=(StepState(name=ACCOUNT, state=step, at=message.meta.occurred_at),),
        account_id=message.account_id,
        login=message.login,
        request_sha256=message.request_sha256,
    )
