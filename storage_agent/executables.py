"""Executables by their first bytes: ELF, PE and its elders, Mach-O, scripts. Pure."""

import re
import struct
from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "elf": "a program or library for Linux or another Unix",
    "pe": "a program or library for Windows or DOS",
    "mach-o": "a program or library for macOS or iOS",
    "script": "a script that begins with #!",
}

PE_OFFSET_AT = 0x3C
# Windows itself refuses a header that lies further behind.
PE_OFFSET_MAX = 0x1000_0000
PE_SIGNATURES = (b"PE\0\0", b"NE", b"LE", b"LX")
MACH_O_THIN = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
MACH_O_FAT = (b"\xca\xfe\xba\xbf", b"\xbf\xba\xfe\xca", b"\xbe\xba\xfe\xca")
CAFE_BABE = b"\xca\xfe\xba\xbe"
# A Java class has its version behind the same magic, 45 at least; a fat binary a count of architectures.
JAVA_VERSION_MIN = 45
# `#![...]` is how a Rust source may begin.
_SHEBANG = re.compile(rb"(?:\xef\xbb\xbf)?#![ \t]*[^\s\[]")


def executable_kind(head: bytes) -> str | None:
    """Return the kind of executable (a key of `KINDS`) that begins with `head`, or None."""
    if head.startswith(b"\x7fELF"):
        return "elf"
    if head.startswith(b"MZ") and _has_pe_header(head):
        return "pe"
    if head.startswith((*MACH_O_THIN, *MACH_O_FAT)) or (head.startswith(CAFE_BABE) and not is_java_class(head)):
        return "mach-o"
    return "script" if _SHEBANG.match(head) else None


def is_java_class(head: bytes) -> bool:
    """Tell a compiled Java class from a fat Mach-O file, which has the same first four bytes."""
    return head.startswith(CAFE_BABE) and len(head) >= 8 and _java_version(head) >= JAVA_VERSION_MIN  # noqa: PLR2004


def _java_version(head: bytes) -> int:
    major: int = struct.unpack_from(">H", head, 6)[0]
    return major


def _has_pe_header(head: bytes) -> bool:
    if len(head) < PE_OFFSET_AT + 4:
        return False
    offset: int = struct.unpack_from("<I", head, PE_OFFSET_AT)[0]
    if offset + 4 <= len(head):
        return head.startswith(PE_SIGNATURES, offset)
    # The header lies behind what was read. Text that happens to begin with MZ has letters there, and no zeros.
    return offset < PE_OFFSET_MAX and b"\0" in head[:PE_OFFSET_AT]
