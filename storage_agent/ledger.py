"""The ledger of tickets: what became of each, with its answer, kept past the ticket's expiry."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.api.uploads import Receipt
from schemas.ticket import UploadTicket

GRACE = timedelta(days=1)
# `AbandonUpload` does not say when its ticket expires. The mark is small and rare: it stays longer than any ticket.
ABANDONED_KEPT = timedelta(days=90)


class Answered(BaseModel):
    """What all answers have: the ticket, and the time after which nobody can present it any more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket_id: str
    expires_at: datetime


class Creation(BaseModel):
    """What a client of tus said of an upload as it made it: told by HEAD as it was given, and not used otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metadata: str | None = None
    concat: str | None = None


class CommittedAnswer(Answered):
    """The ticket's document is committed; a repeated PUT gets this receipt."""

    kind: Literal["committed"] = "committed"
    receipt: Receipt
    creation: Creation | None = None


class RefusedAnswer(Answered):
    """Policy refused the ticket's content; a repeated PUT gets the same sentence."""

    kind: Literal["refused"] = "refused"
    detail: str
    problem: str


class AbandonedAnswer(Answered):
    """The upload was given up; a later PUT is refused."""

    kind: Literal["abandoned"] = "abandoned"
    last_refusal: str | None = None


Answer = Annotated[CommittedAnswer | RefusedAnswer | AbandonedAnswer, Field(discriminator="kind")]


class Ledger:
    """Answers by ticket. The first answer of a ticket stays; a ticket is never spent twice.

    Of commits only the newest are kept: the documents of the others say themselves that they are committed.
    `let_go_until` is the latest expiry among those: of a ticket that lasts longer the ledger knows everything.
    """

    def __init__(self, answers: Iterable[Answer] = (), let_go_until: datetime | None = None) -> None:
        self._answers: dict[str, Answer] = {answer.ticket_id: answer for answer in answers}
        self.let_go_until = let_go_until

    def get(self, ticket_id: str) -> Answer | None:
        """Return the ticket's answer, or None while it is not spent."""
        return self._answers.get(ticket_id)

    def record(self, answer: Answer) -> None:
        """Keep `answer` unless the ticket has one."""
        self._answers.setdefault(answer.ticket_id, answer)

    def may_have_let_go(self, ticket: UploadTicket) -> bool:
        """Tell whether the ticket's document may be committed without an answer here."""
        return (
            self.let_go_until is not None
            and expiry(ticket) <= self.let_go_until
            and ticket.ticket_id not in self._answers
        )

    def forget_expired(self, now: datetime) -> None:
        """Drop what no valid ticket can ask for any more."""
        self._answers = {key: answer for key, answer in self._answers.items() if answer.expires_at > now}

    def let_go(self, most: int, held: Collection[str]) -> None:
        """Drop the oldest answers of commits beyond `most`; `held` are tickets whose documents have no files yet."""
        committed = [answer for answer in self._answers.values() if isinstance(answer, CommittedAnswer)]
        for answer in committed[: max(0, len(committed) - most)]:
            if answer.ticket_id not in held:
                del self._answers[answer.ticket_id]
                self.let_go_until = max(answer.expires_at, self.let_go_until or answer.expires_at)

    def answers(self) -> tuple[Answer, ...]:
        """Return all answers, in the order in which they were given."""
        return tuple(self._answers.values())


def expiry(ticket: UploadTicket) -> datetime:
    """Return until when the ledger keeps the ticket's answer."""
    return ticket.deadline_at_max + GRACE
