"""Processes: known by pid and birth, tied to the supervisor, started with exactly what the launch file says."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stack.processes import Identity, end, identify, is_alive, read_identity, wait_gone, write_identity
from infra.stack.tether import NO_SIGNAL, Launch, ordinary_account

TETHER = [sys.executable, "-P", "-m", "infra.stack.tether"]
SLEEP = ("/bin/sh", "-c", "exec sleep 60")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def run(launch: Launch, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "launch.json"
    path.write_bytes(launch.to_json())
    return subprocess.run([*TETHER, str(path)], capture_output=True, text=True, timeout=30, check=False)


def test_a_process_is_alive_only_under_its_own_birth(sleeper: subprocess.Popen[bytes]) -> None:
    identity = identify(sleeper.pid)
    assert identity is not None
    assert is_alive(identity)
    assert not is_alive(Identity(sleeper.pid, "another birth"))


def test_ending_a_process_that_has_the_pid_of_ours_but_another_birth_leaves_it_alone(
    sleeper: subprocess.Popen[bytes],
) -> None:
    end(Identity(sleeper.pid, "another birth"), 1)
    assert sleeper.poll() is None


def test_a_process_that_ignores_the_request_is_killed() -> None:
    code = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        identity = identify(process.pid)
        assert identity is not None
        end(identity, 0.3)
        assert process.wait(5) == -signal.SIGKILL


def test_a_zombie_counts_as_gone(sleeper: subprocess.Popen[bytes]) -> None:
    identity = identify(sleeper.pid)
    assert identity is not None
    os.kill(sleeper.pid, signal.SIGKILL)
    assert wait_gone(identity, 5)
    assert identify(sleeper.pid) is None


def test_an_identity_is_read_as_it_was_written_and_a_torn_note_is_none(tmp_path: Path) -> None:
    write_identity(tmp_path / "pid", Identity(7, "birth"))
    assert read_identity(tmp_path / "pid") == Identity(7, "birth")
    (tmp_path / "torn").write_text('{"pid": 7')
    assert read_identity(tmp_path / "torn") is None
    assert read_identity(tmp_path / "absent") is None


def test_a_launch_file_brings_any_value_through_unchanged(tmp_path: Path) -> None:
    values = {
        "QUOTES": "\"'\\",
        "PERCENT": "100%(x)s",
        "LINES": "a\nb",
        "CYRILLIC": "ёж, 📁; # end",
        "PATH": os.defpath,
    }
    code = "import json,os; print(json.dumps(dict(os.environ)))"
    done = run(Launch((sys.executable, "-I", "-c", code), values, str(tmp_path)), tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {key: found.get(key) for key in values} == values


def test_the_program_has_the_pid_that_was_noted_and_closes_its_files_to_others(tmp_path: Path) -> None:
    code = "import os; open('made', 'w').close(); print(os.getpid())"
    launch = Launch((sys.executable, "-I", "-c", code), {}, str(tmp_path), pid_file=str(tmp_path / "pid"))
    done = run(launch, tmp_path)
    noted = read_identity(tmp_path / "pid")
    assert noted is not None
    assert int(done.stdout) == noted.pid
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600


def _child_of_a_killed_parent(launch: Launch, folder: Path) -> Identity:
    """Start the launch under a parent of its own, kill that parent, and return who the child is."""
    path = folder / "launch.json"
    path.write_bytes(launch.to_json())
    code = f"import subprocess; subprocess.Popen({[*TETHER, str(path)]!r}).wait()"
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        until = time.monotonic() + 10
        while (child := read_identity(folder / "pid")) is None or not _became_sleep(child.pid):
            assert time.monotonic() < until, "the child did not start"
            time.sleep(0.02)
        parent.kill()
    return child


def _became_sleep(pid: int) -> bool:
    told = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False)
    return "sleep" in told.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
@pytest.mark.parametrize("account", ["same", pytest.param("namespace", marks=pytest.mark.skipif("os.geteuid() != 0"))])
def test_a_program_does_not_outlive_its_supervisor(tmp_path: Path, account: str) -> None:
    environment = {"PATH": os.defpath}
    launch = Launch.from_json(Launch(SLEEP, environment, str(tmp_path), str(tmp_path / "pid")).to_json())
    chosen = Launch(launch.command, launch.environment, launch.directory, launch.pid_file, "namespace")
    child = _child_of_a_killed_parent(chosen if account == "namespace" else launch, tmp_path)
    try:
        assert wait_gone(child, 5)
    finally:
        end(child, 1)


def test_the_supervisor_itself_outlives_the_command_that_started_it(tmp_path: Path) -> None:
    launch = Launch(SLEEP, {"PATH": os.defpath}, str(tmp_path), str(tmp_path / "pid"), orphan_signal=NO_SIGNAL)
    child = _child_of_a_killed_parent(launch, tmp_path)
    try:
        assert not wait_gone(child, 0.5)
    finally:
        end(child, 1)


def test_the_ordinary_account_exists_and_is_not_root() -> None:
    assert ordinary_account().pw_uid != 0
