"""Slow clients by the thousand, as a process of their own: heads and bodies a byte a second, readers that hardly read.

Run by `tests.campaigns.slow` as `python -m tests.campaigns.crowd PORT PLAN`; the plan has a line of JSON for each
connection, and a line of JSON comes out for each when standard input ends.
"""

import asyncio
import contextlib
import json
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

STEP_SECONDS = 1.0
READ_BYTES = 1024
RECEIVE_BUFFER_BYTES = 4096
CONNECT_SECONDS = 30.0
# All at once would overflow the queue of who has to accept them.
PER_SECOND = 500
# From one alone, most would be refused for how many there are, and not for what they do.
ADDRESSES = 10

Kind = Literal["head", "body", "reader"]


@dataclass
class Slow:
    """One slow connection. `request` goes out at once but for a slow head; `after` a byte a second.

    `end` is `open` while it lasts, `cut` when the other side closes, `refused` when it could not even begin;
    `status` of an answer that came meanwhile; `seconds` how long it was open.
    """

    kind: Kind
    request: str
    after: str
    end: str = "refused"
    status: int = 0
    seconds: float = 0.0

    async def live(self, port: int, source: str) -> None:
        """Go on until the other side closes, or this is cancelled; `source`: the address that it comes from."""
        loop, began = asyncio.get_running_loop(), time.monotonic()
        with socket.socket() as connection:
            connection.setblocking(False)  # noqa: FBT003 - the socket's own interface
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            connection.bind((source, 0))
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await loop.sock_connect(connection, ("127.0.0.1", port))
                self.end = "open"
                await loop.sock_sendall(connection, self.request.encode("latin-1"))
                await self._on(loop, connection)
                self.end = "cut"
            except OSError:
                self.end = "cut" if self.end == "open" else self.end
            finally:
                self.seconds = time.monotonic() - began

    async def _on(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        place = 0
        while True:
            if self.kind != "reader":
                await loop.sock_sendall(connection, self.after[place : place + 1].encode("latin-1"))
                place += 1
            try:
                async with asyncio.timeout(STEP_SECONDS):
                    told = await loop.sock_recv(connection, READ_BYTES)
            except TimeoutError:
                continue
            if not told:
                return
            if not self.status and told.startswith(b"HTTP/1.1 "):
                self.status = int(told[9:12])
            await asyncio.sleep(STEP_SECONDS)


async def crowd(port: int, every: list[Slow]) -> None:
    """Let all of them live until standard input ends."""
    lives = list[asyncio.Task[None]]()
    ended = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    for number, one in enumerate(every):
        lives.append(asyncio.create_task(one.live(port, f"127.0.2.{number % ADDRESSES + 1}")))
        if number % (PER_SECOND // 10) == 0:
            await asyncio.sleep(0.1)
    print("started", flush=True)  # noqa: T201 - what this program is read for
    await ended
    for life in lives:
        life.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*lives, return_exceptions=True)


def main() -> None:
    """Read the plan, live, and tell."""
    every = [Slow(**json.loads(line)) for line in Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()]
    asyncio.run(crowd(int(sys.argv[1]), every))
    for one in every:
        print(json.dumps({**asdict(one), "request": "", "after": ""}))  # noqa: T201


if __name__ == "__main__":
    main()
