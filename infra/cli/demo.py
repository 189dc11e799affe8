"""Command `demo`: real documents through the whole path, found again by their words, fetched and verified."""

import contextlib
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import typer

from infra.cli import terminal
from infra.cli.client import ArchiveClient
from infra.cli.deposits import Deposit, begin, finish
from infra.cli.originals import Original
from infra.cli.receiving import Receiving
from infra.cli.sending import Progress
from infra.cli.session import FindPlace, archive, configured_place
from infra.cli.terminal import Json
from infra.cli.trails import trail_lines, whole_trail
from infra.stack.demo.collection import Collection, DemoDocument, bytes_on_disk, load_collection
from schemas.api.documents import DocumentBody
from schemas.api.uploads import UploadBody
from schemas.attributes import SEAL_FIELD
from schemas.errors import ArtStoreError
from schemas.sealing import unseal

HITS_LOOKED_AT = 20


@dataclass(frozen=True)
class Run:
    """The parts of one run of the demo."""

    client: ArchiveClient
    home: Path
    collection: Collection
    quiet: bool

    def say(self, sentence: str) -> None:
        """Tell a person how far it is."""
        if not self.quiet:
            typer.echo(sentence)


def register(
    app: typer.Typer,
    find_place: FindPlace = configured_place,
    find_collection: Callable[[], Collection] = load_collection,
) -> None:
    """Add the command to `app`; `find_place` tells where the archive is, `find_collection` what is put."""

    @app.command(rich_help_panel=terminal.DOCUMENTS_PANEL)
    def demo(*, as_json: Json = False) -> None:
        """Put the demo's documents, find them, fetch and verify them. A second run adds nothing."""
        began = time.monotonic()
        with archive(find_place, as_json=as_json) as (place, client):
            run = Run(client, place.home, find_collection(), as_json)
            deposits = _put(run)
            wrong = [*_search(run, deposits), *_verify(run, deposits), *_show_one(run, deposits)]
        _sum_up(run, deposits, wrong, time.monotonic() - began)
        raise typer.Exit(terminal.FAILED if wrong else terminal.OK)


def body_of(document: DemoDocument) -> UploadBody:
    """Return the announcement of a demo document."""
    return UploadBody(
        filename=document.filename,
        size=document.size,
        media_type=document.media_type,
        sha256=document.sha256,
        title=document.title,
        document_class=document.document_class,
        tags=document.tags,
        custom=dict(document.custom),
        retention_class=document.retention_class,
    )


def differences(document: DemoDocument, stored: DocumentBody) -> list[str]:
    """Say what the archive says differently of a document than the manifest does."""
    pairs = {
        "filename": (document.filename, stored.filename),
        "title": (document.title, stored.title),
        "size": (document.size, stored.size),
        "sha256": (document.sha256, stored.sha256),
        "document_class": (document.document_class, stored.document_class),
        "tags": (document.tags, stored.tags),
        "custom": (dict(document.custom), stored.custom),
        "retention": (document.retention_class, stored.retention.retention_class),
    }
    return [
        f"{document.filename}: {name} is {there!r}, should be {here!r}"
        for name, (here, there) in pairs.items()
        if here != there
    ]


def _put(run: Run) -> Mapping[str, Deposit]:
    """Put everything and wait until it is found; the deposits by file name."""
    documents = run.collection.documents
    run.say(f"Putting {len(documents)} documents into {run.client.base_url} ...")
    sizes = [document.size for document in documents]
    deposits = {}
    with terminal.transfer_bar(quiet=run.quiet) as bar:
        move = terminal.mover(bar, bar.add_task("all documents", total=sum(sizes)))
        for document, before in zip(documents, itertools.accumulate(sizes, initial=0), strict=False):
            with _failing_aloud(run, document.filename):
                deposits[document.filename] = _put_one(run, document, _shifted(move, before))
    for filename, deposit in deposits.items():
        with _failing_aloud(run, filename):
            finish(run.client, deposit)
    already = sum(deposit.already for deposit in deposits.values())
    run.say(f"  {len(deposits) - already} put, {already} already there.")
    return deposits


