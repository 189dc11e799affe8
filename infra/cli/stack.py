"""Sub-commands around the running stack: up, down, status, doctor."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.runtime.settings import load_settings
from infra.stack import doctor as medicine
from infra.stack import launcher, stopping
from infra.stack.status import Row, status_of

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

_REASON_LETTERS = 100
_WIDTH_IN_A_PIPE = 200
_PANEL = "The stack on this machine"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, status, doctor):
        app.command(rich_help_panel=_PANEL)(command)


def up() -> None:
    """Start what is not running, wait until all of it is ready, and leave it running."""
    settings = load_settings()
    typer.echo(f"home         {settings.home}")
    started = launcher.up(settings, typer.echo)
    if started.admin_password:
        typer.echo(f"administrator: login admin, password {started.admin_password}")
        typer.echo(f"(shown once; kept in {settings.home / 'admin-password'} until it is first changed)")


def down() -> None:
    """Stop everything that `up` has started in this home."""
    stopping.down(load_settings(), typer.echo)


def status(*, as_json: AsJson = False) -> None:
    """Show each process: name, pid, start, address, state. Exit code 0 when all is ready, else 3."""
    rows = status_of(load_settings())
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
    else:
        terminal = Console()
        Console(width=None if terminal.is_terminal else _WIDTH_IN_A_PIPE).print(_table(rows))
    if any(row.state not in {"ready", "answers"} for row in rows):
        raise typer.Exit(3)


def _table(rows: list[Row]) -> Table:
    table = Table("name", "provider", "pid", "started", "address", "state", box=None)
    for row in rows:
        state = f"{row.state}: {row.reason[:_REASON_LETTERS]}" if row.reason else row.state
        table.add_row(row.name, row.provider, str(row.pid or "-"), row.started or "-", row.address or "-", state)
    return table


def doctor(*, as_json: AsJson = False) -> None:
    """Look for what could keep the stack from running, and say what to do about it."""
    findings = medicine.examine(load_settings())
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            step = f"\n         -> {finding.next_step}" if finding.next_step else ""
            typer.echo(f"{finding.verdict:<8} {finding.subject}: {finding.detail}{step}")
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(1)
