"""The agent that is to die: a warm interpreter that forks a life for every order it reads."""

import asyncio
import base64
import gc
import json
import os
import random
import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import uvloop

from infra.runtime.clock import SystemClock
from infra.runtime.kafka import partition_for
from infra.runtime.settings_sections import AgentSettings
from schemas.elements import Mode
from schemas.envelope import Position, Record
from schemas.errors import DiskFailed, LogUnavailable
from schemas.topics import BY_NAME
from storage_agent import opening
from storage_agent.documents import Documents
from storage_agent.element import set_mode
from storage_agent.entries import Landed
from storage_agent.files import Disk, LocalDisk
from storage_agent.journal import Journal
from tests.campaigns.deeds import Deeds
from tests.campaigns.negligence import NegligentDisk
from tests.campaigns.orders import DISK_FAILED, FAILED, IN_ORDER, Order, say

WRITERS = 8
RESERVE_BYTES = 4096
DRAIN_SECONDS = 60


class ClockAhead(SystemClock):
    """The clock of this machine, put forward, so that every life writes into other hours than the one before."""

    def __init__(self, seconds: float) -> None:
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._ahead


class ToldLog:
    """The log: a record is in it when its line is told, whatever the publisher hears of it."""

    def __init__(self, order: Order, dice: random.Random) -> None:
        self._placed = dict(order.placed)
        self._kind = order.log
        self._dice = dice

    async def publish(self, record: Record) -> Position:
        """Take a record; a flaky log fails before or after that, one that is away always."""
        await asyncio.sleep(self._dice.random() * 0.004)
        trouble = self._dice.random() if self._kind == "flaky" else 1.0
        if self._kind == "away" or trouble < 0.1:
            raise LogUnavailable
        position = self._append(record)
        if trouble < 0.2:
            raise LogUnavailable
        return position

    async def lost(self, landed: Sequence[Landed]) -> list[Landed]:
        """Say what is no longer there, after telling which places were asked for."""
        say("asked", landed=[[one.topic, one.partition, one.offset, one.event_id] for one in landed])
        return list(landed) if self._kind == "lost" else []

    def _append(self, record: Record) -> Position:
        partition = partition_for(record.key, BY_NAME[record.topic].partitions)
        place = f"{record.topic}/{partition}"
        offset = self._placed.get(place, 0)
        self._placed[place] = offset + 1
        value = base64.b64encode(record.value).decode()
        say("record", place=place, offset=offset, headers=record.headers, value=value)
        return Position(record.topic, partition, offset)


async def live(order: Order) -> None:
    """Do what is ordered, until killed or until the disk fails."""
    disk: Disk = NegligentDisk(order.neglected) if order.neglected else LocalDisk()
    root, clock = Path(order.root), ClockAhead(order.ahead_seconds)
    if order.mode is not None:
        say("changing", mode=order.mode)
        identity = await asyncio.to_thread(set_mode, root, Mode(order.mode), clock.now(), disk)
        say("changed", mode=identity.mode, mode_epoch=identity.mode_epoch)
        return
    # The size of a segment is no setting of the product; small ones are what makes it rotate many times a life.
    setattr(opening, "Journal", partial(Journal, segment_bytes=order.segment_bytes))  # noqa: B010 - a class, to mypy
    async with opening.open_documents(root, AgentSettings(reserve_bytes=RESERVE_BYTES), clock, disk) as documents:
        identity = documents.identity
        say("ready", element_id=identity.element_id, mode=identity.mode, mode_epoch=identity.mode_epoch)
        await _work(documents, order, clock)


async def _work(documents: Documents, order: Order, clock: ClockAhead) -> None:
    dice = random.Random(order.seed)  # noqa: S311 - to be drawn again, not to be secret
    log = ToldLog(order, dice)
    deeds = Deeds(documents, clock, dice, order)
    if order.drain:
        telling = asyncio.create_task(documents.tell(log, log))
        await deeds.read_commands()
        async with asyncio.timeout(DRAIN_SECONDS):
            while documents.outbox.length:  # noqa: ASYNC110 - the outbox tells nobody that it is empty
                await asyncio.sleep(0.01)
        telling.cancel()
        await asyncio.wait({telling})
        return
    tasks = [documents.watch(), documents.tell(log, log), deeds.read_commands(), deeds.work_on_texts()]
    await asyncio.gather(*tasks, *(deeds.write() for _ in range(WRITERS)))


def _lived(order: Order) -> int:
    say("born", pid=os.getpid())
    if order.program is not None:
        _become_the_program(order.program)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(live(order))
    except (DiskFailed, OSError) as error:
        say("disk failed", why=str(error))
        return DISK_FAILED
    except BaseException:  # noqa: BLE001 - whatever it is, the campaign is to hear of it
        say("failed", why=traceback.format_exc()[-2000:])
        return FAILED
    return IN_ORDER


def _become_the_program(variables: Mapping[str, str]) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ARTSTORE_")}  # noqa: TID251
    log = os.open(Path(variables["ARTSTORE_HOME"]) / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(log, number)
    os.execve(sys.executable, [sys.executable, "-m", "infra.cli.programs", "agent"], {**kept, **variables})  # noqa: S606


def main() -> None:
    """Fork a life for each order on standard input, and tell its end, on a line of its own."""
    # What is here now is not looked at again by any life's collector, and so not copied for it.
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(_lived(Order(**json.loads(line))))
        _, status = os.waitpid(pid, 0)
        os.write(1, b"\n")
        say("dead", status=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
