"""Commands about signing keys: `keys` lists them, `keys retire` ends one, with every link and sign-in it has signed."""

from typing import Annotated

import typer

from infra.cli import terminal
from infra.cli.session import FindPlace, archive, configured_place
from infra.cli.terminal import Json
from schemas.api.keys import KeyBody


def register(app: typer.Typer, find_place: FindPlace = configured_place) -> None:
    """Add the commands to `app`; `find_place` tells where the archive is."""
    group = typer.Typer(help="Keys that sign tokens, tickets and links.")
    app.add_typer(group, name="keys")

    @group.callback(invoke_without_command=True)
    def listed(context: typer.Context, *, as_json: Json = False) -> None:
        """List the signing keys, the newest first: since when, and which one is in use or retired."""
        if context.invoked_subcommand is not None:
            return
        with archive(find_place, as_json=as_json) as (_, client):
            found = client.keys()
        if as_json:
            terminal.show_json([terminal.plain(key) for key in found])
        else:
            for key in found:
                typer.echo(_line(key))

    @group.command()
    def retire(
        kid: Annotated[str, typer.Argument(metavar="KID", help="Id of the key, as `artstore keys` prints it.")],
        *,
        replace: Annotated[
            bool, typer.Option("--replace", help="Also the key in use: a new one takes its place; all sign in anew.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """End a key for ever: every link, ticket and sign-in that it has signed is refused from now on."""
        with archive(find_place, as_json=as_json) as (_, client):
            key = client.retire_key(kid, replace=replace)
        if as_json:
            terminal.show_json(terminal.plain(key))
        else:
            typer.echo(_line(key))


def _line(key: KeyBody) -> str:
    state = f"retired {key.retired_at.isoformat()}" if key.retired_at else "in use" if key.in_use else "believed"
    return f"{key.kid}  since {key.active_from.isoformat()}  {state}"
