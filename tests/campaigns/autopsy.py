"""What lies on the disk after a death, read without the product, and held against what was told."""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns.evidence import HOUR, MUST_BE_EMPTY, Fault, Version, read_disk, read_hour, seal_holds
from tests.campaigns.witness import Witness

Stamp = tuple[int, int, int, int]


@dataclass
class Autopsy:
    """Reads one element again and again: what has not been touched since, by its times, is not read twice.

    `whole` reads everything anew, and believes no times.
    """

    root: Path
    _digests: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    _hours: dict[str, tuple[dict[str, str], list[Fault]]] = field(default_factory=dict)
    _judged: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    versions: dict[str, Version] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def tree(self) -> dict[str, str]:
        """Return the digest of every file by its path below the root; "/" ends the names of folders."""
        found: dict[str, str] = {}
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for entry in os.scandir(self.root / folder):
                name = folder + entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{name}/")
                    found[f"{name}/"] = ""
                else:
                    found[name] = self._digest(name, entry)
        return found

    def examine(self, witness: Witness) -> list[Fault]:
        """Judge what is on the disk; only after a recovery, when nothing moves."""
        tree = self.tree()
        found = [*_left_over(tree), *self._element(witness), *self._read_hours(tree)]
        witness.compare_late(self.versions)
        return [*found, *self._promises(witness), *self._strangers(witness), *self._facts(witness)]

    def whole(self, witness: Witness) -> list[Fault]:
        """Read every byte once more, and the journal's own account of how each ticket ended."""
        self._digests.clear()
        self._hours.clear()
        self._told.clear()
        disk = read_disk(self.root)
        found = [*disk.faults, *self.examine(witness)]
        for ticket_id, ends in disk.endings.items():
            if len(ends) > 1:
                found.append(Fault("I8", ticket_id, f"the ticket ended in more than one way: {sorted(ends)}"))
        if {version.document_id: version for version in disk.versions} != self.versions:
            found.append(Fault("I7", str(self.root), "two readings of the disk differ"))
        return found

    def _digest(self, name: str, entry: os.DirEntry[str]) -> str:
        stamp = _stamp(entry.stat(follow_symlinks=False))
        if name not in self._digests or self._digests[name][0] != stamp:
            self._digests[name] = stamp, hashlib.sha256(Path(entry.path).read_bytes()).hexdigest()
        return self._digests[name][1]

    def _element(self, witness: Witness) -> Iterator[Fault]:
        path = self.root / "element.json"
        data = path.read_bytes()
        if not seal_holds(data, "element_sha256"):
            yield Fault("I5", str(path), "seal broken")
            return
        told = json.loads(data)
        witness.see(told["mode"], told["mode_epoch"])

    def _read_hours(self, tree: dict[str, str]) -> Iterator[Fault]:
        """Read the folders of documents in which anything is not as it was when they were read last."""
        hours: dict[str, dict[str, str]] = defaultdict(dict)
        for name, digest in tree.items():
            folder, _, file = name.rpartition("/")
            if HOUR.fullmatch(folder) and file:
                hours[folder][file] = digest
        for folder in self._hours.keys() | hours.keys():
            if folder not in self._hours or self._hours[folder][0] != hours[folder]:
                self._forget(folder)
                found = read_hour(self.root / folder) if folder in hours else ([], [])
                self._hours[folder] = hours[folder], found[1]
                for version in found[0]:
                    self.versions[version.document_id] = version
                    self.places[version.document_id] = folder
            yield from self._hours[folder][1]

    def _forget(self, folder: str) -> None:
        for document_id in [one for one, place in self.places.items() if place == folder]:
            del self.versions[document_id], self.places[document_id]

    def _promises(self, witness: Witness) -> Iterator[Fault]:
        """I1 and its reverse: what was acknowledged is there, what was refused or given up is not."""
        for upload in witness.uploads.values():
            version = self.versions.get(upload.document_id)
            if upload.how == "committed":
                if version is None:
                    yield Fault("I1", upload.document_id, "acknowledged, and not on the disk")
                elif upload.sha256 not in {None, version.sha256}:
                    yield Fault("I1", upload.document_id, "acknowledged with other bytes than the disk has")
            elif upload.how is not None and version is not None:
                yield Fault("I8", upload.document_id, f"{upload.how}, and on the disk")

    def _strangers(self, witness: Witness) -> Iterator[Fault]:
        """Whatever else lies there must be what somebody sent, whole."""
        for document_id in self.versions.keys() - self._judged:
            self._judged.add(document_id)
            upload, version = witness.documents.get(document_id), self.versions[document_id]
            if upload is None or version.sha256 not in upload.possible() or version.size != upload.ticket["size"]:
                yield Fault("I1", document_id, "lies on the disk with bytes that nobody sent")
            elif upload.is_shut_out:
                yield Fault("I13", document_id, "was committed, though the element's mode forbids it")

    def _facts(self, witness: Witness) -> Iterator[Fault]:
        """Truth before talk: what the log was told lies on the disk, to the byte."""
        for document_id in witness.facts.keys() - self._told:
            self._told.add(document_id)
            place = self.places.get(document_id)
            path = self.root / (place or "") / f"{document_id}.v1.attr.json"
            if place is None or path.read_bytes() != witness.facts[document_id][1]:
                yield Fault("I7", document_id, "the log was told what the disk does not have")


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _left_over(tree: dict[str, str]) -> Iterator[Fault]:
    for name in tree:
        is_scratch = name.startswith("journal/") and name.endswith(".tmp")
        if is_scratch or (name.split("/")[0] in MUST_BE_EMPTY and not name.endswith("/")):
            yield Fault("I4", name, "left over")
