"""A process stops in order, ends when a task dies, and never outlives its budget."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("lifecycle_program.py")
ROOT = PROGRAM.parents[3]
START_SECONDS = 20.0
END_SECONDS = 20.0


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def _started(behaviour: str, port: int, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(PROGRAM), behaviour, str(port), str(folder / "spans.jsonl")]
    with subprocess.Popen(
        command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def _until_ready(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1).close()
            return
        time.sleep(0.05)
    pytest.fail("the program did not become ready")


def _lines(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def _errors(output: str) -> list[dict[str, object]]:
    return [line for line in _lines(output) if line["level"] == "error"]


def test_sigterm_finishes_the_request_in_flight_and_stops_in_order(tmp_path: Path) -> None:
    port = _free_port()
    answers: list[bytes] = []
    with _started("orderly", port, tmp_path) as program:
        _until_ready(port)
        assert program.stderr is not None
        asking = threading.Thread(
            target=lambda: answers.append(urllib.request.urlopen(f"http://127.0.0.1:{port}/slow", timeout=10).read())
        )
        asking.start()
        assert program.stderr.readline() == "slow began\n"
        program.send_signal(signal.SIGTERM)
        output, told = program.communicate(timeout=END_SECONDS)
        asking.join(END_SECONDS)
    assert program.returncode == 0
    assert answers == [b"finished"]
    assert told.split("\n") == ["on_stop", "task cancelled", "closed", ""]
    events = [line["event"] for line in _lines(output)]
    assert events == ["process_settings", "process_started", "process_stopping", "request"]


def test_log_lines_carry_the_trace_and_spans_are_flushed_at_the_stop(tmp_path: Path) -> None:
    port = _free_port()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with _started("orderly", port, tmp_path) as program:
        _until_ready(port)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/slow?ticket=abc.def", headers={"traceparent": parent}
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - the same
        program.send_signal(signal.SIGINT)
        output, _ = program.communicate(timeout=END_SECONDS)
    [line] = [line for line in _lines(output) if line["event"] == "request"]
    building, served = _lines((tmp_path / "spans.jsonl").read_text(encoding="utf-8"))
    assert line["trace_id"] == served["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert served["parent_span_id"] == "b7ad6b7169203331"
    assert (served["kind"], served["program"], line["program"]) == ("server", "program", "program")
    assert building["attributes"] == {"password": "***"}
    assert "abc.def" not in output + json.dumps(served)


@pytest.mark.parametrize(("behaviour", "reason"), [("dies", "the background work broke"), ("ends", "short ended")])
def test_a_task_that_dies_or_ends_ends_the_process_with_code_1(behaviour: str, reason: str, tmp_path: Path) -> None:
    with _started(behaviour, _free_port(), tmp_path) as program:
        output, told = program.communicate(timeout=END_SECONDS)
    assert program.returncode == 1
    [failure] = _errors(output)
    assert failure["event"] == "process_failed"
    assert reason in str(failure["error"])
    assert told.split() == ["on_stop", "task", "cancelled", "closed"]


def test_a_stop_that_hangs_is_cut_off_with_code_70(tmp_path: Path) -> None:
    port = _free_port()
    with _started("blocks", port, tmp_path) as program:
        _until_ready(port)
        program.send_signal(signal.SIGTERM)
        _, told = program.communicate(timeout=END_SECONDS)
    assert program.returncode == 70
    assert "stop_budget_exceeded" in told


def test_a_signal_during_the_start_gives_the_start_up(tmp_path: Path) -> None:
    with _started("hangs", _free_port(), tmp_path) as program:
        assert program.stderr is not None
        assert program.stderr.readline() == "building\n"
        program.send_signal(signal.SIGTERM)
        output, _ = program.communicate(timeout=END_SECONDS)
    assert program.returncode == 0
    assert _errors(output) == []


def test_a_start_has_the_time_that_its_program_gives_it(tmp_path: Path) -> None:
    with _started("late", _free_port(), tmp_path) as program:
        output, _ = program.communicate(timeout=END_SECONDS)
    assert program.returncode == 1
    assert [failure["error"] for failure in _errors(output)] == ["TimeoutError"]


def test_a_refused_start_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    with _started("refuses", _free_port(), tmp_path) as program:
        output, told = program.communicate(timeout=END_SECONDS)
    assert program.returncode == 1
    [failure] = _errors(output)
    assert (failure["error"], failure.get("exception"), told) == ("Set the key.", None, "")


def test_a_port_in_use_is_said_in_words(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = int(holder.getsockname()[1])
        with _started("orderly", port, tmp_path) as program:
            output, told = program.communicate(timeout=END_SECONDS)
    assert program.returncode == 1
    [failure] = _errors(output)
    assert f"cannot listen on 127.0.0.1:{port}" in str(failure["error"])
    assert told == "closed\n"
