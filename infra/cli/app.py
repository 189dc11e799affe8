"""The `artstore` command: gathers the sub-commands of all groups."""

import typer

from infra.cli import accounts, checkpoint, containers, demo, documents, elements, keys, programs, stack, views
from infra.cli.command import new_app, run_command


def build_app() -> typer.Typer:
    """Return the command with all its sub-commands."""
    app = new_app("An archive that keeps documents for decades.")
    stack.register(app)
    containers.register(app)
    documents.register(app)
    demo.register(app)
    accounts.register(app)
    keys.register(app)
    views.register(app)
    elements.register(app)
    checkpoint.register(app)
    programs.register(app)
    return app


def main() -> None:
    """Run the command line of this process."""
    run_command(build_app())


if __name__ == "__main__":
    main()
