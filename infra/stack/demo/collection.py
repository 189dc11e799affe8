"""The demo's documents: the manifest read into frozen values, and the large file made from its seed."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

HERE = Path(__file__).resolve().parent
BLOCK = 2**20

Custom = MappingProxyType[str, str | int | float | bool]


@dataclass(frozen=True)
class DemoDocument:
    """One row of the manifest; `source` names a file of the package, else `seed` says how the bytes are made.

    `filename` is the name on upload: the packaged files keep plain ASCII names, which every archive tool can carry.
    `size` is in bytes, `sha256` is lowercase hex.
    """

    filename: str
    title: str
    document_class: str
    tags: tuple[str, ...]
    custom: Custom
    retention_class: str
    media_type: str
    size: int
    sha256: str
    source: str | None
    seed: str | None

    @property
    def origin(self) -> str:
        """What the bytes come from, the same on every machine."""
        return self.source or f"{self.seed}:{self.size}"


@dataclass(frozen=True)
class DemoSearch:
    """A query and the file name of the one document that it has to find."""

    query: str
    finds: str
    because: str


@dataclass(frozen=True)
class Collection:
    """All that the demo puts and asks."""

    documents: tuple[DemoDocument, ...]
    searches: tuple[DemoSearch, ...]


def load_collection(manifest: Path = HERE / "manifest.json") -> Collection:
    """Read the manifest; a missing field is a KeyError, for it is part of the package."""
    table = json.loads(manifest.read_text(encoding="utf-8"))
    return Collection(
        documents=tuple(_document(row) for row in table["documents"]),
        searches=tuple(DemoSearch(row["query"], row["finds"], row["because"]) for row in table["searches"]),
    )


def bytes_on_disk(document: DemoDocument, home: Path) -> Path:
    """Return the file with the document's bytes; what has a seed is made under `home/demo/` unless it is there."""
    if document.source is not None:
        return HERE / "files" / document.source
    path = home / "demo" / f"{document.sha256[:16]}.bin"
    if not path.is_file() or path.stat().st_size != document.size:
        _generate(document, path)
    return path


def generated_blocks(seed: str, size: int) -> Iterator[bytes]:
    """`size` pseudo-random bytes in blocks of at most 1 MiB: block n is SHAKE-128 (FIPS 202) of `seed:n`."""
    for number, start in enumerate(range(0, size, BLOCK)):
        yield hashlib.shake_128(f"{seed}:{number}".encode()).digest(min(BLOCK, size - start))


def _generate(document: DemoDocument, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        _write_blocks(document, file)
    unfinished.replace(path)


def _write_blocks(document: DemoDocument, file: IO[bytes]) -> None:
    for block in generated_blocks(document.seed or "", document.size):
        file.write(block)
    file.flush()
    os.fsync(file.fileno())


def _document(row: dict[str, Any]) -> DemoDocument:
    frozen = {"tags": tuple(row["tags"]), "custom": MappingProxyType(row["custom"])}
    return DemoDocument(**{"source": None, "seed": None, **row, **frozen})
