"""The `artstore` command: gathers the sub-commands, and turns errors of the tree into a message and an exit code."""

import logging
import sys

import typer

from infra.cli import programs, stack
from infra.cli.answers import error_as_text
from schemas.errors import ArtStoreError

PARTS = (stack, programs)


def build_app() -> typer.Typer:
    """Return the command with all its sub-commands."""
    app = typer.Typer(
        name="artstore",
        help="An archive that keeps documents for decades.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    for part in PARTS:
        part.register(app)
    return app


def main() -> None:
    """Run the command line: exit code 0 fine, 1 an error, 2 wrong usage, 3 done in part."""
    logging.getLogger().addHandler(logging.NullHandler())  # libraries' complaints come as our own messages
    try:
        build_app()()
    except ArtStoreError as error:
        sys.stderr.write(f"{error_as_text(error)}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
