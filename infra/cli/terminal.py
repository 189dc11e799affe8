"""What the commands share towards a person or a program: sentences on stderr, results on stdout, exit codes, a bar."""

import contextlib
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from infra.cli.answers import error_as_json, error_as_text
from schemas.errors import ArtStoreError

OK = 0
FAILED = 1
PARTIAL = 3
NAME_BYTES = 240
DOCUMENTS_PANEL = "Documents"

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DocumentArgument = Annotated[str, typer.Argument(metavar="ID", help="Document id.")]


def tell(sentence: str) -> None:
    """Say something beside the result."""
    typer.echo(sentence, err=True)


def show_json(value: object) -> None:
    """Print a result for programs."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def plain(body: BaseModel) -> object:
    """Return a body as JSON values, named as on the wire."""
    return body.model_dump(mode="json", by_alias=True)


def tell_error(error: ArtStoreError | OSError, *, as_json: bool, about: str = "") -> None:
    """Say what went wrong, with what to do."""
    if isinstance(error, OSError):
        about = about or str(error.filename or "")
    if as_json:
        tell(error_as_json(error, about))
    elif isinstance(error, OSError):
        tell(f"{about}: {error.strerror or error}" if about else str(error))
    else:
        tell(f"{about}: {error_as_text(error)}" if about else error_as_text(error))


@contextlib.contextmanager
def failures_told(*, as_json: bool) -> Iterator[None]:
    """End the command with code 1 and a readable sentence where the archive or the disk says no."""
    try:
        yield
    except (ArtStoreError, OSError) as error:
        tell_error(error, as_json=as_json)
        raise typer.Exit(FAILED) from error


def exit_code(done: int, failed: int) -> int:
    """0: all done; 1: nothing done; 3: some."""
    if not failed:
        return OK
    return PARTIAL if done else FAILED


def transfer_bar(*, quiet: bool) -> Progress:
    """Return a progress bar in bytes on stderr; none when `quiet`, and none where stderr is not a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
        transient=True,
    )


def mover(bar: Progress, task: TaskID) -> Callable[[int], None]:
    """Say what moves this line of the bar to a number of bytes."""

    def move(count: int) -> None:
        bar.update(task, completed=count)

    return move


def local_name(filename: str) -> Path:
    """Turn any name into one for this folder: no path, no control characters, at most 240 bytes of UTF-8."""
    last = filename.replace("\\", "/").rsplit("/", 1)[-1]
    safe = "".join(letter for letter in last if letter.isprintable()).strip()
    if safe in {"", ".", ".."}:
        safe = "document"
    stem, dot, ending = safe.rpartition(".")
    ending = dot + ending if stem else ""
    room = NAME_BYTES - len(ending.encode())
    if room <= 0:
        return Path(safe.encode()[:NAME_BYTES].decode(errors="ignore"))
    return Path((stem or safe).encode()[:room].decode(errors="ignore") + ending)


def table(rows: Sequence[Sequence[object]]) -> None:
    """Print rows as lines, their cells apart by two spaces: nothing is cut, so that it can be copied."""
    for row in rows:
        typer.echo("  ".join(on_one_line(str(cell)) for cell in row))


def on_one_line(text: str) -> str:
    """Replace control characters by spaces: a name from the archive must not steer the terminal."""
    return "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in text)


def first_line_of_stdin() -> str:
    """Return the first line that is piped in, without its end."""
    return sys.stdin.readline().rstrip("\r\n")
