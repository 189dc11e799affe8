"""The verdict on content: executables refused whatever they are called, types sniffed, names only as hints."""

import io
import json
import struct
import zipfile

import puremagic
import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.errors import ConfigurationInvalid, TypeRefused
from storage_agent import media_types
from storage_agent.inspection import HEAD_BYTES, Policy, inspect

ALL = Policy.of(("elf", "pe", "mach-o", "script"))
NONE = Policy.of(())
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0"
JAVA = b"\xca\xfe\xba\xbe" + struct.pack(">HH", 0, 61) + bytes(40)


def a_pe(offset: int = 0x80, signature: bytes = b"PE\0\0") -> bytes:
    head = b"MZ" + bytes(0x3A) + struct.pack("<I", offset)
    return head + bytes(max(0, offset - len(head))) + signature + bytes(40)


EXECUTABLES = {
    "elf": b"\x7fELF\x02\x01\x01" + bytes(50),
    "pe": a_pe(),
    "pe, header near": a_pe(0x40),
    "pe, header behind what is read": a_pe()[:0x3C] + struct.pack("<I", 0x20000) + bytes(HEAD_BYTES - 0x40),
    "ne": a_pe(signature=b"NE\0\0"),
    "mach-o 32": b"\xfe\xed\xfa\xce" + bytes(30),
    "mach-o 64 little": b"\xcf\xfa\xed\xfe" + bytes(30),
    "mach-o fat": b"\xca\xfe\xba\xbe" + struct.pack(">I", 2) + bytes(40),
    "mach-o fat 64": b"\xca\xfe\xba\xbf" + struct.pack(">I", 2) + bytes(40),
    "shebang": b"#!/bin/sh\necho\n",
    "shebang with blanks": b"#! \t/usr/bin/env python3\n",
    "shebang behind a mark": b"\xef\xbb\xbf#!/bin/sh\n",
}


@pytest.mark.parametrize("name", EXECUTABLES)
@pytest.mark.parametrize(("declared", "filename"), [(None, "a"), ("image/png", "a.png"), ("text/plain", "a.txt")])
def test_an_executable_is_refused_whatever_it_is_called(name: str, declared: str | None, filename: str) -> None:
    with pytest.raises(TypeRefused):
        inspect(EXECUTABLES[name], declared, filename, ALL)


@pytest.mark.parametrize("name", EXECUTABLES)
def test_another_policy_lets_them_in(name: str) -> None:
    inspect(EXECUTABLES[name], None, "a", NONE)


@pytest.mark.parametrize(
    "head",
    [
        JAVA,
        b"MZ is how this letter begins, and it goes on for more than sixty-four letters, as letters do.",
        b"#![allow(dead_code)]\nfn main() {}\n",
        b"# !not a shebang\n",
        b"#!\n",
        b"MZ",
        b"\x7fEL",
        "МЗ".encode("cp1251") * 100,
    ],
)
def test_what_only_looks_like_one_is_taken(head: bytes) -> None:
    inspect(head, None, "a", ALL)


def test_java_is_not_mistaken_for_a_fat_binary() -> None:
    assert inspect(JAVA, None, "A.class", ALL).media_type == "application/java-vm"


