"""What a planted bug is, and how the tests that guard against it are run on a copy of the tree that has it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("schemas", "producers", "stream_processors", "projections", "api_gateway", "storage_agent", "infra", "tests")
RUN_SECONDS = 600
SHOWN = 3000
OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR) (tests/\S+?::\w+(?:::\w+)?)(?=\[| |$)", re.MULTILINE)


@dataclass(frozen=True)
class Bug:
    """One bug: `old`, which stands once in `file`, becomes `new`; then each of `guards` (test ids) must turn red."""

    name: str
    sentence: str
    file: str
    old: str
    new: str
    guards: tuple[str, ...]


@dataclass(frozen=True)
class Ran:
    """What the guards have said. A parametrised test is red when any of its cases is."""

    red: frozenset[str]
    green: frozenset[str]
    output: str


def copy_tree(source: Path, target: Path) -> Path:
    """Copy what guards need, compiled modules included, and return the copy."""
    # The browser of tests/e2e and its packages are none of what guards need, and weigh more than all the rest.
    for room in ROOMS:
        shutil.copytree(source / room, target / room, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy2(source / "pyproject.toml", target / "pyproject.toml")
    return target


def plant(bug: Bug, tree: Path) -> None:
    """Put the bug into `tree`; AssertionError when the place for it has changed."""
    path = tree / bug.file
    text = path.read_text(encoding="utf-8")
    found = text.count(bug.old)
    assert found == 1, (
        f"the bug {bug.name!r} can no longer be planted: its text stands {found} times in {bug.file}, not once. "
        f"Write it anew in tests/planted/bugs.py against the code as it is now:\n{bug.old}"
    )
    path.write_text(text.replace(bug.old, bug.new), encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


def run(guards: Sequence[str], tree: Path) -> Ran:
    """Run tests in `tree`, whose modules are imported, not those that are installed."""
    # Its plugin loads a module at the very end, which Python 3.11 cannot compile behind a recursion that was cut off.
    without = ("-p", "no:cacheprovider", "-p", "no:schemathesis")
    command = [sys.executable, "-m", "pytest", "-q", "-rfEp", "--tb=no", *without, *guards]
    # What is set for this run, by pytest or for a stack, is not for the copy.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ARTSTORE_", "PYTEST_"))}  # noqa: TID251
    environment = {**kept, "PYTHONPATH": str(tree)}
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )
    said = OUTCOME.findall(done.stdout)
    red = frozenset(test for outcome, test in said if outcome == "FAILED")
    green = frozenset(test for outcome, test in said if outcome == "PASSED") - red
    broken = [test for outcome, test in said if outcome == "ERROR"]
    output = (done.stdout + done.stderr)[-SHOWN:]
    assert done.returncode in {0, 1}, f"the guards did not run:\n{output}"
    assert not broken, f"{broken} did not run:\n{output}"
    return Ran(red, green, output)
