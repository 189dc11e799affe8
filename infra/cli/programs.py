"""Sub-commands that are the programs themselves: each imports its room only when it is the one to run.

The stack starts them as `python -m infra.cli.programs NAME`, which spares them the rest of the command line.
"""

import typer

from infra.cli.command import new_app, run_command
from infra.runtime.lifecycle import START_SECONDS, Build, run
from infra.stack.environment import resolve_settings

_PANEL = "Programs"


def register(app: typer.Typer) -> None:
    """Add one command per program."""
    for command in (gateway, processor, projector, agent):
        app.command(rich_help_panel=_PANEL)(command)


def gateway() -> None:
    """Run the gateway: the HTTP interface of the archive."""
    from api_gateway.app import build  # noqa: PLC0415 - the other rooms stay unloaded

    _live(build)


def processor() -> None:
    """Run the processor: the sagas."""
    from stream_processors.app import build  # noqa: PLC0415 - the other rooms stay unloaded

    _live(build)


def projector() -> None:
    """Run the projector: it keeps the views."""
    from projections.app import build  # noqa: PLC0415 - the other rooms stay unloaded

    _live(build)


def agent() -> None:
    """Run the agent of one storage element."""
    from storage_agent.app import RECOVERED_SECONDS, build  # noqa: PLC0415 - the other rooms stay unloaded

    _live(build, RECOVERED_SECONDS)


def _live(build: Build, start_seconds: float = START_SECONDS) -> None:
    raise typer.Exit(run(build, resolve_settings(), start_seconds))


def main() -> None:
    """Run one program in this process."""
    app = new_app("The programs of the archive.")
    register(app)
    run_command(app)


if __name__ == "__main__":
    main()