@pytest.mark.parametrize(
    ("head", "declared", "filename", "expected"),
    [
        (b"", None, "a", "application/octet-stream"),
        (b"", "text/csv", "a", "text/csv"),
        (b"", None, "a.md", "text/markdown"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "text/plain", "a.txt", "application/pdf"),
        (PNG, "text/html", "a.html", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\0\1", None, "a", "image/jpeg"),
        (b"GIF89a\1\0\1\0\0\0\0", None, "a", "image/gif"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\3", None, "a", "application/gzip"),
        ("Просто слова".encode(), "image/png", "a.png", "text/plain"),
        ("Просто слова".encode("cp1251"), None, "a.txt", "text/plain"),
        ("Просто слова".encode("koi8-r"), None, "a", "text/plain"),
        ("Просто слова".encode("utf-16"), None, "a", "text/plain"),
        ("Просто слова".encode("utf-16-le"), None, "a", "text/plain"),
        (b"\xef\xbb\xbf# Title", "text/markdown; charset=utf-8", "a", "text/markdown"),
        (b"# Title", None, "README.MD", "text/markdown"),
        (b"<!DOCTYPE html>\n<p>", None, "a.txt", "text/html"),
        (b"<!-- a --><!-- b -->\n<html lang=ru>", None, "a", "text/html"),
        (b"<p>fragment</p>", "text/html", "a", "text/html"),
        (b"no markup at all", "text/html", "a.html", "text/plain"),
        (b"a;b\n1;2\n", None, "a.csv", "text/csv"),
        (b'{"a": 1}', None, "a", "application/json"),
        (b'{"a": 1', None, "a", "text/plain"),
        (b'{"a": 1', None, "a.json", "application/json"),
        (b"words", "application/json", "a.json", "text/plain"),
        (b"<?xml version='1.0'?><svg/>", None, "a.svg", "image/svg+xml"),
        (b"<?xml version='1.0'?><a/>", None, "a", "application/xml"),
        (b"\0\1\2\3\4\5", "application/x-own", "a", "application/x-own"),
        (b"\0\1\2\3\4\5", "text/plain", "a.txt", "application/octet-stream"),
        (b"\0\1\2\3\4\5", "no type", "a", "application/octet-stream"),
    ],
)
def test_the_content_decides_and_the_hints_refine(
    head: bytes, declared: str | None, filename: str, expected: str
) -> None:
    verdict = inspect(head, declared, filename, ALL)
    assert (verdict.media_type, verdict.declared_media_type) == (expected, declared)


def test_a_package_is_what_its_name_says_and_else_a_zip() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as package:
        package.writestr("word/document.xml", "<w/>")
    head = stream.getvalue()
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert inspect(head, None, "a.docx", ALL).media_type == word
    assert inspect(head, None, "a", ALL).media_type == "application/zip"
    assert inspect(head, "text/plain", "a.txt", ALL).media_type == "application/zip"


def test_an_unknown_kind_in_the_policy_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationInvalid, match="java"):
        Policy.of(("elf", "java"))


def test_a_character_cut_at_the_end_of_the_head_is_still_text() -> None:
    head = ("x" + "ы" * HEAD_BYTES).encode()[:HEAD_BYTES]
    assert inspect(head, None, "a", ALL).media_type == "text/plain"


def test_many_comments_do_not_slow_the_verdict() -> None:
    assert inspect(b"<!---->" * 1170, None, "a", ALL).media_type == "text/plain"


@given(some.binary(max_size=300), some.none() | some.text(max_size=20), some.text(max_size=20))
def test_every_content_gets_a_verdict(head: bytes, declared: str | None, filename: str) -> None:
    media_type = inspect(head, declared, filename, NONE).media_type
    assert "/" in media_type
    assert media_type.isascii()


@given(some.recursive(some.text() | some.integers(), some.lists, max_leaves=5))
def test_short_json_lists_are_known_by_their_form(value: object) -> None:
    if isinstance(value, list):
        head = json.dumps(value).encode()
        assert len(head) >= HEAD_BYTES or inspect(head, None, "a", ALL).media_type == "application/json"


def test_the_first_look_at_content_hides_no_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    heads = [bytes(row.offset) + row.byte_match + b"\x00\xff" for row in puremagic.magic_header_array[::7]]
    quick = [inspect(head, None, "x", NONE).media_type for head in heads]
    monkeypatch.setattr(media_types, "_may_be_signed", lambda _: True)
    assert [inspect(head, None, "x", NONE).media_type for head in heads] == quick
    assert len(set(quick)) > len(heads) / 10
