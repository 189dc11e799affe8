"""Sub-commands of the Docker provider: the compose file, and the steps that its one-shot containers take."""

from pathlib import Path
from typing import Annotated

import typer

from infra.runtime.settings import load_settings
from infra.stack.compose import write_compose
from infra.stack.environment import resolve_settings
from infra.stack.steps import STEPS, await_needs

Folder = Annotated[Path | None, typer.Option("--to", help="Where to; `docker` in the home folder when left out.")]


def register(app: typer.Typer) -> None:
    """Add the commands; `step` is for containers and not shown to people."""
    app.command(rich_help_panel="The stack on this machine")(compose)
    app.command(hidden=True)(step)


def compose(to: Folder = None) -> None:
    """Write the compose file of the whole stack, and the passwords it needs unless they are there."""
    file = write_compose(to or load_settings().home / "docker")
    typer.echo(str(file))


def step(name: str) -> None:
    """Wait for what a step of the start needs, and take it."""
    if name not in STEPS:
        message = f"unknown step {name!r}; known are {', '.join(STEPS)}"
        raise typer.BadParameter(message)
    settings = resolve_settings()
    await_needs(name, settings)
    typer.echo(STEPS[name](settings))
