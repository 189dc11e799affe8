"""Which fault meets which call: the calls of a traced verb, every fault that can be thrown at one, and was it met."""

import itertools
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns.tracing import Life, Traced
from tests.campaigns.verbs import BEGIN, END

SYNCS = frozenset({"fdatasync", "fsync"})
WRITES = frozenset({"pwrite64"})
TAKE_ROOM = WRITES | {"mkdir", "openat", "fallocate", "rename"}

GOES_ON, REFUSED, DISK_FAILED = "goes on", "insufficient_storage", "disk_failed"
KILLED = "killed"
FULL = frozenset({GOES_ON, f"{GOES_ON}, refused {REFUSED}", REFUSED})
# A file that cannot be read is a matter between it and who asks for it; what is committed may not suffer from that.
UNREAD = FULL | {DISK_FAILED} | {f"{GOES_ON}, refused {code}" for code in ("seal_broken", "body_damaged")}


@dataclass(frozen=True)
class Call:
    """A call that a verb makes to the element's folder: what it looks like, and which one of its name it is.

    `following` is the call after it. `asks_only`: it changes nothing; its failure says nothing of what is durable.
    """

    shape: str
    name: str
    ordinal: int
    following: tuple[str, int]
    asks_only: bool


@dataclass(frozen=True)
class Fault:
    """A fault: what strace is told, `{call}` no. `{n}` is the call, `{next}` no. `{m}` the following one.

    `short`: the program itself writes half of the call's bytes, as a kernel may. `only`: the calls that can have it.
    `allows`: how the program may end; `final`: after it the disk counts as failed, and nothing is acknowledged.
    """

    name: str
    told: str
    allows: frozenset[str]
    short: bool = False
    only: frozenset[str] = frozenset()
    final: bool = False

    @property
    def kills(self) -> bool:
        return KILLED in self.allows


_DIES, _FAILS = frozenset({KILLED}), frozenset({DISK_FAILED})
FAULTS = (
    Fault("SIGKILL before", "{call}:signal=KILL:when={n}", _DIES),
    Fault("SIGKILL after", "{next}:signal=KILL:when={m}", _DIES),
    Fault("EIO", "{call}:error=EIO:when={n}", _FAILS, final=True),
    Fault("EROFS", "{call}:error=EROFS:when={n}", _FAILS, final=True),
    Fault("ENOSPC", "{call}:error=ENOSPC:when={n}", FULL),
    Fault("EDQUOT", "{call}:error=EDQUOT:when={n}", FULL),
    # Behind the commit point there is no way back: what cannot be put in place ends the program, until there is room.
    Fault("ENOSPC from then on", "{call}:error=ENOSPC:when={n}+", FULL | _FAILS, only=TAKE_ROOM),
    Fault("EINTR", "{call}:error=EINTR:when={n}", frozenset({GOES_ON, DISK_FAILED})),
    Fault("short write", "", frozenset({GOES_ON}), short=True, only=WRITES),
    Fault("short write, SIGKILL", "{call}:signal=KILL:when={n1}", _DIES, short=True, only=WRITES),
    Fault("short write, ENOSPC", "{call}:error=ENOSPC:when={n1}", FULL, short=True, only=WRITES),
)


@dataclass(frozen=True)
class Attack:
    """One call of a verb, one fault."""

    verb: str
    call: Call
    fault: Fault

    @property
    def injections(self) -> tuple[str, ...]:
        """Return what strace is told."""
        (name, n), (following, m) = (self.call.name, self.call.ordinal), self.call.following
        told = self.fault.told.format(call=name, n=n, n1=n + 1, next=following, m=m)
        return (told,) if told else ()

    @property
    def short_write(self) -> int | None:
        """Return which write of the program is shortened, counted from 1."""
        return self.call.ordinal if self.fault.short else None

    @property
    def is_final(self) -> bool:
        """Tell whether the disk has failed for good. A failed sync always is that: what it lost, nobody knows."""
        if self.call.name in SYNCS:
            return not self.fault.kills and self.fault.name != "EINTR"
        return self.fault.final and not self.call.asks_only

    @property
    def allows(self) -> frozenset[str]:
        """Return how the program may end."""
        if self.call.asks_only and not self.fault.kills:
            return UNREAD
        if self.fault.name == "ENOSPC from then on" and self.call.name == "openat":
            # strace does not tell opens apart: from then on no file can be opened for reading either.
            return UNREAD | {f"{GOES_ON}, refused {REFUSED} seal_broken"}
        return _FAILS if self.is_final else self.fault.allows

    def met(self, life: Life, root: Path) -> bool:
        """Tell whether the fault has met its call; what chance brings between them may let it hit another one."""
        calls = life.calls
        if self.fault.name == "SIGKILL after":
            hit = calls[-2:]
            return [hit[0].shape(root), hit[-1].name] == [self.call.shape, self.call.following[0]]
        if not self.fault.told:
            n = self.call.ordinal
            pieces = [call for call in calls if call.name == self.call.name and n <= call.ordinal <= n + 1]
            return [piece.shape(root) for piece in pieces] == [self.call.shape] * 2
        return bool(life.met) and life.met[0].shape(root) == self.call.shape

    def __str__(self) -> str:
        return f"{self.verb} | {self.fault.name} | {self.call.name} no. {self.call.ordinal}: {self.call.shape}"


def attacks_on(verb: str, call: Call) -> list[Attack]:
    """Return every fault that is thrown at one call."""
    return [Attack(verb, call, fault) for fault in FAULTS if not fault.only or call.name in fault.only]


def calls_between_marks(traced: Sequence[Traced], root: Path) -> Iterator[Call]:
    """Yield what the verb itself asks of the element's folder, in order."""
    inside, for_asking = False, dict[str, bool]()
    for call, following in itertools.pairwise(traced):
        inside = BEGIN in call.line or (inside and END not in call.line)
        if call.opened:
            for_asking[call.opened] = call.asks_only
        if inside and (shape := call.shape(root)):
            asks_only = call.asks_only or (call.name == "close" and for_asking.get(call.handle, False))
            yield Call(shape, call.name, call.ordinal, (following.name, following.ordinal), asks_only)


def sent_before(life: Life) -> int:
    """Return how many documents the program had sent when the fault came."""
    calls = life.calls[: life.calls.index(life.met[0])]
    return sum(call.name == "write" and '"sent ' in call.line for call in calls)


def ending(life: Life, ended: str, refused: Sequence[str]) -> str:
    """Return in a word how the program ended: `ended` and `refused` are what it said itself."""
    if life.code is None:
        return "hangs"
    if life.code == -signal.SIGKILL:
        return KILLED
    codes = sorted({refusal.split()[0] for refusal in refused})
    went_on = f"{GOES_ON}{', refused ' + ' '.join(codes) if codes else ''}"
    return went_on if life.code == 0 else ended.partition(" ")[0] or "breaks"
