"""The ledger of campaigns: one table a kind, a row for every whole run, with the commit that it was about."""

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

LEDGER = Path(__file__).with_name("LEDGER.md")


def note(title: str, under_fire: str, cells: Sequence[object], ledger: Path = LEDGER) -> None:
    """Append a row to the table under the heading `title`: date, commit, and the cells; ValueError without it."""
    lines = ledger.read_text(encoding="utf-8").splitlines()
    row = (f"{datetime.now(UTC):%Y-%m-%d %H:%M}", under_fire, *cells)
    place = lines.index(f"## {title}") + 1
    end = next((n for n in range(place, len(lines)) if lines[n].startswith("## ")), len(lines))
    last = max(n for n in range(place, end) if lines[n].startswith("|"))
    lines.insert(last + 1, f"| {' | '.join(str(cell) for cell in row)} |")
    ledger.write_text("\n".join(lines) + "\n", encoding="utf-8")


def commit() -> str:
    """Return the commit that is under fire, marked when there is more than it; lines of the ledger do not count."""
    ours = (":(top)", f":(top,exclude)tests/campaigns/{LEDGER.name}")
    more = _git("status", "--porcelain", "--untracked-files=no", "--", *ours)
    return _git("rev-parse", "--short=7", "HEAD") + ("-dirty" if more else "")


def _git(*arguments: str) -> str:
    asked_git = ["git", *arguments]
    return subprocess.run(asked_git, capture_output=True, text=True, check=False, timeout=10).stdout.strip()


def said(line: str) -> None:
    """Print at once, also into a pipe."""
    print(line, flush=True)  # noqa: T201 - a program that speaks
