"""Every guarantee has tests that miss it: with each planted bug its guards are red, and without any they are green."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.planted.bugs import BUGS
from tests.planted.planting import ROOT, Bug, Ran, copy_tree, plant, run

AT_ONCE = 2
WITHOUT = "without"
# A run ends by itself before this; the limit of every other test is too short for it on a machine that is busy.
pytestmark = pytest.mark.timeout(1300)
GUARDS = sorted({guard for bug in BUGS for guard in bug.guards})


def on_a_copy(base: Path, bug: Bug | None = None) -> Ran:
    """Run the bug's guards on a copy that has it; all guards on one that has none."""
    with tempfile.TemporaryDirectory(dir=base.parent) as folder:
        tree = copy_tree(base, Path(folder) / "tree")
        if bug is not None:
            plant(bug, tree)
        return run(GUARDS if bug is None else bug.guards, tree)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tree(ROOT, tmp_path_factory.mktemp("planted") / "clean")


class Runs:
    """The runs of guards, two at a time; each is begun when it is asked for, or before."""

    def __init__(self, base: Path, executor: ThreadPoolExecutor) -> None:
        self._base = base
        self._executor = executor
        self._begun: dict[str, Future[Ran]] = {}

    def begin(self, bug: Bug | None) -> Future[Ran]:
        """Begin a run, if it has not begun yet: with the bug, or with none."""
        name = WITHOUT if bug is None else bug.name
        if name not in self._begun:
            self._begun[name] = self._executor.submit(on_a_copy, self._base, bug)
        return self._begun[name]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, base: Path) -> Iterator[Runs]:
    """Yield the runs; where this process has all tests to itself they begin at once, the longest of all first."""
    executor = ThreadPoolExecutor(AT_ONCE)
    runs = Runs(base, executor)
    try:
        # One of several processes is not told which tests will be its own.
        for item in [] if hasattr(request.config, "workerinput") else request.session.items:
            if item.name == test_without_a_bug_every_guard_is_green.__name__:
                runs.begin(None)
            elif hasattr(item, "callspec") and isinstance(bug := item.callspec.params.get("bug"), Bug):
                runs.begin(bug)
        yield runs
    finally:
        executor.shutdown(cancel_futures=True)


def test_there_are_at_least_twelve_and_each_has_its_name_and_its_guards() -> None:
    assert len(BUGS) >= 12
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    assert [bug.name for bug in BUGS if not bug.guards or not bug.sentence.endswith(".") or bug.old == bug.new] == []


def test_without_a_bug_every_guard_is_green(runs: Runs) -> None:
    ran = runs.begin(None).result()
    assert (ran.red, ran.green) == (frozenset(), frozenset(GUARDS)), ran.output


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_turns_every_one_of_its_guards_red(bug: Bug, runs: Runs) -> None:
    ran = runs.begin(bug).result()
    assert sorted(set(bug.guards) - ran.red) == [], f"{bug.sentence} Nobody noticed:\n{ran.output}"


def test_a_bug_whose_place_has_changed_says_so(tmp_path: Path) -> None:
    (tmp_path / "room.py").write_text("after = True\n", encoding="utf-8")
    bug = Bug("moved", "It is gone.", "room.py", "before = True", "before = False", ("tests/x.py::test_x",))
    with pytest.raises(AssertionError, match=r"'moved' can no longer be planted: its text stands 0 times in room\.py"):
        plant(bug, tmp_path)
