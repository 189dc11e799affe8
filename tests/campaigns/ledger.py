"""The ledger of campaigns: one table each, and every whole run appends its line, whatever it came to."""

from datetime import UTC, datetime
from pathlib import Path

LEDGER = Path(__file__).with_name("LEDGER.md")


def note(title: str, *cells: object, path: Path = LEDGER) -> None:
    """Append a line, with the time before its cells, to the last table below the heading `# title`."""
    row = f"| {datetime.now(UTC):%Y-%m-%d %H:%M} | {' | '.join(str(cell) for cell in cells)} |"
    lines = path.read_text(encoding="utf-8").splitlines()
    heading = next(number for number, line in enumerate(lines) if line.lstrip("#").strip() == title)
    after = (number for number, line in enumerate(lines) if number > heading and line.startswith("#"))
    end = next(after, len(lines))
    last = max(number for number, line in enumerate(lines[:end]) if line.startswith("|"))
    path.write_text("\n".join([*lines[: last + 1], row, *lines[last + 1 :]]) + "\n", encoding="utf-8")
