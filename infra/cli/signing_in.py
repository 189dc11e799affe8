"""Command `login`: get a session and keep it."""

from typing import Annotated, cast

import typer

from infra.cli import terminal
from infra.cli.session import ADMIN, FindPlace, Place, sign_in
from infra.cli.terminal import Json


def register(app: typer.Typer, find_place: FindPlace) -> None:
    """Add the command to `app`."""

    @app.command(rich_help_panel=terminal.DOCUMENTS_PANEL)
    def login(
        user: Annotated[str, typer.Option("--user", help="Login name.")] = ADMIN,
        gateway: Annotated[str | None, typer.Option("--gateway", help="Address of the archive.")] = None,
        *,
        password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
        as_json: Json = False,
    ) -> None:
        """Sign in; the session is kept in the home folder, readable by you alone."""
        with terminal.failures_told(as_json=as_json):
            place = find_place()
            session = sign_in(place, gateway or place.gateway, user, _password(place, user, from_stdin=password_stdin))
        if as_json:
            terminal.show_json({"gateway": session.gateway, "login": session.login, "expires_at": session.expires_at})
        else:
            terminal.tell(f"Signed in at {session.gateway} as {session.login}.")


def _password(place: Place, user: str, *, from_stdin: bool) -> str:
    if from_stdin:
        return terminal.first_line_of_stdin()
    if user == ADMIN and place.admin_password is not None:
        return place.admin_password.get_secret_value()
    return cast("str", typer.prompt("Password", hide_input=True, err=True))
