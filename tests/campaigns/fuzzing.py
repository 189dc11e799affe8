"""Batches of mutated requests thrown at an agent's port, and what it may answer: never a fault, never nothing."""

import asyncio
import contextlib
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httptools

from tests.answers import HEAD_BYTES_MAX, Answer, NotAnAnswerError, fault, read_answer
from tests.campaigns.mutating import gently_mutated, mutated

BATCH_MAX = 10
# Nobody's patience is measured here: an answer that has not come by then never comes.
HANG_SECONDS = 30.0
EARLY_SECONDS = 0.01
TOLD_MAX = 40
# So many addresses of one's own: ports of one would be used up by connections that linger after their end.
LOOPBACKS = 200
_VARIABLE = re.compile(r"[0-9a-f-]{8,}|\d+ (?=answers|whole)|Understood.*|\"trace_id.*")


@dataclass
class Understood:
    """What a strict reader of HTTP/1.1 makes of the bytes of one connection.

    `methods` of all requests with a target, of which `complete` came to their end; `ends` where nothing after
    it can be a request: refused as no HTTP, or closed by the client's wish. `handed_over`: asked to go on in another
    protocol, so that nothing is known of what follows.
    """

    methods: list[str] = field(default_factory=list)
    complete: int = 0
    ends: bool = False
    handed_over: bool = False

    @classmethod
    def of(cls, data: bytes) -> "Understood":
        """Read all of it."""
        understood = cls()
        parser = httptools.HttpRequestParser(_Noting(understood))
        understood._parser = parser
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            understood.handed_over = True
        except httptools.HttpParserError:
            understood.ends = True
        return understood

    _parser: httptools.HttpRequestParser | None = None


class _Noting:
    """Callbacks of the parser."""

    def __init__(self, understood: Understood) -> None:
        self._understood = understood

        self._is_new = False

    def on_message_begin(self) -> None:
        self._is_new = True

    def on_url(self, _target: bytes) -> None:
        if not self._is_new:
            return
        self._is_new = False
        parser = self._understood._parser
        assert parser is not None
        self._understood.methods.append(parser.get_method().decode("latin-1"))

    def on_message_complete(self) -> None:
        understood = self._understood
        assert understood._parser is not None
        understood.complete += 1
        understood.ends |= not understood._parser.should_keep_alive()


@dataclass
class Finding:
    """Bytes of one connection that were answered as nothing may be."""

    number: int
    what: str
    sent: bytes


@dataclass
class Tally:
    """What became of the requests. `answered` counts answers, and connections that were closed instead of one."""

    connections: int = 0
    answered: int = 0
    sent_bytes: int = 0
    closed: int = 0
    resets: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    canaries: int = 0
    canary_worst_seconds: float = 0.0

    def add(self, answers: Sequence[Answer], *, closed: bool, sent_bytes: int) -> None:
        """Count one connection."""
        self.connections += 1
        self.answered += len(answers) + (closed and not answers)
        self.closed += closed
        self.sent_bytes += sent_bytes
        self.statuses.update(answer.status for answer in answers)

    def find(self, number: int, what: str, sent: bytes) -> None:
        """Keep what was found, the first of its kind with its bytes, unless there is plenty."""
        kind = _VARIABLE.sub("", what)
        self.kinds[kind] += 1
        if self.kinds[kind] == 1 and len(self.findings) < TOLD_MAX:
            self.findings.append(Finding(number, what, sent))


