"""Commands about accounts: `account add`. The password is made here, printed once, and kept by nobody."""

import secrets
import uuid
from typing import Annotated

import typer

from infra.cli import terminal
from infra.cli.answers import valid
from infra.cli.client import ArchiveClient
from infra.cli.deposits import ended_well
from infra.cli.session import FindPlace, archive, configured_place
from infra.cli.terminal import Json
from schemas.api.accounts import AccountAnswer, AccountBody
from schemas.errors import Transient
from schemas.permissions import Role

PASSWORD_BYTES = 18
WAIT_SECONDS = 30.0


def register(app: typer.Typer, find_place: FindPlace = configured_place, wait_seconds: float = WAIT_SECONDS) -> None:
    """Add the commands to `app`; `find_place` tells where the archive is."""
    group = typer.Typer(no_args_is_help=True, help="Accounts of the archive.")
    app.add_typer(group, name="account")

    @group.callback()
    def only_a_group() -> None:
        """Accounts of the archive."""

    @group.command()
    def add(
        login: Annotated[str, typer.Argument(metavar="LOGIN", help="Login name.")],
        role: Annotated[Role, typer.Option("--role", help="What the account may do.")],
        name: Annotated[str | None, typer.Option("--name", help="Full name; the login when left out.")] = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Make an account; its password is printed once."""
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        with archive(find_place, as_json=as_json) as (_, client):
            body = valid(AccountBody, login=login, full_name=name or login, role=role, password=password)
            answer = _made(client, body, wait_seconds)
        if as_json:
            terminal.show_json({"login": login, "role": role, "account_id": answer.account_id, "password": password})
        else:
            typer.echo(f"login {login}, password {password}")
            terminal.tell("The password is shown this once.")


def _made(client: ArchiveClient, body: AccountBody, seconds: float) -> AccountAnswer:
    """Ask for the account and wait until it exists."""
    try:
        answer = client.request_account(body, str(uuid.uuid4()))
        ended_well(client.wait_operation(answer.operation_id, seconds))
    except Transient:
        # What was asked for may yet come about, and nobody else knows this password.
        terminal.tell(f"If `artstore login --user {body.login}` succeeds later, the password is {body.password}")
        raise
    return answer
