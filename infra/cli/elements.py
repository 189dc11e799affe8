"""Sub-commands about a storage element's folder, with nothing else running: verify."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.terminal import FAILED, OK, Json, failures_told, on_one_line, show_json, transfer_bar

if TYPE_CHECKING:
    from storage_agent.verifying import Verdict

_PANEL = "Storage elements"
Folder = Annotated[Path, typer.Argument(metavar="ELEMENT-FOLDER", help="Root of a storage element, or of its copy.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=_PANEL)(verify)


def verify(folder: Folder, *, as_json: Json = False) -> None:
    """Read every file of a storage element and check it. Changes nothing, and needs neither a stack nor settings.

    Prints one line for each fault, then what was seen. Exit code 1 when there is a fault.
    """
    from storage_agent.files import LocalDisk  # noqa: PLC0415 - the other rooms stay unloaded
    from storage_agent.verifying import verify as verified  # noqa: PLC0415 - the same

    with failures_told(as_json=as_json), transfer_bar(quiet=as_json) as bar:
        task = bar.add_task("read", total=None)
        verdict = verified(LocalDisk(), folder.absolute(), lambda read_bytes: bar.advance(task, read_bytes))
    if as_json:
        show_json(_as_plain(verdict))
    else:
        for path, sentence in verdict.faults:
            typer.echo(on_one_line(f"{path}: {sentence}"))
        for line in _summary(verdict):
            typer.echo(line)
    raise typer.Exit(FAILED if verdict.faults else OK)


def _summary(verdict: "Verdict") -> list[str]:
    identity, faults = verdict.identity, len(verdict.faults)
    name = "an element without a name" if identity is None else f"element {identity.name} ({identity.element_id})"
    lines = [f"{name}: {verdict.documents} documents whole, {verdict.bytes} bytes; faults: {faults or 'none'}"]
    if verdict.unsettled:
        lines.append(
            f"{verdict.unsettled} commits stand only in journal/: keep it, and put their files in place by "
            "`artstore checkpoint`, or by starting an agent on the folder"
        )
    if verdict.damaged:
        lines.append(f"the agent has told {verdict.damaged} documents as damaged, and gives none of them")
    if verdict.quarantine:
        lines.append(f"quarantine/ keeps {len(verdict.quarantine)} files, which nobody is given")
    if verdict.staging:
        lines.append(f"staging/ holds {len(verdict.staging)} files of uploads that were not finished")
    return lines


def _as_plain(verdict: "Verdict") -> dict[str, object]:
    identity = verdict.identity
    faults = [{"path": path, "detail": sentence} for path, sentence in verdict.faults]
    element = None if identity is None else identity.model_dump(mode="json", by_alias=True)
    return {**asdict(verdict), "identity": element, "faults": faults}
