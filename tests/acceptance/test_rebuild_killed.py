"""A rebuild killed with all its processes, at any moment: the views serve on, and the next one is not hindered.

What is killed is a process group, as a terminal or an out-of-memory killer that takes a whole control group does it.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest

from tests.archive import Archive
from tests.stacks import Stack, eventually, whole_stack
from tests.view_rows import await_caught_up, execute, rows_of_views

DOCUMENTS = 20
KILLS = 5
SECONDS = 60
# As the command does it, but with loading processes: alone they are worth their start only for many documents.
REBUILD = """
import asyncio
from infra.stack.environment import resolve_settings
from projections.rebuild import Plan, rebuild
asyncio.run(rebuild(resolve_settings(), Plan("log", processes=2), print))
"""
OURS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'artstore-rebuild%'"


@contextmanager
def rebuilding(stack: Stack) -> Iterator["subprocess.Popen[bytes]"]:
    """Let a rebuild run in a process group of its own, which has ended when the block has."""
    command = (sys.executable, "-c", REBUILD)
    run = subprocess.Popen(command, env=dict(stack.environment), start_new_session=True, stdout=subprocess.PIPE)
    try:
        yield run
    finally:
        kill(run)
        run.communicate(timeout=SECONDS)


def kill(run: "subprocess.Popen[bytes]") -> None:
    """Kill the whole group; what has ended already has no group any more."""
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGKILL)


def await_gone(stack: Stack) -> None:
    """Wait until the database has noticed that nobody is there any more."""
    ask = f"SELECT count(*) AS number {OURS}"
    eventually(lambda: execute(stack, ask)[0]["number"] == 0, SECONDS, "the database serves a rebuild that is dead")


def waits_for_a_lock(stack: Stack) -> bool:
    return execute(stack, f"SELECT count(*) AS number {OURS} AND wait_event_type = 'Lock'")[0]["number"] == 1


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a stack of its own: nothing but a rebuild moves its views."""
    stack = whole_stack(tmp_path_factory.mktemp("rebuilt"))
    try:
        stack.artstore("up")
        with Archive(stack) as archive:
            for number in range(DOCUMENTS):
                archive.store(f"убитая перестройка {number}.txt", f"Слово {number}.".encode(), custom={"n": number})
        yield stack
    finally:
        stack.artstore("down")


@pytest.fixture
def before(stack: Stack) -> Iterator[dict[str, list[str]]]:
    """Yield what the views hold; they hold it after the test too, as log and disks do, and nothing is left over."""
    await_caught_up(stack)
    before = rows_of_views(stack)
    assert len(before["documents"]) == DOCUMENTS
    yield before
    stack.artstore("rebuild")
    assert rows_of_views(stack) == before
    assert stack.artstore("diff").stdout == ""
    left = "SELECT nspname::text AS name FROM pg_namespace WHERE nspname LIKE 'views%'"
    assert execute(stack, left) == [{"name": "views"}]


def assert_serves(stack: Stack, archive: Archive, before: dict[str, list[str]]) -> None:
    assert rows_of_views(stack) == before
    [found] = archive.search('"убитая перестройка 7"')
    assert archive.content(found["document_id"]).content == "Слово 7.".encode()


def test_a_rebuild_killed_at_any_instant_leaves_the_views_as_they_were(
    stack: Stack, archive: Archive, before: dict[str, list[str]]
) -> None:
    begun = time.monotonic()
    with rebuilding(stack) as run:
        run.communicate(timeout=SECONDS)
        assert run.returncode == 0
    whole = time.monotonic() - begun
    for instant in (random.uniform(0, whole) for _ in range(KILLS)):  # noqa: S311 - any instant is as good
        with rebuilding(stack) as run:
            time.sleep(instant)
            kill(run)
        await_gone(stack)
        assert_serves(stack, archive, before)


@pytest.mark.parametrize("held", ["position", "documents"])
def test_a_rebuild_killed_in_its_swap_has_swapped_all_or_nothing(
    stack: Stack, archive: Archive, before: dict[str, list[str]], held: str
) -> None:
    """Whoever reads `position` holds the swap up before it is committed; whoever reads a document, what comes after."""
    place = "SELECT to_regnamespace('views')::oid AS place"
    live = execute(stack, place)
    with asyncio.Runner() as runner:
        reader = runner.run(reading(stack, held))
        try:
            with rebuilding(stack) as run:
                eventually(lambda: waits_for_a_lock(stack), SECONDS, "the rebuild has not come to its swap")
                kill(run)
        finally:
            runner.run(reader.close(timeout=10))
    await_gone(stack)
    assert (execute(stack, place) == live) == (held == "position")
    assert_serves(stack, archive, before)


async def reading(stack: Stack, table: str) -> asyncpg.Connection:
    """Return a connection in the middle of a question to a view."""
    connection = await asyncpg.connect(stack.settings.postgres.required_dsn(), timeout=10)
    await connection.execute(f"BEGIN; LOCK TABLE views.{table} IN ACCESS SHARE MODE")
    return connection
