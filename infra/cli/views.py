"""Sub-commands about the views and the log: rebuild, diff, topics apply."""

import asyncio
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.terminal import FAILED, OK, PARTIAL, Json, failures_told, show_json, tell
from infra.runtime.kafka import apply_topics, check_topics
from infra.runtime.settings import Settings
from infra.stack.environment import resolve_settings

_PANEL = "Views"


class BuiltFrom(StrEnum):
    """What views can be built from."""

    LOG = "log"
    ATTRIBUTES = "attributes"


Roots = Annotated[
    list[Path] | None,
    typer.Option("--root", help="Root of a storage element; repeat it. All of this home when left out."),
]
From = Annotated[
    BuiltFrom, typer.Option("--from", help="What to build from: the log, or attr.json files on the disks.")
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Swap even if documents of the present views would be missing.")
]
TextSeconds = Annotated[float, typer.Option("--text-seconds", min=0, help="Longest wait for texts before the swap.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=_PANEL)(rebuild)
    app.command(rich_help_panel=_PANEL)(diff)
    topics = typer.Typer(help="The topics of the log.", no_args_is_help=True)
    topics.command("apply")(apply)
    app.add_typer(topics, name="topics", rich_help_panel=_PANEL)


def rebuild(
    source: From = BuiltFrom.LOG,
    root: Roots = None,
    text_seconds: TextSeconds = 60.0,
    *,
    allow_missing: AllowMissing = False,
    as_json: Json = False,
) -> None:
    """Build the views anew beside the live ones, compare, and swap. Exit code 3: something could not be taken in."""
    from projections.rebuild import Plan  # noqa: PLC0415 - the other rooms stay unloaded
    from projections.rebuild import rebuild as build_anew  # noqa: PLC0415 - the same

    plan = Plan(source.value, tuple(root or ()), text_seconds, allow_missing)
    with failures_told(as_json=as_json):
        report = asyncio.run(build_anew(resolve_settings(), plan, tell))
    comparison = asdict(report.comparison) if report.comparison else None
    broken = [str(each) for each in report.broken]
    told = {"broken": broken, "letters": report.letters, "waiting_texts": report.waiting}
    if as_json:
        show_json({"source": source.value, **told, "comparison": comparison, "seconds": round(report.seconds, 3)})
    else:
        for line in broken:
            typer.echo(f"broken: {line}")
        if comparison:
            typer.echo(
                "documents against the views before: " + ", ".join(f"{n} {name}" for name, n in comparison.items())
            )
        if report.letters:
            typer.echo(f"{report.letters} records of the log could not be taken in; they are named above")
        typer.echo(f"rebuilt from {source.value} in {report.seconds:.1f} s, {report.waiting} texts still to come")
    raise typer.Exit(OK if report.whole else PARTIAL)


def diff(root: Roots = None, *, as_json: Json = False) -> None:
    """Compare log, disks and views. Prints nothing and exits 0 when they agree, else one line per difference and 1."""
    from projections.diff import differences  # noqa: PLC0415 - the other rooms stay unloaded

    with failures_told(as_json=as_json):
        lines = asyncio.run(differences(resolve_settings(), root or []))
    if as_json:
        show_json(lines)
    elif lines:
        sys.stdout.write("\n".join(lines) + "\n")
    raise typer.Exit(FAILED if lines else OK)


def apply(*, as_json: Json = False) -> None:
    """Make the topics that are missing; exit code 1 when one that exists is not as declared."""
    with failures_told(as_json=as_json):
        made, wrong = asyncio.run(_applied(resolve_settings()))
    if as_json:
        show_json({"made": made, "differences": wrong})
    else:
        for name in made:
            typer.echo(f"made {name}")
        for line in wrong:
            tell(line)
    raise typer.Exit(FAILED if wrong else OK)


async def _applied(settings: Settings) -> tuple[list[str], list[str]]:
    return await apply_topics(settings.kafka), await check_topics(settings.kafka)
