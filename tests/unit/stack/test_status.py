"""Status: what is on its way out is neither starting nor ready."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.stack.model import PROCESSES
from infra.stack.plan import Planned, Provider
from infra.stack.readiness import ask_program
from infra.stack.status import _row
from infra.stack.supervisor import ProcessState


async def _fine() -> str | None:
    return None


async def _away() -> str | None:
    return "does not answer"


@pytest.mark.parametrize(
    ("state", "ready", "stopping"),
    [("RUNNING", "ready", "starting"), ("STOPPING", "stopping", "stopping"), ("BACKOFF", "failing", "failing")],
)
def test_a_process_is_shown_as_it_is(state: str, ready: str, stopping: str) -> None:
    known = ProcessState("kafka", state, 1, 2, "ended too soon")
    rows = [
        asyncio.run(_row(Planned(PROCESSES[0], Provider.EMBEDDED, "127.0.0.1:1", probe), known))
        for probe in (_fine, _away)
    ]
    assert [row.state for row in rows] == [ready, stopping]


class _Degraded(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"checks": {"disk": "ok", "documents": "degraded: 2 damaged"}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_program_that_is_ready_says_what_is_amiss_all_the_same() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Degraded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        planned = Planned(PROCESSES[0], Provider.PROGRAM, address, lambda: ask_program(address))
        row = asyncio.run(_row(planned, ProcessState("agent-hot", "RUNNING", 1, 2, "")))
    finally:
        server.shutdown()
        server.server_close()
    assert (row.state, row.reason) == ("ready", "documents: degraded: 2 damaged")
