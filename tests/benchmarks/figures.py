"""Figures: values of several rounds, their median and range, ours as a ratio of the raw program's, and the table."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measured:
    """What one candidate reached in one round: `values` by name, and the processor seconds of both sides."""

    case: str
    who: str
    values: Mapping[str, float]
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    """Per process tree; `client` is the load generator itself."""
    absent: str = ""
    """Why there are no values."""


@dataclass(frozen=True)
class Line:
    """One line of the table: one value of one candidate over all rounds; `ratio` is against the case's raw program."""

    case: str
    who: str
    what: str
    median: float
    low: float
    high: float
    rounds: int
    ratio: float | None
    cpu_server: float
    cpu_client: float


RAW = "raw"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of all lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def lines_of(measured: Sequence[Measured]) -> list[Line]:
    """Sum up the rounds; cases in the order of their first appearance, within them the raw program last."""
    groups: dict[tuple[str, str, str], list[tuple[float, Measured]]] = {}
    for each in sorted(measured, key=lambda one: (one.case, one.who.startswith(RAW), one.who)):
        for what, value in each.values.items():
            groups.setdefault((each.case, each.who, what), []).append((value, each))
    medians = {key: statistics.median(value for value, _ in found) for key, found in groups.items()}
    lines = []
    for (case, who, what), found in groups.items():
        values = [value for value, _ in found]
        raw = medians.get((case, RAW, what))
        client = statistics.median(each.cpu_seconds.get("client", 0.0) for _, each in found)
        whole = statistics.median(sum(each.cpu_seconds.values()) for _, each in found)
        ratio = medians[case, who, what] / raw if raw and who != RAW else None
        lines.append(
            Line(
                case=case,
                who=who,
                what=what,
                median=medians[case, who, what],
                low=min(values),
                high=max(values),
                rounds=len(values),
                ratio=ratio,
                cpu_server=whole - client,
                cpu_client=client,
            )
        )
    return lines


HEAD = ("case", "who", "what", "median", "low", "high", "to raw", "CPU s servers", "CPU s client")


def table(lines: Sequence[Line]) -> str:
    """Return the lines as a table for people."""
    rows = [HEAD, *(_cells(line) for line in lines)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _cells(line: Line) -> tuple[str, ...]:
    ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
    numbers = [f"{value:.4g}" for value in (line.median, line.low, line.high)]
    return (line.case, line.who, line.what, *numbers, ratio, f"{line.cpu_server:.2f}", f"{line.cpu_client:.2f}")


def absences(measured: Sequence[Measured]) -> list[str]:
    """Return who was to be measured in which case and was not, and why."""
    return list(dict.fromkeys(f"{each.case}: {each.who}: {each.absent}" for each in measured if each.absent))


def as_json(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return the lines as JSON, numbers with four significant digits."""
    return [
        {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in asdict(line).items()}
        for line in lines
    ]
