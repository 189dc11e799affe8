"""What people read: addresses without passwords, the end of a log, findings with a next step."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.runtime.settings import load_settings
from infra.stack.doctor import examine
from infra.stack.readiness import ask_kafka, ask_postgres, ask_program, ask_redis, shown
from infra.stack.waiting import last_lines


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql://u:secret@h:5/d", "h:5/d"),
        ("redis://:secret@h:6/0", "h:6/0"),
        ("postgresql://u:secret@h/d", "h/d"),
        ("a:9092,b:9092", "a:9092,b:9092"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, told: str) -> None:
    assert shown(address) == told


def test_the_end_of_a_log_is_indented_and_short(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {number}\n" for number in range(20)))
    assert last_lines(log).splitlines() == [f"  line {number}" for number in range(14, 20)]
    assert last_lines(tmp_path / "absent") == "  -"


async def test_nobody_there_is_a_reason_and_no_exception() -> None:
    with socket.socket() as unheard:  # bound, never listening: every connection is refused
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        assert await ask_program(f"http://127.0.0.1:{port}")
        assert await ask_redis(f"redis://127.0.0.1:{port}/0")
        assert await ask_postgres(f"postgresql://u:p@127.0.0.1:{port}/d")
        assert await ask_kafka(f"127.0.0.1:{port}")


def test_every_finding_that_is_not_fine_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        (tmp_path / "home").mkdir(mode=0o755)
        env = {"ARTSTORE_HOME": str(tmp_path / "home"), "ARTSTORE_GATEWAY__PORT": str(port)}
        findings = examine(load_settings({**env, "ARTSTORE_STACK__JAR_FOLDER": str(tmp_path / "jars")}))
    by_subject = {finding.subject: finding for finding in findings}
    assert all(finding.next_step for finding in findings if finding.verdict != "fine")
    assert by_subject[f"port {port}"].verdict == "wrong"
    assert "ARTSTORE_GATEWAY__PORT" in str(by_subject[f"port {port}"].next_step)
    assert by_subject["kafka jars"].verdict == "mind"
    assert by_subject["home"].verdict == "mind"


def test_a_wrong_setting_ends_the_command_with_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    env = {"ARTSTORE_HOME": str(tmp_path), "ARTSTORE_GATEWAY__PROT": "1", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "infra.cli.app", "status"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "ARTSTORE_GATEWAY__PORT" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_program_that_is_not_ready_is_quoted_check_by_check() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"status": "unavailable", "program": "p", "checks": {"kafka": "ok", "group": "no share yet"}}'
        writer.write(b"HTTP/1.1 503 Unavailable\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await ask_program(f"http://127.0.0.1:{port}") == "group: no share yet"
