"""A slice of the campaign: one program and one server are killed, and one program stopped, under uploads."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tests.campaigns.checker import judge
from tests.campaigns.drawing import PROGRAMS, SERVERS, Blow, Kind, aimed, draw
from tests.campaigns.evidence import Fault
from tests.campaigns.fire import campaign, look
from tests.stacks import Stack, whole_stack

SLICE = [("agent-hot", Blow.KILL), ("postgres", Blow.KILL), ("projector", Blow.STOP)]
SEED = 20
UPLOADS = 42


async def wounded(stack: Stack) -> list[Fault]:
    """Take one document's attributes and another one's row away, and return what the checker says."""
    next(stack.root("hot").glob("2*/**/*.attr.json")).unlink()
    connection = await asyncpg.connect(stack.settings.postgres.required_dsn(), timeout=10)
    try:
        await connection.execute(
            "DELETE FROM views.sagas WHERE operation_id = (SELECT min(operation_id) FROM views.sagas)"
        )
    finally:
        await connection.close(timeout=5)
    return judge(await look(stack), ())


@pytest.mark.timeout(400)
def test_a_slice_of_the_campaign_loses_nothing_doubles_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    stack: Stack = whole_stack(tmp_path / "home")
    try:
        stack.artstore("up")
        reckoning = campaign(stack, aimed(SEED, SLICE, UPLOADS), stop_seconds=4)
        seen = asyncio.run(wounded(stack))
    finally:
        stack.artstore("down")
    assert [str(fault) for fault in reckoning.faults] == []
    assert len(reckoning.told) == UPLOADS
    assert reckoning.acknowledged > UPLOADS // 2
    # And the reckoning is not blind: what was done to the disk and to the views by hand is seen at once.
    assert {"I2", "I7"} <= {fault.invariant for fault in seen}


def test_a_campaign_is_drawn_from_its_seed_alone() -> None:
    assert draw(7, 16, 200) == draw(7, 16, 200)
    assert draw(7, 16, 200) != draw(8, 16, 200)
    assert draw(7, 16, 200)[3].uploads[0].content() == draw(7, 16, 200)[3].uploads[0].content()


def test_sixteen_rounds_kill_and_stop_everybody_once_and_every_kind_of_upload_is_among_two_hundred() -> None:
    rounds = draw(7, 16, 200)
    assert {(turn.victim, turn.blow) for turn in rounds} == {(v, b) for v in (*PROGRAMS, *SERVERS) for b in Blow}
    uploads = [upload for turn in rounds for upload in turn.uploads]
    assert [upload.number for upload in uploads] == list(range(200))
    assert {upload.kind for upload in uploads} == set(Kind)
    assert 0 in {upload.size for upload in uploads}
