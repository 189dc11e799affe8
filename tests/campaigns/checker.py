"""The independent checker: promises I1-I8 and I11 about uploads, judged from what disks, log and views say."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.campaigns.evidence import Entry, Evidence, Fault, Stand, Version, seal_holds, version_of

TERMINAL = {"succeeded", "failed"}
NOTHING = hashlib.sha256().digest()


@dataclass(frozen=True)
class Acknowledged:
    """An upload whose PUT was answered 200: what its bytes were, and the digest of what is served now."""

    document_id: str
    sha256: str
    size: int
    served: str | None


@dataclass(frozen=True)
class Saga:
    """One saga as the log tells it: the first record of every version counts."""

    saga_id: str
    steps: tuple[Entry, ...]

    @property
    def last(self) -> Mapping[str, object]:
        return self.steps[-1].fields

    @property
    def stand(self) -> Stand:
        return Stand(_version(self.steps[-1]), str(self.last["status"]))


def judge(evidence: Evidence, acknowledged: Iterable[Acknowledged]) -> list[Fault]:
    """Return every broken promise, sorted; none when all hold."""
    stories = sagas(evidence.log)
    found = [
        *(fault for disk in evidence.disks for fault in disk.faults),
        *_acknowledged(evidence, acknowledged),
        *_the_same_everywhere(evidence),
        *_texts(evidence),
        *_once(evidence),
        *_sagas(evidence, stories),
        *_effects(evidence, stories),
    ]
    return sorted(set(found))


def sagas(log: Iterable[Entry]) -> dict[str, Saga]:
    """Return the sagas of the log by their id."""
    first: dict[str, dict[int, Entry]] = defaultdict(dict)
    for entry in log:
        if entry.type == "SagaAdvanced":
            first[str(entry.fields["meta"]["aggregate_id"])].setdefault(_version(entry), entry)
    return {saga: Saga(saga, tuple(entry for _, entry in sorted(versions.items()))) for saga, versions in first.items()}


def merkle_root(versions: Iterable[Version]) -> str:
    """Return the root of the tree (RFC 6962) over the versions, sorted."""
    leaves = [hashlib.sha256(b"\0" + json.dumps(vars(v), sort_keys=True).encode()).digest() for v in sorted(versions)]
    return _root(leaves).hex()


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) <= 1:
        return leaves[0] if leaves else NOTHING
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + _root(leaves[:left]) + _root(leaves[left:])).digest()


def _version(entry: Entry) -> int:
    return int(entry.fields["meta"]["aggregate_version"])


def _typed(evidence: Evidence, *types: str) -> list[Entry]:
    return [entry for entry in evidence.log if entry.type in types]


def _in_log(evidence: Evidence) -> dict[tuple[str, int], Version]:
    """Fold the facts: per version of a document the attributes with the highest sequence."""
    newest: dict[tuple[str, int], Version] = {}
    for entry in _typed(evidence, "DocumentCommitted"):
        told = version_of(entry.fields["attr"])
        key = (told.document_id, told.version)
        if key not in newest or newest[key].attr_seq < told.attr_seq:
            newest[key] = told
    return newest


def _acknowledged(evidence: Evidence, acknowledged: Iterable[Acknowledged]) -> Iterator[Fault]:
    """I1, and I6: what was answered 200 lies on a disk, stands in log and views, and is served as it was sent."""
    on_disk = {(v.document_id, v.version): v for disk in evidence.disks for v in disk.versions}
    in_views = {(v.document_id, v.version): v for v in evidence.views.versions}
    current = {v.document_id: v for v in evidence.views.documents}
    sources = {"disk": on_disk, "log": _in_log(evidence), "versions": in_views}
    for sent in acknowledged:
        told = {name: rows.get((sent.document_id, 1)) for name, rows in sources.items()}
        told["documents"] = current.get(sent.document_id)
        for name, version in told.items():
            if version is None:
                yield Fault("I1", sent.document_id, f"acknowledged, and nothing in {name}")
            elif (version.sha256, version.size) != (sent.sha256, sent.size):
                yield Fault("I1", sent.document_id, f"acknowledged with other bytes than {name} has")
        if sent.served is None:
            yield Fault("I1", sent.document_id, "acknowledged, and cannot be read")
        elif sent.served != sent.sha256:
            yield Fault("I6", sent.document_id, "other bytes are served than were sent")


def _the_same_everywhere(evidence: Evidence) -> Iterator[Fault]:
    """I7: disks, log and views hold the same versions, by one Merkle root an element."""
    sources = {
        "disk": [v for disk in evidence.disks for v in disk.versions],
        "log": list(_in_log(evidence).values()),
        "views": list(evidence.views.versions),
    }
    for element in sorted({v.element_id for versions in sources.values() for v in versions}):
        of_element = {name: [v for v in rows if v.element_id == element] for name, rows in sources.items()}
        if len({merkle_root(versions) for versions in of_element.values()}) > 1:
            yield from _what_differs({name: set(versions) for name, versions in of_element.items()})
    newest = {v.document_id: v for v in sorted(evidence.views.versions)}
    if set(newest.values()) != set(evidence.views.documents):
        for odd in set(newest.values()) ^ set(evidence.views.documents):
            yield Fault("I7", odd.document_id, "views documents and versions differ")


def _what_differs(sources: Mapping[str, set[Version]]) -> Iterator[Fault]:
    every = frozenset[Version]().union(*sources.values())
    for version in every - every.intersection(*sources.values()):
        holders = [name for name, versions in sources.items() if version in versions]
        yield Fault("I7", version.document_id, f"v{version.version} seq {version.attr_seq} only in {holders}")


def _texts(evidence: Evidence) -> Iterator[Fault]:
    """I7: a text that the log knows can be searched."""
    for entry in _typed(evidence, "TextExtracted"):
        key = (str(entry.fields["meta"]["aggregate_id"]), int(entry.fields["document_version"]))
        if evidence.views.texts.get(key) != entry.fields["text_sha256"]:
            yield Fault("I7", key[0], "the text that the log knows is not in the views")


def _once(evidence: Evidence) -> Iterator[Fault]:
    """I8: one body a version, versions without gaps, one document a name, one fact a version, one end a ticket."""
    places = Counter((v.document_id, v.version) for disk in evidence.disks for v in disk.versions)
    yield from (Fault("I8", key[0], f"v{key[1]} lies {n} times on disks") for key, n in places.items() if n > 1)
    for document_id in {document_id for document_id, _ in places}:
        numbers = sorted(version for found, version in places if found == document_id)
        if numbers != list(range(1, len(numbers) + 1)):
            yield Fault("I8", document_id, f"has versions {numbers}")
    names = Counter(evidence.views.filenames.values())
    yield from (Fault("I8", name, f"{n} documents from one upload") for name, n in names.items() if n > 1)
    yield from _one_fact_each(evidence)
    for ticket, ends in [pair for disk in evidence.disks for pair in disk.endings.items()]:
        if len(ends) > 1:
            yield Fault("I8", ticket, f"the ticket ended in more than one way: {sorted(ends)}")


def _one_fact_each(evidence: Evidence) -> Iterator[Fault]:
    told: dict[tuple[str, ...], set[bytes]] = defaultdict(set)
    for entry in _typed(evidence, "DocumentCommitted", "TextExtracted", "TextUnavailable"):
        meta = entry.fields["meta"]
        told[meta["aggregate_type"], meta["aggregate_id"], str(meta["aggregate_version"])].add(entry.value)
        if entry.type == "DocumentCommitted" and not seal_holds(entry.fields["attr"], "attr_sha256"):
            yield Fault("I5", str(entry), "the attributes in the log are not what was sealed")
    for key, values in told.items():
        if len(values) > 1:
            yield Fault("I8", key[1], f"{len(values)} different facts for {key[0]} version {key[2]}")


def _sagas(evidence: Evidence, stories: Mapping[str, Saga]) -> Iterator[Fault]:
    """I11: every request has its saga, every saga has ended, and everybody agrees on how."""
    for entry in _typed(evidence, "dead letter"):
        yield Fault("I11", str(entry), "a record was given up")
    asked = {str(entry.fields["meta"]["aggregate_id"]) for entry in _typed(evidence, "UploadRequested")}
    yield from (Fault("I11", saga, "was asked for and has no saga") for saga in asked - set(stories))
    yield from (Fault("I7", saga, "its request is not in the views") for saga in asked - evidence.views.requests)
    for saga in stories.values():
        if saga.stand.status not in TERMINAL:
            yield Fault("I11", saga.saga_id, f"has not ended: {saga.stand.status} in {saga.last['step']}")
        if [_version(entry) for entry in saga.steps] != list(range(1, len(saga.steps) + 1)):
            yield Fault("I11", saga.saga_id, "its versions have a gap")
        for name, stands in {"views": evidence.views.sagas, "processor": evidence.views.decided}.items():
            if stands.get(saga.saga_id) != saga.stand:
                yield Fault("I7", saga.saga_id, f"log has {saga.stand}, {name} {stands.get(saga.saga_id)}")
    for entry in _typed(evidence, "SagaAdvanced"):
        counted = stories[str(entry.fields["meta"]["aggregate_id"])].steps
        if not any(entry.value == step.value for step in counted):
            yield Fault("I11", str(entry), "the same step of a saga was decided twice, and differently")


def _effects(evidence: Evidence, stories: Mapping[str, Saga]) -> Iterator[Fault]:
    """I11: a saga that succeeded left one document, one that failed a reason and nothing; all it decided was sent."""
    documents = {document_id for document_id, _ in _in_log(evidence)}
    on_disk = frozenset[str]().union(*(disk.mentioned for disk in evidence.disks))
    sent = {(entry.topic, entry.value) for entry in evidence.log}
    uploads = [saga for saga in stories.values() if saga.last["kind"] == "upload"]
    for saga in uploads:
        document_id, status = str(saga.last["document_id"]), saga.stand.status
        if status == "succeeded" and document_id not in documents:
            yield Fault("I11", saga.saga_id, f"succeeded without its document {document_id}")
        if status == "failed" and document_id in documents:
            yield Fault("I11", saga.saga_id, f"failed, and {document_id} is in the log")
        if status == "failed" and not json.loads(str(saga.last["problem"] or "{}")).get("code"):
            yield Fault("I11", saga.saga_id, "failed without a reason")
        if any(command not in sent for step in saga.steps for command in _outputs(step)):
            yield Fault("I11", saga.saga_id, "a command that was decided was never sent")
    known = {str(saga.last["document_id"]) for saga in uploads}
    yield from (Fault("I11", document_id, "a document without a saga") for document_id in documents - known)
    yield from (Fault("I4", found, "files of what is no document") for found in on_disk - documents)


def _outputs(step: Entry) -> list[tuple[str, bytes]]:
    return [(output["topic"], output["value"]) for output in step.fields["outputs"]]
