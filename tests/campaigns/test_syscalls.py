"""A slice of the campaign of system calls: every call of a put, small and large, met by every fault."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns.syscalls import SKIPPED

PROJECT = Path(__file__).parents[2]
RUN_SECONDS = 400
TOLD = re.compile(r"^(put, \w+): (\d+) calls, (\d+) injections, (\d+) survived, 0 violations$", re.MULTILINE)


@pytest.mark.timeout(RUN_SECONDS + 20)
def test_a_put_survives_every_fault_at_every_system_call() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.syscalls", "--verb", "put"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )
    if ran.returncode == SKIPPED:
        pytest.skip(ran.stdout.strip())
    told = TOLD.findall(ran.stdout)
    assert (ran.returncode, [verb for verb, *_ in told]) == (0, ["put, small", "put, large"]), ran.stdout + ran.stderr
    for _, calls, injections, survived in told:
        assert int(injections) >= 7 * int(calls) > 0
        assert survived == injections
