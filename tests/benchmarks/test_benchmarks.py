"""Every benchmark runs, at its smallest, on a live stack; what it measures is looked at by people alone."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import alone_cases, cases, write
from tests.benchmarks.aims import AIMS, reached
from tests.benchmarks.figures import RAW, Measured, absences, as_json, lines_of, percentile, table
from tests.benchmarks.ground import SMALLEST, Alone, Ground
from tests.benchmarks.ingest import DRAINED
from tests.benchmarks.path import a_text, sign_in
from tests.benchmarks.raw_programs import compiled
from tests.benchmarks.readme import ENGLISH, RUSSIAN, block
from tests.benchmarks.uploading import CPU, IN_PLACE, RECEIPT
from tests.benchmarks.whole_path import OURS
from tests.stacks import Stack


@pytest.fixture
async def ground(stack: Stack, tmp_path: Path) -> Ground:
    return Ground(stack, await sign_in(stack), tmp_path, SMALLEST)


@pytest.mark.parametrize("name", sorted(cases()))
async def test_a_benchmark_runs_at_its_smallest(ground: Ground, name: str) -> None:
    found = await cases()[name](ground)
    assert found
    assert all(value > 0 for each in found for value in each.values.values())
    assert all("client" in each.cpu_seconds for each in found)


@pytest.mark.parametrize("name", sorted(alone_cases()))
async def test_a_benchmark_of_one_program_alone_runs_at_its_smallest(name: str, tmp_path: Path) -> None:
    if sys.platform == "darwin" or shutil.which("cc") is None:
        pytest.skip("no C compiler for Linux: the load generator and the raw programs cannot be built")
    programs = compiled(tmp_path / "raw")
    assert programs is not None
    found = await alone_cases()[name](Alone(tmp_path, SMALLEST, programs))
    assert {each.who for each in found} >= {RAW}
    assert all("client" in each.cpu_seconds for each in found if not each.absent)
    assert not [each.absent for each in found if "failed" in each.absent]
    assert [each.values["lost"] for each in found if "lost" in each.values] == [0] * (2 if name == "recovery" else 0)


def test_aims_are_told_with_what_was_reached() -> None:
    rates = {OURS: 90.0, RAW: 100.0, "SeaweedFS fsync": 60.0}
    lines = lines_of([Measured("ingest 4 KiB", who, {DRAINED: rate}) for who, rate in rates.items()])
    told = {each.against: (each.ratio, each.is_met) for each in reached(lines, AIMS)}
    assert told == {RAW: (0.9, True), "SeaweedFS fsync": (1.5, False)}


def test_the_table_sums_rounds_up_and_sets_ours_against_the_raw_program(tmp_path: Path) -> None:
    measured = [Measured("c", who, {"x": value}, {"client": 1, "s": 2}) for who, value in (("ours", 2), (RAW, 4)) * 3]
    ours, raw = lines_of(measured)
    assert (ours.ratio, raw.ratio, ours.rounds, ours.cpu_server, ours.cpu_client) == (0.5, None, 3, 2, 1)
    assert "0.50" in table([ours, raw])
    write(tmp_path / "out" / "figures.json", {"command": []}, [ours, raw])
    assert json.loads((tmp_path / "out" / "figures.json").read_bytes())["lines"][0]["median"] == 2


def test_both_readmes_get_what_was_measured_and_who_was_absent() -> None:
    case, values = "upload 1024 MiB, one PUT", {RECEIPT: 1500.0, IN_PLACE: 450.0, CPU: 1.25}
    measured = [Measured(case, who, values) for who in (OURS, RAW)] + [Measured(case, "tusd", {}, absent="not here")]
    lines = json.loads(json.dumps(as_json(lines_of(measured))))
    told = {
        "lines": lines,
        "absent": absences(measured),
        "rounds": 3,
        "seaweedfs": True,
        "only": "",
        "sizes": {"large_mib": 1},
    }
    english, russian = (block(told, "F.json", language) for language in (ENGLISH, RUSSIAN))
    figures = "450 (1,500) MiB/s, 1.25 s per GiB"
    assert f"| {case} | {figures} | raw receiver {figures}; tusd not here |" in english
    assert "| загрузка 1024 МиБ, одним PUT | 450 (1 500) МиБ/с, 1,25 с на ГиБ | сырой приёмник 450" in russian


def test_percentiles_are_of_what_was_measured() -> None:
    assert (percentile([3, 1, 2], 0.5), percentile(range(100), 0.99)) == (2, 99)
    assert len(a_text(7, 300)) == 300
    assert a_text(7, 300).decode() != a_text(8, 300).decode()
