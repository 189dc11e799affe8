"""The raw programs in C, compiled for a run by the machine's own compiler, or by one that is installed for it."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.benchmarks.ground import answering, installed, program
from tests.stacks import free_ports

SOURCES = Path(__file__).with_name("raw")
PROGRAMS = ("load", "wal_first", "naive", "hashed")
PACKAGE = "ziglang"
COMPILE_SECONDS = 120


def compiled(folder: Path) -> Path | None:
    """Return the folder that holds the programs; None when no compiler is to be had."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        compiler = _compiler(folder)
        for name in PROGRAMS:
            words = [*compiler, "-O2", "-Wall", "-Wextra", "-pthread", "-o", str(folder / name)]
            # The oldest C libraries keep dlopen in one of its own.
            subprocess.run([*words, str(SOURCES / f"{name}.c"), "-ldl"], check=True, timeout=COMPILE_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    return folder


def _compiler(folder: Path) -> Sequence[str]:
    own = shutil.which("cc")
    if own is not None:
        return [own]
    return [str(installed(folder / "compiler", PACKAGE) / "python"), "-m", "ziglang", "cc"]


@asynccontextmanager
async def raw_program(binary: Path, folder: Path, *words: str, port: int = 0) -> AsyncIterator[tuple[int, int]]:
    """Run a receiver on `folder`, made when it is not there; yields port and process id once it listens."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before the clock runs
    port = port or free_ports(1)[0]
    with program(str(binary), str(folder), str(port), *words, log=folder.with_suffix(".log")) as pid:
        await answering(f"http://127.0.0.1:{port}")
        yield port, pid
