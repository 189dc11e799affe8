"""The verdict on content: a pure function from its first bytes to a media type, or to a refusal by policy."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import ConfigurationInvalid, TypeRefused
from storage_agent.executables import KINDS, executable_kind
from storage_agent.media_types import media_type_of

HEAD_BYTES = 8 * 1024
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")


@dataclass(frozen=True)
class Policy:
    """Which kinds of executables are refused: some of elf, pe, mach-o, script."""

    refused: frozenset[str]

    @classmethod
    def of(cls, kinds: Iterable[str]) -> "Policy":
        """Return the policy that refuses `kinds`; ConfigurationInvalid names those that are unknown."""
        refused = frozenset(kinds)
        unknown = sorted(refused - set(KINDS))
        if unknown:
            known = ", ".join(KINDS)
            msg = f"The policy names unknown kinds: {', '.join(unknown)}. Known are: {known}."
            raise ConfigurationInvalid(msg)
        return cls(refused)


@dataclass(frozen=True)
class Verdict:
    """What the content is: the sniffed type, and the declared one as it was given."""

    media_type: str
    declared_media_type: str | None


def inspect(head: bytes, declared: str | None, filename: str, policy: Policy) -> Verdict:
    """Judge content by its first `HEAD_BYTES` (fewer only when there are no more).

    The sniffed type wins over the declared one; declared type and file name only refine it. TypeRefused when the
    policy refuses what the bytes are, whatever they are called.
    """
    kind = executable_kind(head)
    if kind is not None and kind in policy.refused:
        msg = f"The content is an executable ({kind}: {KINDS[kind]}), which the archive's policy refuses."
        raise TypeRefused(msg)
    media_type = media_type_of(head, _normal(declared), filename, cut=len(head) >= HEAD_BYTES)
    return Verdict(media_type, declared)


def _normal(declared: str | None) -> str | None:
    """Return a declared type in lower case without parameters, or None when it is no media type (RFC 9110, 8.3.1)."""
    bare = (declared or "").split(";", 1)[0].strip().lower()
    return bare if _MEDIA_TYPE.fullmatch(bare) else None
