"""Command `get`: a document's content comes out, and is verified before it gets its name."""

import errno
import sys
import tempfile
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from infra.cli import terminal
from infra.cli.client import ArchiveClient
from infra.cli.part_file import PartFile
from infra.cli.receiving import Receiving
from infra.cli.session import FindPlace, archive
from infra.cli.terminal import DocumentArgument, Json
from schemas.api.documents import DocumentBody
from schemas.errors import ArtStoreError, BodyDamaged


def register(app: typer.Typer, find_place: FindPlace) -> None:
    """Add the command to `app`."""

    @app.command(rich_help_panel=terminal.DOCUMENTS_PANEL)
    def get(
        document_id: DocumentArgument,
        output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write, `-` for stdout.")] = None,
        *,
        force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
        as_json: Json = False,
    ) -> None:
        """Fetch a document's content and verify it against its SHA-256.

        What was interrupted waits in FILE.part, and the same command goes on from there.
        """
        with archive(find_place, as_json=as_json) as (_, client):
            document = client.document(document_id)
            if output == Path("-"):
                _fetch_to_stdout(client, document)
                return
            target = output or terminal.local_name(document.filename)
            if target.exists() and not force:
                raise FileExistsError(errno.EEXIST, "is there already; use --force or -o", str(target))
            _fetch(client, document, target, force=force, quiet=as_json)
        if as_json:
            terminal.show_json({"file": str(target), **_named(document)})
        else:
            terminal.tell(f"{target}: {document.size} bytes, SHA-256 {document.sha256} verified.")


def _fetch(client: ArchiveClient, document: DocumentBody, target: Path, *, force: bool, quiet: bool) -> None:
    # The name appears only once the digest holds: what is there under it is always right.
    with PartFile(target, force=force) as part:
        receiving = Receiving(part.file, part.etag, part.note)
        try:
            with terminal.transfer_bar(quiet=quiet) as bar:
                task = bar.add_task(target.name, total=document.size)
                client.download(document, receiving, terminal.mover(bar, task))
        except (ArtStoreError, OSError, KeyboardInterrupt) as error:
            if receiving.count and not isinstance(error, BodyDamaged) and not quiet:
                kept = f"{receiving.count} of {document.size} bytes"
                terminal.tell(f"{part.path}: {kept} are kept; the same command goes on from there.")
            raise
        part.complete()


def _fetch_to_stdout(client: ArchiveClient, document: DocumentBody) -> None:
    with tempfile.TemporaryFile() as file:
        client.download(document, Receiving(cast("BinaryIO", file)))
        file.seek(0)
        while chunk := file.read(2**20):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def _named(document: DocumentBody) -> dict[str, object]:
    return {"document_id": document.document_id, "size": document.size, "sha256": document.sha256}
