"""The warm program that begins extracting processes: each document alone, bounded as ever, and nobody else harmed."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage_agent.derived import open_scratch, open_to_read
from storage_agent.extraction import CORRUPT, OUTPUT_BYTES, WHOLE
from storage_agent.extraction import SECONDS as SECONDS_MAX
from storage_agent.extractor import Extractor
from tests.agents import an_extractor, some_bytes

SECONDS = 20.0


@pytest.fixture
async def extractor() -> AsyncIterator[Extractor]:
    async with an_extractor() as extractor:
        yield extractor


async def run(extractor: Extractor, folder: Path, data: bytes, kind: str = "text/plain") -> tuple[int | None, bytes]:
    """Extract the text of `data`; return the code and what was written."""
    (folder / "body").write_bytes(data)
    with open_to_read(folder / "body") as source, open_scratch(folder / "text") as sink:
        code = await extractor.run(kind, source, sink, SECONDS)
    return code, (folder / "text").read_bytes()


def warm(extractor: Extractor) -> int:
    assert extractor._program is not None
    return extractor._program.pid


async def test_one_warm_program_begins_a_process_for_each_document(extractor: Extractor, tmp_path: Path) -> None:
    assert await run(extractor, tmp_path, b"first") == (WHOLE, b"first")
    pid = warm(extractor)
    assert (await run(extractor, tmp_path, some_bytes(500)))[0] == CORRUPT
    assert await run(extractor, tmp_path, "вторая".encode()) == (WHOLE, "вторая".encode())
    assert warm(extractor) == pid


async def test_a_process_that_breaks_takes_nothing_with_it(extractor: Extractor, tmp_path: Path) -> None:
    assert (await run(extractor, tmp_path, b"words", "no/such-type"))[0] == 1
    assert await run(extractor, tmp_path, b"words") == (WHOLE, b"words")


async def test_a_warm_program_that_dies_is_begun_again_and_its_document_is_tried_again(
    extractor: Extractor, tmp_path: Path
) -> None:
    await run(extractor, tmp_path, b"words")
    os.kill(warm(extractor), signal.SIGSTOP)
    waiting = asyncio.create_task(run(extractor, tmp_path, b"words"))
    await asyncio.sleep(0.05)
    os.kill(warm(extractor), signal.SIGKILL)
    with pytest.raises(OSError, match="has ended") as raised:
        await waiting
    assert raised.value.errno == errno.EAGAIN
    assert await run(extractor, tmp_path, b"words") == (WHOLE, b"words")


async def test_a_late_process_is_bounded_alone_ended_with_its_program_and_the_next_document_is_read(
    extractor: Extractor, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "endless")
    ends = os.open(tmp_path / "endless", os.O_RDWR)
    try:
        with os.fdopen(os.dup(ends), "rb", buffering=0) as source, open_scratch(tmp_path / "text") as sink:
            late = asyncio.create_task(extractor.run("text/plain", source, sink, 1.5))
            await asyncio.sleep(1.0)
            limits = limits_of_child(warm(extractor))
            assert await late is None
    finally:
        os.close(ends)
    assert {f"Max cpu time {SECONDS_MAX}", f"Max file size {OUTPUT_BYTES}", "Max core file size 0"} <= limits
    assert await run(extractor, tmp_path, b"words") == (WHOLE, b"words")


def limits_of_child(pid: int) -> set[str]:
    """Return the soft limits of the one child of a process, as `name value`."""
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    lines = Path(f"/proc/{child}/limits").read_text(encoding="ascii").splitlines()
    return {" ".join(line[:40].split()).removesuffix("unlimited").strip() for line in lines}


async def test_it_knows_nothing_of_the_agents_environment_and_ends_with_it(
    extractor: Extractor, tmp_path: Path
) -> None:
    await run(extractor, tmp_path, b"words")
    assert extractor._program is not None
    assert environment_of(warm(extractor)) == b""
    program = extractor._program
    await extractor.close()
    assert program.returncode == -signal.SIGKILL


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()
