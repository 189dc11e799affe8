"""What a campaign will do, drawn from its seed alone: the uploads, and the rounds of kills and stops."""

import random
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, repeat

SERVERS = ("kafka", "postgres", "valkey")
PROGRAMS = ("gateway", "processor", "projector", "agent-hot", "agent-vault")
BYTES_MAX = 2 * 1024 * 1024
ELF = b"\x7fELF\x02\x01\x01\x00"


class Kind(StrEnum):
    """What a client does with its ticket."""

    WHOLE = "whole"
    WRONG_DIGEST = "wrong digest"
    REFUSED_TYPE = "refused type"
    ABANDONED = "abandoned"
    BROKEN_OFF = "broken off"


class Blow(StrEnum):
    """What happens to a victim."""

    KILL = "kill -9"
    STOP = "stop"


SHARES = {Kind.WHOLE: 75, Kind.WRONG_DIGEST: 7, Kind.REFUSED_TYPE: 6, Kind.ABANDONED: 6, Kind.BROKEN_OFF: 6}


@dataclass(frozen=True)
class Upload:
    """One upload; `word` is in its title and in no other's."""

    number: int
    seed: int
    kind: Kind
    size: int
    element: str | None

    @property
    def word(self) -> str:
        return f"пожар{self.seed}и{self.number}"

    @property
    def filename(self) -> str:
        return f"пожар {self.seed} {self.number}.txt"

    @property
    def key(self) -> str:
        return f"fire-{self.seed}-{self.number}"

    def content(self) -> bytes:
        """Return its bytes, the same at every call: text when it is small, noise behind a first line when not."""
        if self.kind is Kind.REFUSED_TYPE:
            return ELF + bytes(self.size)
        line = f"Строка {self.word} о пожаре.\n".encode()
        if self.size < 64 * 1024:
            return (line * (self.size // len(line) + 1))[: self.size]
        return line + random.Random(self.key).randbytes(self.size - len(line))  # noqa: S311 - any bytes will do


@dataclass(frozen=True)
class Round:
    """One blow, `pause` seconds after the first half of its uploads was let go; the other half follows the blow."""

    victim: str
    blow: Blow
    pause: float
    uploads: tuple[Upload, ...]


def draw(seed: int, rounds: int, uploads: int) -> tuple[Round, ...]:
    """Return the rounds: everybody is killed once and stopped once before anybody is a second time."""
    dice = random.Random(seed)  # noqa: S311 - to be drawn again, not to be secret
    pairs = [(victim, blow) for victim in (*PROGRAMS, *SERVERS) for blow in Blow]
    turns = list(chain.from_iterable(dice.sample(pairs, len(pairs)) for _ in repeat(None, rounds // len(pairs) + 1)))
    return aimed(seed, turns[:rounds], uploads)


def aimed(seed: int, blows: list[tuple[str, Blow]], uploads: int) -> tuple[Round, ...]:
    """Return a round for each of the blows, the uploads shared out among them."""
    dice = random.Random(seed + 1)  # noqa: S311 - as above
    drawn = [_upload(dice, seed, number) for number in range(uploads)]
    bounds = [uploads * turn // len(blows) for turn in range(len(blows) + 1)]
    return tuple(
        Round(victim, blow, dice.uniform(0.0, 1.0), tuple(drawn[bounds[turn] : bounds[turn + 1]]))
        for turn, (victim, blow) in enumerate(blows)
    )


def _upload(dice: random.Random, seed: int, number: int) -> Upload:
    kind = dice.choices(list(SHARES), list(SHARES.values()))[0]
    size = dice.choice((0, dice.randint(1, 200), dice.randint(200, 64 * 1024), dice.randint(64 * 1024, BYTES_MAX)))
    size = max(size, 4096) if kind is Kind.BROKEN_OFF else size
    return Upload(number, seed, kind, size, dice.choice(("hot", "vault", None)))
