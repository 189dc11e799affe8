"""A demo collection of four documents, small enough to be put in every test."""

from dataclasses import replace

from infra.stack.demo.collection import Collection, generated_blocks, load_collection
from tests.unit.cli.hashing import hashed

GENERATED_BYTES = 3_000_000
KEPT = {"expedition-diary.txt", "polar-station.txt", "blank-leaf.txt"}


def small_collection() -> Collection:
    """The two searched texts, the empty file, and a generated file of 3 MB."""
    whole = load_collection()
    kept = tuple(document for document in whole.documents if document.source in KEPT)
    large = next(document for document in whole.documents if document.seed is not None)
    size, sha256 = hashed(generated_blocks(str(large.seed), GENERATED_BYTES))
    return replace(whole, documents=(*kept, replace(large, size=size, sha256=sha256)))
