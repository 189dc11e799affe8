"""What the sagas share whose one step is taken only for a request that carries the installation's signature."""

from collections.abc import Callable
from typing import TypedDict

from schemas.envelope import Message
from schemas.errors import UnsignedRequest
from schemas.events import Outcome, StepState
from stream_processors.sagas.saga import Advanced, Given, State, Status, Step, Subject, problem_of


class SignedState(State):
    """The state of such a saga."""

    request_sha256: str

    @property
    def subject(self) -> Subject:
        """Return what people ask for by name."""
        return Subject(request_sha256=self.request_sha256)


class Ended(TypedDict):
    """The fields that tell how the one step ended: what every `State` has."""

    status: Status
    step: str
    steps: tuple[StepState, ...]


def advance_signed(  # noqa: PLR0913 - what every saga is asked, and what tells these apart
    step: Step,
    state: State | None,
    message: Message,
    given: Given,
    *,
    state_of: Callable[[Ended], SignedState],
    fact_of: Callable[[], Message],
) -> Advanced | None:
    """Return what a request brings about: the fact of the step, or a refusal; None when it is a repeat.

    An unsigned request fails the saga, but does not take its id: a signed one is still heard afterwards.
    """
    if state is not None and (state.status != Status.FAILED or not given.verified):
        return None
    if not given.verified:
        return Advanced(state_of(_ended(step, message, Status.FAILED, "failed")), problem=problem_of(UnsignedRequest()))
    fact = fact_of()
    outcome = Outcome(
        aggregate_type=fact.aggregate, aggregate_id=fact.meta.aggregate_id, version=fact.meta.aggregate_version
    )
    return Advanced(state_of(_ended(step, message, Status.SUCCEEDED, "done")), (fact,), outcomes=(outcome,))


def _ended(step: Step, message: Message, status: Status, word: str) -> Ended:
    taken = StepState(name=step.name, state=word, at=message.meta.occurred_at)
    return Ended(status=status, step=step.name, steps=(taken,))
