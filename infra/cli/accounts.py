"""Commands about accounts: `account add`. The password is made here, printed once, and kept by nobody."""

import secrets
import uuid
from typing import Annotated

import typer

from infra.cli import terminal
from infra.cli.answers import parsed
from infra.cli.client import ArchiveClient
from infra.cli.session import FindPlace, archive, configured_place, load_session
from infra.cli.terminal import Json
from infra.cli.transport import Patience, Transport
from schemas.api.accounts import AccountAnswer, AccountBody
from schemas.errors import PermissionDenied, Unauthenticated
from schemas.permissions import Role

PASSWORD_BYTES = 18
WAIT_SECONDS = 30.0


def register(app: typer.Typer, find_place: FindPlace = configured_place) -> None:
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
        body = AccountBody(login=login, full_name=name or login, role=role, password=password)
        with archive(find_place, as_json=as_json) as (place, client):
            session = load_session(place)
            if session is None:
                raise Unauthenticated
            answer = _asked(session.gateway, session.token, body)
            _await_account(client, answer.operation_id)
        if as_json:
            terminal.show_json({"login": login, "role": role, "account_id": answer.account_id, "password": password})
        else:
            typer.echo(f"login {login}, password {password}")
            terminal.tell("The password is shown this once.")


def _asked(gateway: str, token: str, body: AccountBody) -> AccountAnswer:
    # One key for all tries: a repeat after a broken connection asks for the same account, not for a taken login.
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
    transport = Transport(gateway, Patience())
    try:
        request = transport.request
        response = transport.again(
            transport.once,
            lambda: request("POST", "/api/v1/accounts", json=body.model_dump(mode="json"), headers=headers),
        )
        return parsed(AccountAnswer, response)
    finally:
        transport.close()


def _await_account(client: ArchiveClient, operation_id: str) -> None:
    operation = client.wait_operation(operation_id, WAIT_SECONDS)
    if operation.state != "succeeded":
        detail = operation.problem.detail if operation.problem else "The archive gives no reason."
        raise PermissionDenied(f"The account was not made: {detail}")
