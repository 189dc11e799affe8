"""How often a password may be guessed: a bounded number of wrong ones per login and per address, then 429.

Kept in this gateway's memory, not in Redis: an outage of Redis must neither open this door nor close it for everybody,
and several gateways only multiply a small number.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

from infra.runtime.clock import Clock
from schemas.errors import TooManyAttempts

KEYS_MAX = 10_000


@dataclass(frozen=True)
class Rate:
    """So many at once, and then one more in every so many seconds."""

    burst: int
    every_seconds: float


PER_LOGIN = Rate(10, 10.0)
PER_ADDRESS = Rate(100, 1.0)


class Allowance:
    """What is left of a rate to each key; a key that has not spent anything is not kept.

    Kept is the moment at which a key will have everything again (the generic cell rate algorithm, ITU-T I.371).
    """

    def __init__(self, rate: Rate, clock: Clock, keys_max: int = KEYS_MAX) -> None:
        self._rate = rate
        self._clock = clock
        self._keys_max = keys_max
        self._whole_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str) -> float:
        """Return after how many seconds the key may spend one; 0 when it may now."""
        now = self._clock.monotonic()
        reach = (self._rate.burst - 1) * self._rate.every_seconds
        return max(0.0, self._whole_at.get(key, now) - reach - now)

    def spend(self, key: str) -> None:
        """Take one."""
        self._move(key, self._rate.every_seconds)

    def give_back(self, key: str) -> None:
        """Return one that was taken."""
        self._move(key, -self._rate.every_seconds)

    def _move(self, key: str, seconds: float) -> None:
        now = self._clock.monotonic()
        whole_at = max(self._whole_at.pop(key, now), now) + seconds
        if whole_at > now:
            self._whole_at[key] = whole_at
        # Those spent longest ago go first; whoever would push others out needs as many attempts of his own.
        while self._whole_at and (len(self._whole_at) > self._keys_max or self._oldest() <= now):
            self._whole_at.popitem(last=False)

    def _oldest(self) -> float:
        return next(iter(self._whole_at.values()))


@dataclass(frozen=True)
class Attempt:
    """One attempt that is under way. It counts as wrong, also while it lasts, until it is forgiven."""

    spent: tuple[tuple[Allowance, str], ...]

    def forgive(self) -> None:
        """Take it back: the password was right, or nobody could say."""
        for allowance, key in self.spent:
            allowance.give_back(key)


class Attempts:
    """Attempts to sign in, by login and by address."""

    def __init__(self, clock: Clock) -> None:
        self._logins = Allowance(PER_LOGIN, clock)
        self._addresses = Allowance(PER_ADDRESS, clock)

    def begin(self, login: str, address: str) -> Attempt:
        """Count an attempt; TooManyAttempts, which costs nothing, says after how many seconds one is allowed."""
        spent = ((self._logins, login), (self._addresses, address))
        seconds = max(allowance.wait(key) for allowance, key in spent)
        if seconds > 0:
            raise TooManyAttempts(retry_after_seconds=math.ceil(seconds))
        for allowance, key in spent:
            allowance.spend(key)
        return Attempt(spent)
