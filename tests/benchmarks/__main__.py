"""The suite: every case in shuffled order, several rounds, one table, and the same as JSON. It never fails on a figure.

python -m tests.benchmarks [--rounds 3] [--large-mib 1024] [--seaweedfs] [--peers FOLDER] [--only PATTERN]
                           [--output FILE]
"""

import argparse
import asyncio
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tests.benchmarks import (
    bodies,
    downloading,
    ingest,
    raw_programs,
    recovery,
    seaweed,
    secured,
    uploading,
    views,
    whole_path,
)
from tests.benchmarks.aims import AIMS, Reached, reached
from tests.benchmarks.figures import Line, Measured, absences, as_json, lines_of, table
from tests.benchmarks.ground import Alone, Ground, Sizes, touch_memory
from tests.benchmarks.path import sign_in
from tests.stacks import running_stack

Case = Callable[[Ground], Awaitable[list[Measured]]]
AloneCase = Callable[[Alone], Awaitable[list[Measured]]]
DEFAULT_OUTPUT = Path(".artstore/benchmarks.json")


def cases() -> dict[str, Case]:
    """Return the cases that run in every round."""
    return {
        "latency-1": whole_path.one_client,
        "latency-8": whole_path.eight_clients,
        "stream": whole_path.stream,
        "put-small-1": partial(bodies.small_puts, connections=1),
        "put-small-64": partial(bodies.small_puts, connections=64),
        "empty": views.empty_requests,
    }


def last_cases() -> dict[str, Case]:
    """Return the cases that come after all others in each round: they need views that are filled first."""
    return {"search": views.search, "rebuild": views.rebuilt}


def alone_cases() -> dict[str, AloneCase]:
    """Return the cases of one program alone: they run first, while no stack does."""
    return {
        "ingest-4": partial(ingest.small_ingest, kib=4),
        "ingest-64": partial(ingest.small_ingest, kib=64),
        "recovery": recovery.recovery,
        "upload": uploading.large_upload,
        "download": downloading.large_download,
        "download-tls": secured.secured_download,
        "read": downloading.small_download,
    }


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


async def measure(ground: Ground, rounds: int, only: str, found: list[Measured]) -> None:
    """Run the rounds, and add to `found` what they measured as soon as it is known."""
    first, last = _chosen(cases(), only), _chosen(last_cases(), only)
    for number in range(rounds):
        await _round(ground, first, f"round {number + 1}", found)
    if last:
        found.append(await views.fill(ground))
    for number in range(rounds):
        await _round(ground, last, f"round {number + 1}", found)


async def _round(ground: Ground, chosen: dict[str, Case], name: str, found: list[Measured]) -> None:
    for case in random.sample(sorted(chosen), len(chosen)):
        await asyncio.to_thread(touch_memory, ground.sizes.touched_mib)
        # Each case signs in anew: a token lives a quarter of an hour.
        fresh = replace(ground, visitor=await sign_in(ground.stack))
        begun = time.monotonic()
        found += await chosen[case](fresh)
        tell(f"{name}: {case}, {time.monotonic() - begun:.1f} s")


async def measure_alone(ground: Alone, rounds: int, only: str, found: list[Measured]) -> None:
    """Run the rounds of the cases that need no stack."""
    chosen = _chosen(alone_cases(), only)
    for number in range(rounds):
        for case in random.sample(sorted(chosen), len(chosen)):
            begun = time.monotonic()
            found += await chosen[case](ground)
            tell(f"round {number + 1}: {case}, {time.monotonic() - begun:.1f} s")


Kind = TypeVar("Kind")


def _chosen(named: Mapping[str, Kind], only: str) -> dict[str, Kind]:
    return {name: case for name, case in named.items() if re.search(only, name)}


def machine() -> dict[str, Any]:
    """Return what a reader has to know of the machine."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "cpus": os.cpu_count(),
        "cpu": model,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": os.getloadavg(),
    }


def write(path: Path, about: dict[str, Any], lines: Sequence[Line], aims: Sequence[Reached] = ()) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {**about, "lines": as_json(lines), "aims": [each.as_json() for each in aims]}
    text = json.dumps(told, ensure_ascii=False, indent=1)
    path.write_text(f"{text}\n", encoding="utf-8")


def main(arguments: argparse.Namespace) -> None:
    """Start what is needed, measure, print, write, stop."""
    asked = {name: getattr(arguments, name) for name in ("rounds", "only", "seaweedfs")}
    about: dict[str, Any] = {**asked, "machine": machine(), "sizes": vars(arguments.sizes)}
    found: list[Measured] = []
    try:
        with tempfile.TemporaryDirectory(prefix="artstore-benchmarks-", dir=arguments.folder) as folder:
            _all(Path(folder), arguments, found)
    finally:
        # What was measured before a run was ended early is measured all the same.
        about["machine"]["load_after"] = os.getloadavg()
        lines = lines_of(found)
        aims = reached(lines, AIMS)
        about["absent"] = absences(found)
        absent = [f"ABSENT {each}" for each in absences(found)]
        sys.stdout.write("\n".join([table(lines), *absent, *map(str, aims), ""]))
        write(arguments.output, about, lines, aims)
        tell(f"written to {arguments.output}")


def _all(folder: Path, arguments: argparse.Namespace, found: list[Measured]) -> None:
    weed = seaweed.install(folder / "seaweedfs") if arguments.seaweedfs else None
    if _chosen(alone_cases(), arguments.only):
        _all_alone(folder, arguments, weed, found)
    if _chosen({**cases(), **last_cases()}, arguments.only):
        with running_stack(folder / "home", ARTSTORE_STACK__QUICK_JVM="false") as stack:
            ground = Ground(stack, asyncio.run(sign_in(stack)), folder, arguments.sizes, weed)
            asyncio.run(measure(ground, arguments.rounds, arguments.only, found))


def _all_alone(folder: Path, arguments: argparse.Namespace, weed: Path | None, found: list[Measured]) -> None:
    """Compile the raw programs and start a log, and nothing else."""
    programs = raw_programs.compiled(folder / "raw")
    if programs is None:
        tell("SKIPPED what is measured of one program alone: there is no C compiler for the load generator")
        return
    server = {"ARTSTORE_STACK__QUICK_JVM": "false", "ARTSTORE_STACK__SERVICES": "kafka"}
    with running_stack(folder / "log", **server) as log:
        kafka_pid = int(log.status()["kafka"]["pid"])
        ground = Alone(folder, arguments.sizes, programs, log.settings.kafka, kafka_pid, weed, arguments.peers)
        asyncio.run(measure_alone(ground, arguments.rounds, arguments.only, found))


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """Return the arguments, `sizes` among them."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure ours beside raw programs.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="only cases in whose name this pattern is found")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    parser.add_argument("--folder", type=Path, default=None, help="where the stack and the bodies lie")
    parser.add_argument("--peers", type=Path, default=None, help="where tusd, minio and versitygw are, if not on PATH")
    parser.add_argument("--seaweedfs", action="store_true", help="install SeaweedFS for this run, put beside ours")
    for name, value in vars(Sizes()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    found = parser.parse_args(words)
    found.sizes = Sizes(**{name: getattr(found, name) for name in vars(Sizes())})
    return found


def _stop(*_: object) -> None:
    # So that whoever ends a run early does not leave its stack behind.
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    main(parsed(sys.argv[1:]))
