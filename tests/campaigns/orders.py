"""What the campaign orders the agent that is to die, and how that one tells what it does: one JSON object a line.

What is told is known to the campaign from the moment when the whole line is in the pipe; so an acknowledgement counts
from then on, and a record is in the log from then on.
"""

import json
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from storage_agent.journal import SEGMENT_BYTES

# How a life ends by itself: whoever sees the disk fail stops at once.
IN_ORDER, FAILED, DISK_FAILED = 0, 1, 3


@dataclass(frozen=True)
class Order:
    """What one life is to be.

    `ahead_seconds`: how far its clock runs ahead of this machine's. `log`: there, flaky, away, or lost (it forgot all
    that it had acknowledged). `mode`: change the element's mode instead of working. `drain`: tell everything to the
    log, then end in order. `tickets`: uploads of earlier lives to bring again. `commands`: the end of the command
    topic, as offsets and values in base64. `placed`: how many records each partition (`topic/n`) of the log has.
    `neglected`: a durability step that the disk leaves out. `program`: be the whole program, with these variables.
    """

    root: str
    seed: int = 0
    ahead_seconds: float = 0.0
    segment_bytes: int = SEGMENT_BYTES
    bytes_max: int = 700_000
    log: str = "there"
    mode: str | None = None
    drain: bool = False
    tickets: Sequence[Mapping[str, Any]] = ()
    commands: Sequence[tuple[int, str]] = ()
    next_command: int = 0
    placed: Mapping[str, int] = field(default_factory=dict)
    neglected: str = ""
    program: Mapping[str, str] | None = None

    def line(self) -> bytes:
        """Return the order as it is given."""
        return json.dumps(asdict(self)).encode() + b"\n"


def body_of(document_id: str, size: int, variant: int = 0) -> bytes:
    """Return the bytes of a document: anybody who knows its id and size can say what they must be."""
    return random.Random(f"{document_id}/{variant}").randbytes(size)  # noqa: S311 - any bytes will do


def say(told: str, **fields: object) -> None:
    """Tell one thing; it is told when this returns."""
    os.write(1, json.dumps({"told": told, **fields}).encode() + b"\n")
