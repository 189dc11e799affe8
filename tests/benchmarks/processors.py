"""Processor time of process trees, read from /proc: who paid for what was measured."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
UTIME, PPID = 11, 1  # after the name in /proc/<pid>/stat


@dataclass(frozen=True)
class Reading:
    """Processor seconds of named process trees since they began; children that have ended are counted in."""

    seconds: Mapping[str, float]

    @classmethod
    def of(cls, roots: Mapping[str, int]) -> Self:
        stats = _stats()
        return cls(
            {
                name: sum(_seconds(stats[pid]) for pid in _tree(pid, stats, roots.values()))
                for name, pid in roots.items()
            }
        )

    def since(self, before: "Reading") -> dict[str, float]:
        """Return what was spent between two readings."""
        return {name: max(value - before.seconds.get(name, 0.0), 0.0) for name, value in self.seconds.items()}


def _stats() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            # The name in brackets may hold blanks and brackets itself.
            found[int(folder.name)] = text.rpartition(")")[2].split()
    return found


def _tree(root: int, stats: Mapping[int, list[str]], roots: Collection[int]) -> list[int]:
    """Return the processes of one tree; where another one that is read begins, it ends."""
    tree, size = {root} & stats.keys(), 0
    while len(tree) > size:
        size = len(tree)
        tree |= {pid for pid, fields in stats.items() if int(fields[PPID]) in tree and pid not in roots}
    return sorted(tree)


def _seconds(fields: list[str]) -> float:
    return sum(int(ticks) for ticks in fields[UTIME : UTIME + 4]) / TICKS
