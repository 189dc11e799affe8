"""Sub-command that makes the plain files of a storage element complete: checkpoint."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.terminal import failures_told
from infra.runtime.clock import SystemClock
from infra.stack.environment import resolve_settings

_PANEL = "Storage elements"

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Root of a storage element that no agent holds.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=_PANEL)(checkpoint)


def checkpoint(folder: Folder) -> None:
    """Put in place what only the journal holds, write the lists, close: the folder is complete without its journal.

    Run it as the user whose agent owns the folder, while that agent is stopped.
    """
    from storage_agent.checkpoint import checkpoint as complete  # noqa: PLC0415 - the other rooms stay unloaded

    with failures_told(as_json=False):
        identity, lists = asyncio.run(complete(folder.absolute(), resolve_settings().agent, SystemClock()))
    typer.echo(f"element {identity.name} ({identity.element_id}) is complete without its journal")
    if lists:
        typer.echo(f"{lists} folders without a list have one now")
