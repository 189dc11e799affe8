"""Command `put`: files go in, and the command ends when they are found."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from infra.cli import terminal
from infra.cli.answers import valid
from infra.cli.client import ArchiveClient
from infra.cli.deposits import Deposit, begin, finish, media_type_of
from infra.cli.originals import Original
from infra.cli.session import FindPlace, archive
from infra.cli.terminal import Json
from schemas.api.uploads import UploadBody
from schemas.errors import ArtStoreError
from schemas.retention import PERMANENT, RETENTION_CLASSES


@dataclass(frozen=True)
class Description:
    """What `put` says about every file of one call."""

    title: str | None
    tags: tuple[str, ...]
    document_class: str | None
    custom: dict[str, str | bool | int | float]
    retention_class: str
    element_id: str | None


def register(app: typer.Typer, find_place: FindPlace) -> None:
    """Add the command to `app`."""

    @app.command(rich_help_panel=terminal.DOCUMENTS_PANEL)
    def put(  # noqa: PLR0913 - one parameter per option of the command line
        files: Annotated[list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False, readable=True)],
        *,
        title: Annotated[str | None, typer.Option("--title", help="Title; the file name when not given.")] = None,
        tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be given several times.")] = None,
        document_class: Annotated[str | None, typer.Option("--class", help="What kind of document it is.")] = None,
        custom: Annotated[list[str] | None, typer.Option("--custom", metavar="NAME=VALUE", help="Own field.")] = None,
        retention: Annotated[str, typer.Option("--retention", help=", ".join(RETENTION_CLASSES))] = PERMANENT,
        element: Annotated[str | None, typer.Option("--element", help="Storage element, by name or id.")] = None,
        as_json: Json = False,
    ) -> None:
        """Put files into the archive and wait until they are found. The same file a second time adds nothing."""
        if retention not in RETENTION_CLASSES:
            msg = f"one of {', '.join(RETENTION_CLASSES)}"
            raise typer.BadParameter(msg, param_hint="--retention")
        description = Description(title, tuple(tag or ()), document_class, _fields(custom or []), retention, element)
        with archive(find_place, as_json=as_json) as (_, client):
            found = _put_all(client, files, description, as_json=as_json)
        _show(found, as_json=as_json)
        raise typer.Exit(terminal.exit_code(len(found), len(files) - len(found)))


def _fields(pairs: Iterable[str]) -> dict[str, str | bool | int | float]:
    fields = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            msg = f"{pair!r} is not NAME=VALUE"
            raise typer.BadParameter(msg, param_hint="--custom")
        fields[name] = typed(value)
    return fields


def _put_all(
    client: ArchiveClient, files: list[Path], description: Description, *, as_json: bool
) -> list[tuple[Path, Deposit]]:
    begun: list[tuple[Path, Deposit]] = []
    found: list[tuple[Path, Deposit]] = []
    with terminal.transfer_bar(quiet=as_json) as bar:
        for file in files:
            with _told(file, as_json=as_json):
                begun.append((file, _begin(client, file, description, bar)))
        # Waiting comes after the last byte: while one file is sent, the archive works on those before it.
        for file, deposit in begun:
            with _told(file, as_json=as_json):
                finish(client, deposit)
                found.append((file, deposit))
    return found


def _begin(client: ArchiveClient, file: Path, description: Description, bar: Progress) -> Deposit:
    task = bar.add_task(file.name, total=file.stat().st_size)
    original = Original.read(file)
    body = _upload_body(original, description)
    return begin(client, body, str(file.resolve()), lambda: original, terminal.mover(bar, task))


def _show(found: list[tuple[Path, Deposit]], *, as_json: bool) -> None:
    if as_json:
        terminal.show_json({"items": [{"file": str(file), **asdict(deposit)} for file, deposit in found]})
    else:
        state = {True: "already there", False: "put"}
        terminal.table([(deposit.document_id, state[deposit.already], file) for file, deposit in found])


def _upload_body(original: Original, description: Description) -> UploadBody:
    name = original.path.name
    return valid(
        UploadBody,
        filename=name,
        size=original.size,
        media_type=media_type_of(name),
        sha256=original.sha256,
        **vars(description),
    )


@contextlib.contextmanager
def _told(file: Path, *, as_json: bool) -> Iterator[None]:
    # One file that fails does not keep the others out; the exit code tells that not all went in.
    try:
        yield
    except (ArtStoreError, OSError) as error:
        terminal.tell_error(error, as_json=as_json, about=str(file))


def typed(value: str) -> str | bool | int | float:
    """Return a custom value as it was meant: true, false, a whole or a finite decimal number, else the text itself."""
    if value in {"true", "false"}:
        return value == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            number = kind(value)
            # `007` and `1e3` are texts that look like numbers: only what reads back the same is one.
            if str(number) == value and value not in {"inf", "-inf", "nan"}:
                return number
    return value
