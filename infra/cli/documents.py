"""Commands about documents: what `login`, `put`, `get` and `zip` add, and `find`, `ls`, `damages`, `stat`, `events`."""

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer

from infra.cli import getting, putting, signing_in, terminal, zipping
from infra.cli.session import FindPlace, archive, configured_place
from infra.cli.terminal import DocumentArgument, Json
from infra.cli.trails import trail_lines, whole_trail
from schemas.api.documents import DocumentBody
from schemas.api.fixity import DamageBody, IntegrityBody

Limit = Annotated[int, typer.Option("--limit", min=1, help="Most lines to print.")]


def register(app: typer.Typer, find_place: FindPlace = configured_place) -> None:
    """Add the commands to `app`; `find_place` tells where the archive is."""
    for part in (signing_in, putting, getting, zipping):
        part.register(app, find_place)
    _register_lists(app, find_place)
    _register_one(app, find_place)


def _register_lists(app: typer.Typer, find_place: FindPlace) -> None:
    @app.command(rich_help_panel=terminal.DOCUMENTS_PANEL)
    def find(
        words: Annotated[list[str], typer.Argument(metavar="WORDS", help="What to look for, Russian or English.")],
        limit: Limit = 20,
        *,
        as_json: Json = False,
    ) -> None:
        """Search names, titles, tags, own fields and texts, best first."""
        with archive(find_place, as_json=as_json) as (_, client):
            hits = list(itertools.islice(client.search(" ".join(words)), limit))
        if as_json:
            terminal.show_json({"items": [terminal.plain(hit) for hit in hits]})
            return
        for hit in hits:
            terminal.table([(hit.document_id, hit.title), ("   ", hit.filename), ("   ", hit.snippet)])
        terminal.tell(f"{len(hits)} found.")

    @app.command(name="ls", rich_help_panel=terminal.DOCUMENTS_PANEL)
    def list_documents(limit: Limit = 100, *, as_json: Json = False) -> None:
        """List documents, newest first."""
        with archive(find_place, as_json=as_json) as (_, client):
            documents = list(itertools.islice(client.documents(), limit))
        if as_json:
            terminal.show_json({"items": [terminal.plain(document) for document in documents]})
            return
        terminal.table([_summary(document) for document in documents])

    @app.command(rich_help_panel=terminal.DOCUMENTS_PANEL)
    def damages(limit: Limit = 100, *, as_json: Json = False) -> None:
        """List documents that are damaged now, the newest damage first."""
        with archive(find_place, as_json=as_json) as (_, client):
            found = list(itertools.islice(client.damages(), limit))
        if as_json:
            terminal.show_json({"items": [terminal.plain(damage) for damage in found]})
            return
        terminal.table([_damage(damage) for damage in found])
        terminal.tell(f"{len(found)} damaged.")


def _summary(document: DocumentBody) -> tuple[object, ...]:
    mark = ("damaged",) if document.integrity.state == "damaged" else ()
    return (document.document_id, _moment(document.created_at), f"{document.size:>12}", document.filename, *mark)


def _damage(damage: DamageBody) -> tuple[object, ...]:
    name = f"{damage.document_id} v{damage.version}"
    wrong = f"{damage.part}: {damage.reason}"
    return (name, _moment(damage.found_at), damage.element_name or damage.element_id, wrong, damage.filename or "")


def _moment(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _register_one(app: typer.Typer, find_place: FindPlace) -> None:
    @app.command(rich_help_panel=terminal.DOCUMENTS_PANEL)
    def stat(
        document_id: DocumentArgument,
        *,
        attributes: Annotated[bool, typer.Option("--attributes", help="Print the sealed attr.json.")] = False,
        as_json: Json = False,
    ) -> None:
        """Show what is known about a document."""
        with archive(find_place, as_json=as_json) as (_, client):
            if attributes:
                typer.echo(client.attributes(document_id).decode(), nl=False)
                return
            document = client.document(document_id)
        if as_json:
            terminal.show_json(terminal.plain(document))
        else:
            terminal.table([(f"{name:<15}", value) for name, value in _facts(document)])

    @app.command(rich_help_panel=terminal.DOCUMENTS_PANEL)
    def link(
        document_id: DocumentArgument,
        hours: Annotated[float, typer.Option("--hours", min=1 / 3600, max=168, help="For how long it opens.")] = 1.0,
        *,
        as_json: Json = False,
    ) -> None:
        """Print a link that opens a document in any browser, without signing in, until it expires."""
        with archive(find_place, as_json=as_json) as (_, client):
            answer = client.link(document_id, round(hours * 3600))
        if as_json:
            terminal.show_json(terminal.plain(answer))
            return
        typer.echo(answer.url)
        terminal.tell(f"Opens until {_moment(answer.expires_at)} UTC, for whoever has it.")

    @app.command(rich_help_panel=terminal.DOCUMENTS_PANEL)
    def events(
        document: Annotated[str, typer.Option("--document", metavar="ID", help="Document id.")],
        *,
        as_json: Json = False,
    ) -> None:
        """Print the decoded trail of a document, every event under the one that caused it."""
        with archive(find_place, as_json=as_json) as (_, client):
            trail = whole_trail(client, document)
        if as_json:
            terminal.show_json({"items": [terminal.plain(event) for event in trail]})
        else:
            terminal.table([(line,) for line in trail_lines(trail)])


def _facts(document: DocumentBody) -> Iterator[tuple[str, object]]:
    for name, value in document:
        match name:
            case "created_by":
                yield name, f"{document.created_by.full_name} ({document.created_by.login})"
            case "retention":
                until = document.retention.until
                yield name, f"{document.retention.retention_class}, until {until.date() if until else 'for ever'}"
            case "integrity":
                yield name, _integrity(document.integrity)
            case "tags":
                yield name, ", ".join(document.tags)
            case "custom":
                yield name, ", ".join(f"{key}={item}" for key, item in document.custom.items())
            case _:
                yield name, value


def _integrity(integrity: IntegrityBody) -> str:
    if integrity.found_at is None:
        return integrity.state
    return f"{integrity.state} ({integrity.part}: {integrity.reason}), seen {_moment(integrity.found_at)}"
