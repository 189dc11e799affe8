"""Rot in memory: every bit of an attribute file and every byte of a body, through the checks of the read path."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing import get_context
from typing import Any

from schemas.attributes import SEAL_FIELD, Attributes
from schemas.errors import BodyDamaged, SealBroken
from storage_agent import giving
from tests.campaigns.papers import Stored

EXAMPLES_MAX = 20

Check = Callable[[bytes], object]


class Outcome(StrEnum):
    """What became of one change: told by its name, told as something else, or taken for the truth."""

    FOUND = "found"
    UNNAMED = "unnamed"
    MISSED = "missed"


@dataclass
class Tally:
    """How many changes of each kind came to what, and the first of those that were not found."""

    counts: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, kind: str, outcome: Outcome, example: str) -> None:
        self.counts[kind, outcome] += 1
        if outcome is not Outcome.FOUND and len(self.examples) < EXAMPLES_MAX:
            self.examples.append(f"{kind}: {outcome}: {example}")

    def merge(self, other: "Tally") -> None:
        self.counts += other.counts
        self.examples = (self.examples + other.examples)[:EXAMPLES_MAX]

    @property
    def kinds(self) -> list[str]:
        return sorted({kind for kind, _ in self.counts})

    def count(self, *outcomes: Outcome) -> int:
        return sum(count for (_, outcome), count in self.counts.items() if outcome in outcomes)

    @property
    def tried(self) -> int:
        return self.count(*Outcome)

    @property
    def sound(self) -> bool:
        return self.tried == self.count(Outcome.FOUND) > 0

    def lines(self) -> list[str]:
        """Return one line per kind: how many were tried, and what became of them."""
        return [
            f"{kind}: {sum(self.counts[kind, outcome] for outcome in Outcome)} tried, "
            + ", ".join(f"{self.counts[kind, outcome]} {outcome}" for outcome in Outcome)
            for kind in self.kinds
        ]


def in_memory(stored: Iterable[Stored], seed: int, processes: int) -> Tally:
    """Change all bytes of all versions in memory, in so many processes."""
    tally = Tally()
    work = [(each.name, each.attr, each.data, seed) for each in stored]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for one in pool.map(_whole, work, chunksize=8):
            tally.merge(one)
    return tally


def _whole(work: tuple[str, bytes, bytes, int]) -> Tally:
    name, attr, data, seed = work
    return rotted(name, attr, data, random.Random(f"{seed} {name}"))  # noqa: S311 - a seed, not a secret


def rotted(name: str, attr: bytes, data: bytes, chance: random.Random) -> Tally:
    """Try every change of one version: bits, bytes, every shorter length, the same JSON otherwise."""
    tally, content = Tally(), Attributes.from_sealed(attr).content

    def body(changed: bytes) -> None:
        giving._checked(giving.CarriedReader(changed), content.size, content.sha256)

    check(tally, "attr bit", name, bits_flipped(attr), Attributes.from_sealed)
    check(tally, "attr cut", name, cut(attr), Attributes.from_sealed)
    check(tally, "attr extended", name, extended(attr), Attributes.from_sealed)
    check(tally, "attr rewritten", name, rewritten(attr), Attributes.from_sealed)
    check(tally, "attr replaced", name, hostile(), Attributes.from_sealed)
    check(tally, "body byte", name, bytes_changed(data, chance), body)
    check(tally, "body cut", name, cut(data), body)
    return tally


def check(tally: Tally, kind: str, name: str, changes: Iterable[bytes], whole: Check) -> None:
    """Show each change to the check that a reader relies on."""
    for number, changed in enumerate(changes):
        tally.add(kind, outcome_of(whole, changed), f"{name}, change {number}")


def outcome_of(whole: Check, changed: bytes) -> Outcome:
    """Return what the check makes of bytes that are not those that were stored."""
    try:
        whole(changed)
    except (SealBroken, BodyDamaged):
        return Outcome.FOUND
    except Exception:  # noqa: BLE001 - whatever else comes out is the finding
        return Outcome.UNNAMED
    return Outcome.MISSED


def bits_flipped(data: bytes) -> Iterator[bytes]:
    """Yield the data as many times as it has bits, each time with another one flipped."""
    changed = bytearray(data)
    for place in range(len(data)):
        for bit in range(8):
            changed[place] ^= 1 << bit
            yield bytes(changed)
            changed[place] ^= 1 << bit


def bytes_changed(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """Yield the data as many times as it has bytes, each time with another one changed."""
    changed = bytearray(data)
    for place in range(len(data)):
        mask = chance.randrange(1, 256)
        changed[place] ^= mask
        yield bytes(changed)
        changed[place] ^= mask


def cut(data: bytes) -> Iterator[bytes]:
    """Yield every shorter beginning."""
    return (data[:size] for size in range(len(data)))


def extended(data: bytes) -> Iterator[bytes]:
    """Yield the data with each possible byte behind it, with white space before it, and twice."""
    yield from (data + bytes((last,)) for last in range(256))
    yield from (space + data for space in (b" ", b"\n", b"\xef\xbb\xbf"))
    if data:
        yield data + data


def rewritten(attr: bytes) -> Iterator[bytes]:
    """Yield other bytes with the same meaning as JSON, or nearly: a seal is over bytes, not over a meaning."""
    value, text = json.loads(attr), attr.decode()
    yield from (json.dumps(value, ensure_ascii=plain, indent=1).encode() for plain in (True, False))
    yield json.dumps(value, ensure_ascii=False).encode()
    yield _compact(dict(reversed(value.items())))
    yield _compact({**value, SEAL_FIELD: value[SEAL_FIELD].upper()})
    yield from (text.encode(code) for code in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32"))
    yield text.replace(f'"{SEAL_FIELD}"', f'"{SEAL_FIELD[:-1]}\\u0036"').encode()
    yield text.replace('"schema":', '"schema":"artstore.attr/1","schema":').encode()
    for place in (place for place, letter in enumerate(attr) if letter in b",:{}[]"):
        yield attr[:place] + b" " + attr[place:]


def hostile() -> Iterator[bytes]:
    """Yield what is no attribute file and may be hard on who reads it."""
    yield from (b"", b"null", b"[]", b"{}", b"1" * 5000, b"\xff\xfe", b"\0" * 2000, b"NaN", b'"' * 999)
    yield b"[" * 30_000 + b"]" * 30_000
    yield b'{"a":' * 30_000 + b"1" + b"}" * 30_000
    yield from (_compact({SEAL_FIELD: seal}) for seal in ("0" * 64, "", 5, None, ["0" * 64], "ё" * 64))
    yield b'{"attr_sha256":"\\ud800' + b"0" * 63 + b'"}'


def _compact(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
