"""Sealed attributes, opened once for all folds of a record."""

from functools import lru_cache

from schemas.attributes import Attributes


@lru_cache(maxsize=1)
def opened(attr: bytes) -> tuple[Attributes, str]:
    """Return what the sealed bytes of an `attr.json` say, and their seal. SealBroken unless seal and form are right.

    The folds of one record ask for the same bytes one after the other.
    """
    return Attributes.from_sealed_told(attr)