def batch(seed: int, number: int, requests: Sequence[bytes]) -> list[bytes]:
    """Return what the connection of this number sends, piece by piece: one request or several, each mutated."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - a seed, not a secret
    # What no parser reads ends the connection: it comes last.
    count = 1 if chance.random() < 0.2 else chance.randint(2, BATCH_MAX)
    gentle = [gently_mutated(chance, chance.choice(requests)) for _ in range(count - 1)]
    data = b"".join([*gentle, mutated(chance, chance.choice(requests), requests)])
    if chance.random() < 0.8 or len(data) < 2:
        return [data]
    cuts = sorted(chance.randrange(1, len(data)) for _ in range(chance.randint(1, 4)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if end > start]


async def throw(port: int, number: int, pieces: Sequence[bytes], tally: Tally) -> None:
    """Send one connection's bytes, and take every answer that has to come."""
    data = b"".join(pieces)
    understood, answers = Understood.of(data), list[Answer]()
    source = (f"127.0.1.{number % LOOPBACKS + 1}", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=HEAD_BYTES_MAX, local_addr=source)
    closed, is_reset, what = False, False, None
    try:
        async with asyncio.timeout(HANG_SECONDS):
            sending = asyncio.ensure_future(_sent(writer, pieces))
            try:
                closed = await _taken(reader, understood, answers)
                if not closed:
                    await sending
                    closed = await _early(reader, understood, answers)
            finally:
                sending.cancel()
    except TimeoutError:
        what = f"a hang: {len(answers)} answers, {understood}"
    except (asyncio.IncompleteReadError, NotAnAnswerError, ValueError) as error:
        if _may_be_of_a_head(error, data, understood, len(answers)):
            closed = True
        else:
            what = f"half an answer: {error!r}, after {len(answers)}"
    except OSError:
        closed = is_reset = True
    finally:
        writer.transport.abort()
    if what is None and not is_reset:
        what = _unanswered(understood, answers, closed=closed)
    methods = [*understood.methods, *[""] * len(answers)]
    faults = (fault(answer, method) for answer, method in zip(answers, methods, strict=False))
    for wrong in filter(None, [what, *faults]):
        tally.find(number, wrong, data)
    tally.resets += is_reset
    tally.add(answers, closed=closed, sent_bytes=len(data))


def _may_be_of_a_head(error: Exception, data: bytes, understood: Understood, answered: int) -> bool:
    """Tell whether the refusal of a request that cannot be read has no body because it was a HEAD.

    Whether a method was read before the fault depends on how the network cuts the bytes.
    """
    is_bare = isinstance(error, asyncio.IncompleteReadError) and not error.partial
    return is_bare and answered >= len(understood.methods) and b"HEAD " in data


def _unanswered(understood: Understood, answers: Sequence[Answer], *, closed: bool) -> str | None:
    """Return how many whole requests the end of a connection left without an answer that said it would end."""
    if not closed or len(answers) >= understood.complete or (answers and answers[-1].closing):
        return None
    return f"closed without a word: {len(answers)} answers of {understood.complete} whole requests"


async def _sent(writer: asyncio.StreamWriter, pieces: Sequence[bytes]) -> None:
    with contextlib.suppress(OSError):
        for piece in pieces:
            if writer.transport.is_closing():
                return
            writer.write(piece)
            await writer.drain()
            if len(pieces) > 1:
                await asyncio.sleep(0.001)


async def _taken(reader: asyncio.StreamReader, understood: Understood, answers: list[Answer]) -> bool:
    """Read until everything is answered that is complete; return whether the connection was closed instead."""
    while understood.ends or len(answers) < understood.complete:
        number = len(answers)
        method = understood.methods[number] if number < len(understood.methods) else ""
        answer = await read_answer(reader, method)
        if answer is None:
            return True
        answers.append(answer)
    return False


async def _early(reader: asyncio.StreamReader, understood: Understood, answers: list[Answer]) -> bool:
    """Wait a moment for who answers, or closes, before a request has come to its end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(EARLY_SECONDS):
            method = understood.methods[len(answers)] if len(answers) < len(understood.methods) else ""
            answer = await read_answer(reader, method)
            if answer is None:
                return True
            answers.append(answer)
    return False


@dataclass
class Canary:
    """Somebody with a right request, again and again over connections of his own: (its bytes, the answer's body)."""

    port: int
    asks: Callable[[], tuple[bytes, bytes]]
    tally: Tally

    async def run(self, pause_seconds: float = 0.1) -> None:
        """Ask until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(pause_seconds)

    async def once(self) -> None:
        """Ask once, over a new connection."""
        request, wanted = self.asks()
        began = time.monotonic()
        try:
            async with asyncio.timeout(HANG_SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=HEAD_BYTES_MAX)
                try:
                    writer.write(request)
                    answer = await read_answer(reader, "GET")
                finally:
                    writer.transport.abort()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, NotAnAnswerError) as error:
            self.tally.find(-1, f"the canary: {error!r}", request)
            return
        self.tally.canaries += 1
        self.tally.canary_worst_seconds = max(self.tally.canary_worst_seconds, time.monotonic() - began)
        if answer is None or (answer.status, answer.body) != (200, wanted):
            self.tally.find(-1, f"the canary: {answer}", request)
