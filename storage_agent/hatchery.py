"""Extracting processes without the start of an interpreter: a warm program that forks one for each document.

Every document still has a process of its own with bounds of its own; it is only begun as a copy of a program that has
loaded its modules before and has seen no document.
"""

import os
import signal
import socket
import sys
from typing import NoReturn

from storage_agent import extraction

MEDIA_TYPE_BYTES_MAX = 128
CODE_BYTES = 4
BODY, TEXT, FIRST_HANDLE = 0, 1, 3
FAILED = 1


def serve(door: socket.socket) -> None:
    """Take a media type with two handles (body, text), answer with the code of their process; until the door closes."""
    while True:
        name, handles, _, _ = socket.recv_fds(door, MEDIA_TYPE_BYTES_MAX, 2)
        if not name:
            return
        body, text = handles
        child = os.fork()
        if child == 0:
            door.close()
            _extract(name.decode(), body, text)
        os.close(body)
        os.close(text)
        _, status = os.waitpid(child, 0)
        door.sendall(os.waitstatus_to_exitcode(status).to_bytes(CODE_BYTES, "big", signed=True))


def _extract(media_type: str, body: int, text: int) -> NoReturn:
    """Do the work of one document with its body and text as standard input and output, and end as a program would."""
    code = FAILED
    try:
        os.dup2(body, BODY)
        os.dup2(text, TEXT)
        os.closerange(FIRST_HANDLE, max(body, text) + 1)
        code = extraction.main(media_type)
    finally:
        # Whatever happened, a copy never goes back to the door.
        os._exit(code)


def main(handle: int) -> int:
    """Serve at the socket that was inherited; a stop of the agent is not for this program, the closed door is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=handle) as door:
        serve(door)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