@contextlib.contextmanager
def _failing_aloud(run: Run, filename: str) -> Iterator[None]:
    try:
        yield
    except ArtStoreError as error:
        terminal.tell_error(error, as_json=run.quiet, about=filename)
        raise typer.Exit(terminal.FAILED) from error


def _shifted(move: Progress, before: int) -> Progress:
    return lambda sent: move(before + sent)


def _put_one(run: Run, document: DemoDocument, progress: Progress) -> Deposit:
    body = body_of(document)
    # The description belongs to the key: a release that describes a document better puts it as a new one.
    origin = f"demo:{document.origin}\n{body.model_dump_json()}"
    return begin(run.client, body, origin, partial(_original, run, document), progress)


def _original(run: Run, document: DemoDocument) -> Original:
    return Original.known(bytes_on_disk(document, run.home), document.sha256)


def _search(run: Run, deposits: Mapping[str, Deposit]) -> Iterator[str]:
    for search in run.collection.searches:
        wanted = deposits[search.finds].document_id
        hits = list(itertools.islice(run.client.search(search.query), HITS_LOOKED_AT))
        hit = next((hit for hit in hits if hit.document_id == wanted), None)
        if hit is None:
            yield f"a search for {search.query} does not find {search.finds}"
        else:
            run.say(f"Search for {search.query} ({search.because}):")
            run.say(terminal.on_one_line(f"  {hit.title}: {hit.snippet}"))


def _verify(run: Run, deposits: Mapping[str, Deposit]) -> Iterator[str]:
    documents = run.collection.documents
    folder = run.home / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    with terminal.transfer_bar(quiet=run.quiet) as bar:
        total = bar.add_task("verified", total=sum(document.size for document in documents))
        for document in documents:
            try:
                stored = run.client.document(deposits[document.filename].document_id)
                yield from differences(document, stored)
                with tempfile.TemporaryFile(dir=folder) as file:
                    run.client.download(stored, Receiving(cast("BinaryIO", file)))
            except ArtStoreError as error:
                yield f"{document.filename}: {error.title}: {error.detail}"
            bar.advance(total, document.size)


def _show_one(run: Run, deposits: Mapping[str, Deposit]) -> Iterator[str]:
    """Print the trail and the attributes of the document that the first search is about."""
    document_id = deposits[run.collection.searches[0].finds].document_id
    trail = whole_trail(run.client, document_id)
    run.say("Its trail, every event under its cause:")
    for line in trail_lines(trail):
        run.say(f"  {line}")
    if not trail:
        yield f"{document_id} has no events"
    attributes = run.client.attributes(document_id)
    run.say(f"Its attr.json, as it lies beside the bytes:\n  {attributes.decode()}")
    try:
        unseal(attributes, SEAL_FIELD)
    except ArtStoreError as error:
        yield f"{document_id}: {error.title}: {error.detail}"


def _sum_up(run: Run, deposits: Mapping[str, Deposit], wrong: list[str], seconds: float) -> None:
    already = sum(deposit.already for deposit in deposits.values())
    size = sum(document.size for document in run.collection.documents)
    if run.quiet:
        counts = {"documents": len(deposits), "already_there": already, "bytes": size}
        terminal.show_json({**counts, "wrong": wrong, "seconds": round(seconds, 1), "gateway": run.client.base_url})
        return
    for line in wrong:
        terminal.tell(f"WRONG: {line}")
    verdict = "all verified" if not wrong else f"{len(wrong)} wrong"
    added = "nothing added, all were there already" if already == len(deposits) else f"{len(deposits) - already} added"
    run.say(f"{len(deposits)} documents ({added}), {size / 2**20:.0f} MiB, {verdict}, {seconds:.1f} s.")
    run.say(f"The archive is at {run.client.base_url}")
