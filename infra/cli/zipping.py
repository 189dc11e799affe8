"""Command `zip`: several documents in one ZIP file, each verified before it goes in."""

import errno
import os
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC
from pathlib import Path, PurePath
from typing import Annotated, BinaryIO, cast

import typer

from infra.cli import terminal
from infra.cli.client import ArchiveClient
from infra.cli.receiving import Receiving
from infra.cli.session import FindPlace, archive
from infra.cli.terminal import Json
from schemas.api.documents import DocumentBody

CHUNK_BYTES = 2**20
# What is worth being packed; nearly everything else is packed already.
PLAIN_TYPES = ("text/", "application/json", "application/xml", "image/svg+xml")


def register(app: typer.Typer, find_place: FindPlace) -> None:
    """Add the command to `app`."""

    @app.command(name="zip", rich_help_panel=terminal.DOCUMENTS_PANEL)
    def zip_documents(
        document_ids: Annotated[list[str], typer.Argument(metavar="ID", help="Document ids.")],
        output: Annotated[Path, typer.Option("-o", "--output", help="ZIP file to write.")],
        *,
        force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
        as_json: Json = False,
    ) -> None:
        """Fetch several documents into one ZIP file, each verified against its SHA-256."""
        with archive(find_place, as_json=as_json) as (_, client):
            if output.exists() and not force:
                raise FileExistsError(errno.EEXIST, "is there already; use --force or another -o", str(output))
            # A wrong id is told before anything is fetched.
            documents = [client.document(document_id) for document_id in dict.fromkeys(document_ids)]
            names = distinct(str(terminal.local_name(document.filename)) for document in documents)
            _write(client, list(zip(names, documents, strict=True)), output, quiet=as_json)
        if as_json:
            items = [
                {"document_id": document.document_id, "name": name}
                for name, document in zip(names, documents, strict=True)
            ]
            terminal.show_json({"file": str(output), "items": items})
        else:
            terminal.tell(f"{output}: {len(documents)} documents, all verified.")


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names, with ` (2)` and so on where one was there before: also for who does not tell capitals apart."""
    found: dict[str, str] = {}
    for name in names:
        path, free, number = PurePath(name), name, 1
        while free.casefold() in found:
            number += 1
            free = f"{path.stem} ({number}){path.suffix}"
        found[free.casefold()] = free
    return list(found.values())


def _write(client: ArchiveClient, entries: Sequence[tuple[str, DocumentBody]], output: Path, *, quiet: bool) -> None:
    # The name appears only once the last document is in.
    scratch = output.parent / f".artstore-{uuid.uuid4().hex}.part"
    try:
        with scratch.open("xb") as file, terminal.transfer_bar(quiet=quiet) as bar:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
                for name, document in entries:
                    move = terminal.mover(bar, bar.add_task(name, total=document.size))
                    # A download that begins again has to forget what has come, which no ZIP file can.
                    with tempfile.TemporaryFile(dir=output.parent) as content:
                        client.download(document, Receiving(cast("BinaryIO", content)), move)
                        content.seek(0)
                        with packed.open(_entry(name, document), "w") as entry:
                            shutil.copyfileobj(content, entry, CHUNK_BYTES)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(output)
    finally:
        scratch.unlink(missing_ok=True)


def _entry(name: str, document: DocumentBody) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, document.created_at.astimezone(UTC).timetuple()[:6])
    # With the size known, the entry gets the 64-bit fields if it needs them.
    entry.file_size = document.size
    entry.compress_type = zipfile.ZIP_DEFLATED if document.media_type.startswith(PLAIN_TYPES) else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    return entry
