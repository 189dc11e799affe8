"""Runs a command line: errors of the tree become a message and an exit code, never a traceback."""

import logging
import sys

import typer

from infra.cli.answers import error_as_text
from schemas.errors import ArtStoreError


def new_app(text: str) -> typer.Typer:
    """Return a command without sub-commands, in the manner of the house."""
    return typer.Typer(
        name="artstore", help=text, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
    )


def run_command(app: typer.Typer) -> None:
    """Run the command line: exit code 0 fine, 1 an error, 2 wrong usage, 3 done in part."""
    logging.getLogger().addHandler(logging.NullHandler())  # what libraries complain of comes as a message of ours
    try:
        app()
    except ArtStoreError as error:
        sys.stderr.write(f"{error_as_text(error)}\n")
        sys.exit(1)
    except OSError as error:
        about = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"{about}{error.strerror or error}\n")
        sys.exit(1)
