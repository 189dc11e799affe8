"""The worker that fills the view `texts`: takes what waits, fetches it, keeps it, and never gives up for good."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
import structlog

from infra.runtime.clock import Clock
from infra.runtime.metrics import Metrics
from projections.tables import Row
from projections.texts.fetch import TextSource
from projections.texts.patience import Patience, pause_of_text
from projections.texts.queries import TextStore, Wanted
from projections.words import normal
from schemas.errors import AgentUnavailable, BodyDamaged, NotFound, Transient

TEXTS_AT_ONCE = 8
IDLE_SECONDS = 0.5
TROUBLE_SECONDS = 2.0
# A claim outlives its fetch; if this program dies, the text is due again after that.
LEASE = timedelta(seconds=20)
WORDS_CHARACTERS_MIN = 1024


class TextWorker:
    """Fetches texts of one schema. Several may run: a text is claimed by one at a time."""

    def __init__(
        self, store: TextStore, source: TextSource, clock: Clock, metrics: Metrics, silence_seconds: float
    ) -> None:
        self._store = store
        self._source = source
        self._clock = clock
        self._metrics = metrics
        self._silence = timedelta(seconds=silence_seconds)
        self._patience = Patience()
        self._wanted = asyncio.Event()

    async def wake(self, rows: Sequence[Row]) -> None:
        """Look at once: these rows of the view have just been committed."""
        if rows:
            self._wanted.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                if await self.round():
                    continue
            except Transient as error:
                structlog.get_logger("artstore.views").warning("texts_wait", reason=error.detail)
                await asyncio.sleep(TROUBLE_SECONDS)
            await self._idle()

    async def round(self) -> int:
        """Fetch what is due, a few at once, and return how many that were. DatabaseUnavailable."""
        self._wanted.clear()
        resting = self._patience.resting(self._clock.monotonic())
        due = await self._store.claim(TEXTS_AT_ONCE, resting, LEASE)
        # Every one ends before an error of one is told: nothing runs on behind.
        for outcome in await asyncio.gather(*(self._one(wanted) for wanted in due), return_exceptions=True):
            if outcome is not None:
                raise outcome
        await self._store.give_up(self._silence)
        return len(due)

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._wanted.wait()
        except TimeoutError:
            return

    async def _one(self, wanted: Wanted) -> None:
        try:
            text = await self._source.fetch(wanted)
        except AgentUnavailable as error:
            self._patience = self._patience.failed(wanted.element_id, self._clock.monotonic())
            await self._later(wanted, "silent", error.detail)
        except (NotFound, BodyDamaged) as error:
            await self._later(wanted, error.code, error.detail)
        else:
            self._patience = self._patience.answered(wanted.element_id)
            await self._keep(wanted, text)

    async def _later(self, wanted: Wanted, outcome: str, reason: str) -> None:
        self._metrics.texts_fetched.labels(outcome).inc()
        await self._store.postpone(wanted, pause_of_text(wanted.attempts), reason)

    async def _keep(self, wanted: Wanted, text: str) -> None:
        words = await asyncio.to_thread(normal, text)
        while not await self._stored(wanted, text, words):
            words = words[: len(words) // 2]
        self._metrics.texts_fetched.labels("ready").inc()

    async def _stored(self, wanted: Wanted, text: str, words: str) -> bool:
        try:
            await self._store.store(wanted, text, words)
        except asyncpg.ProgramLimitExceededError:
            # More different words than one row can index: the first part of the text has to do.
            if len(words) < WORDS_CHARACTERS_MIN:
                raise
            return False
        return True
