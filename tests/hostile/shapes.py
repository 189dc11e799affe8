"""Requests that two servers could read differently (RFC 9112 sections 6, 7 and 11.2): each may hide another inside.

`{outer}` is the request that everybody sees, `{inner}` the hidden one; both are addresses with the shape's number, and
so is `{uploads}`, where uploads are made that can be resumed. `{document}` and `{ticket}` are let in.
"""

from collections.abc import Iterator
from dataclasses import dataclass

INNER = b"GET {inner} HTTP/1.1\r\nHost: agent\r\n\r\n"
# As long as it is once the address stands in it.
INNER_BYTES = len(INNER.replace(b"{inner}", b"/smuggled/000"))
# What goes past the parser, once a ticket has let it in.
LARGE_BYTES = 300_000
# What a request that follows on the same connection would be swallowed by.
HALF = b"GET {inner} HTTP/1.1\r\nX: "
POST = b"POST {outer} HTTP/1.1\r\nHost: agent\r\n"
LENGTH = b"Content-Length: %d\r\n"
N = LENGTH % INNER_BYTES
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"
# A body that is over at once for who reads chunks, and goes on for who counts bytes.
CHUNKS_THEN_INNER = END + INNER
AFTER_CHUNKS = LENGTH % (len(END) + INNER_BYTES)


@dataclass(frozen=True)
class Shape:
    """One way to be misread. `open`: read rightly, the inner request is one that everybody may see."""

    name: str
    data: bytes
    open: bool = False


def shapes() -> list[Shape]:
    """Return all of them, those first that must show that hidden requests are seen."""
    return [
        Shape("two requests, one after the other", POST + LENGTH % 0 + b"\r\n" + INNER, open=True),
        *_both(),
        *_codings(),
        *_lengths(),
        *_chunks(),
        *_lines(),
        *_heads(),
        *_uploads(),
        *_let_in(),
    ]


def _both() -> Iterator[Shape]:
    yield Shape("CL.TE", POST + AFTER_CHUNKS + CHUNKED + b"\r\n" + CHUNKS_THEN_INNER)
    yield Shape("CL.TE, half a request", POST + LENGTH % (len(END) + 30) + CHUNKED + b"\r\n" + END + HALF)
    chunk = b"%x\r\n" % INNER_BYTES
    yield Shape("TE.CL", POST + LENGTH % len(chunk) + CHUNKED + b"\r\n" + chunk + INNER + b"\r\n" + END)
    yield Shape("TE before CL", POST + CHUNKED + AFTER_CHUNKS + b"\r\n" + CHUNKS_THEN_INNER)
    yield Shape("CL of nothing, and TE", POST + LENGTH % 0 + CHUNKED + b"\r\n" + CHUNKS_THEN_INNER)
    yield Shape("GET with CL.TE", b"GET" + POST[4:] + AFTER_CHUNKS + CHUNKED + b"\r\n" + CHUNKS_THEN_INNER)


def _codings() -> Iterator[Shape]:
    written = {
        "x before chunked": b"Transfer-Encoding: xchunked\r\n",
        "a space before the colon": b"Transfer-Encoding : chunked\r\n",
        "a tab before the colon": b"Transfer-Encoding\t: chunked\r\n",
        "a tab after the colon": b"Transfer-Encoding:\tchunked\r\n",
        "a vertical tab": b"Transfer-Encoding: \x0bchunked\r\n",
        "a form feed": b"Transfer-Encoding:\x0cchunked\r\n",
        "a space before the name": b" Transfer-Encoding: chunked\r\n",
        "folded": b"Transfer-Encoding:\r\n chunked\r\n",
        "folded inside of the name": b"Transfer-\r\n Encoding: chunked\r\n",
        "after a bare LF": b"X: y\nTransfer-Encoding: chunked\r\n",
        "after a bare CR": b"X: y\rTransfer-Encoding: chunked\r\n",
        "a bare LF in the name": b"Transfer-Encoding\n: chunked\r\n",
        "a bare CR in the value": b"Transfer-Encoding: chunked\rX\r\n",
        "NUL at the end": b"Transfer-Encoding: chunked\0\r\n",
        "NUL at the beginning": b"\0Transfer-Encoding: chunked\r\n",
        "in quotation marks": b'Transfer-Encoding: "chunked"\r\n',
        "identity afterwards": b"Transfer-Encoding: chunked, identity\r\n",
        "identity first": b"Transfer-Encoding: identity, chunked\r\n",
        "gzip first": b"Transfer-Encoding: gzip, chunked\r\n",
        "twice in a list": b"Transfer-Encoding: chunked, chunked\r\n",
        "two lines, the first odd": b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
        "two lines, the second odd": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
        "in capitals": b"TRANSFER-ENCODING: CHUNKED\r\n",
        "an underscore": b"Transfer_Encoding: chunked\r\n",
        "a space inside": b"Transfer-Encoding: chun ked\r\n",
        "a parameter": b"Transfer-Encoding: chunked;q=1\r\n",
        "nothing": b"Transfer-Encoding:\r\n",
        "a space that is none": b"Transfer-Encoding: chunked\xa0\r\n",
        "a comma first": b"Transfer-Encoding: ,chunked\r\n",
    }
    for name, line in written.items():
        yield Shape(f"TE.TE, {name}", POST + AFTER_CHUNKS + line + b"\r\n" + CHUNKS_THEN_INNER)
    yield Shape(
        "TE alone, not chunked at the end", POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + CHUNKS_THEN_INNER
    )
    yield Shape("TE alone, unknown", POST + b"Transfer-Encoding: cow\r\n\r\n" + CHUNKS_THEN_INNER)


def _lengths() -> Iterator[Shape]:
    number = b"%d" % INNER_BYTES
    written = {
        "twice, equal": N + N,
        "twice, nothing first": LENGTH % 0 + N,
        "twice, nothing last": N + LENGTH % 0,
        "a list of equal ones": b"Content-Length: %s, %s\r\n" % (number, number),
        "a list of different ones": b"Content-Length: 0, %s\r\n" % number,
        "with a plus": b"Content-Length: +%s\r\n" % number,
        "with a minus": b"Content-Length: -%s\r\n" % number,
        "minus nothing": b"Content-Length: -0\r\n",
        "hexadecimal": b"Content-Length: 0x%x\r\n" % INNER_BYTES,
        "with an exponent": b"Content-Length: %se0\r\n" % number,
        "with zeros in front": b"Content-Length: 0000000000000%s\r\n" % number,
        "a space inside": b"Content-Length: %s %s\r\n" % (number[:1], number[1:]),
        "a space before the colon": b"Content-Length : %s\r\n" % number,
        "a space before the name": b" Content-Length: %s\r\n" % number,
        "folded": b"Content-Length: 0\r\n %s\r\n" % number,
        "NUL at the end": b"Content-Length: %s\0\r\n" % number,
        "a vertical tab": b"Content-Length:\x0b%s\r\n" % number,
        "after a bare LF": b"Content-Length: 0\nContent-Length: %s\r\n" % number,
        "after a bare CR": b"X: y\rContent-Length: %s\r\n" % number,
        "2 to the 64th more": b"Content-Length: %d\r\n" % (2**64 + INNER_BYTES),
        "2 to the 32nd more": b"Content-Length: %d\r\n" % (2**32 + INNER_BYTES),
        "nothing": b"Content-Length:\r\n",
        "with a parameter": b"Content-Length: %s;a=b\r\n" % number,
        "in other digits": "Content-Length: ٤٤\r\n".encode(),
        "an underscore": b"Content_Length: 0\r\n" + N,
        "half of it": LENGTH % (INNER_BYTES // 2),
    }
    for name, lines in written.items():
        yield Shape(f"CL, {name}", POST + lines + b"\r\n" + INNER)


def _chunks() -> Iterator[Shape]:
    whole = b"%x\r\n%s\r\n" % (INNER_BYTES, INNER)
    written = {
        "a size with 0x": b"0x0\r\n\r\n" + INNER,
        "a size with a plus": b"+0\r\n\r\n" + INNER,
        "a size with a minus": b"-0\r\n\r\n" + INNER,
        "a space before the size": b" 0\r\n\r\n" + INNER,
        "no size": b"\r\n\r\n" + INNER,
        "a size of 2 to the 64th": b"10000000000000000\r\n\r\n" + INNER,
        "a size of 2 to the 32nd": b"100000000\r\n\r\n" + INNER,
        "a size with an underscore": b"0_0\r\n\r\n" + INNER,
        "a size that is none": b"g\r\n\r\n" + INNER,
        "a bare LF after the size": b"0\n\n" + INNER,
        "a bare CR after the size": b"0\r\r" + INNER,
        "an extension with a bare LF": b"1;a\nx\r\n0\r\n\r\n" + INNER,
        "an extension with a bare CR": b"0;a\rb\r\n\r\n" + INNER,
        "an extension with NUL": b"0;a\0\r\n\r\n" + INNER,
        "a quoted end of line in an extension": b'0;a="\r\n\r\n"' + INNER,
        "no end of line after the data": b"1\r\nx0\r\n\r\n" + INNER,
        "two bytes too many": b"1\r\nxyz\r\n0\r\n\r\n" + INNER,
        "LF after the data": b"1\r\nx\n0\r\n\r\n" + INNER,
        "an end without its empty line": whole + b"0\r\n",
        "a trailer that is a request line": b"0\r\nGET {inner} HTTP/1.1\r\nHost: agent\r\n\r\n",
        "a trailer with a length": b"0\r\n" + N + b"\r\n",
        "a trailer with a bare LF": b"0\r\nX: y\n\r\n\r\n",
        "a long extension": b"0;" + b"a" * 20_000 + b"\r\n\r\n",
        "a request as the data": whole + END,
    }
    for name, body in written.items():
        yield Shape(f"chunks, {name}", POST + CHUNKED + b"\r\n" + body)


def _lines() -> Iterator[Shape]:
    rest = b"\r\nHost: agent\r\n" + N + b"\r\n" + INNER
    written = {
        "absolute form, another host": b"POST http://other{outer} HTTP/1.1",
        "absolute form with a user": b"POST http://agent@other{outer} HTTP/1.1",
        "two versions": b"POST {outer} HTTP/1.1 HTTP/1.0",
        "no version": b"POST {outer}",
        "version 2": b"POST {outer} HTTP/2.0",
        "version 1.10": b"POST {outer} HTTP/1.10",
        "a space in the address": b"POST {outer} x HTTP/1.1",
        "two spaces": b"POST  {outer}  HTTP/1.1",
        "tabs": b"POST\t{outer}\tHTTP/1.1",
        "a bare CR in the address": b"POST {outer}\rX HTTP/1.1",
        "NUL in the address": b"POST {outer}\0 HTTP/1.1",
        "a whole request line in the address": b"POST {outer}?HTTP/1.1%0d%0aGET%20{inner}%20 HTTP/1.1",
        "a method with a colon": b"POST: {outer} HTTP/1.1",
        "a method in small letters": b"post {outer} HTTP/1.1",
        "empty lines first": b"\r\n\r\nPOST {outer} HTTP/1.1",
        "a bare LF at its end": b"POST {outer} HTTP/1.1\nX: y",
        "a space first": b" POST {outer} HTTP/1.1",
    }
    for name, line in written.items():
        yield Shape(f"line, {name}", line + rest, open=name == "no version")


def _heads() -> Iterator[Shape]:
    old = b"POST {outer} HTTP/1.0\r\nHost: agent\r\nConnection: keep-alive\r\n"
    yield Shape("HTTP/1.0 kept, with TE", old + CHUNKED + b"\r\n" + CHUNKS_THEN_INNER)
    yield Shape("HTTP/1.0 kept, with CL.TE", old + AFTER_CHUNKS + CHUNKED + b"\r\n" + CHUNKS_THEN_INNER)
    yield Shape("HTTP/1.0 kept, with a length", old + N + b"\r\n" + INNER)
    more = {
        "the length is hop by hop": b"Connection: Content-Length\r\n",
        "the host is hop by hop": b"Connection: close, Host\r\n",
        "two hosts": b"Host: other\r\n",
        "a host with a list": b"X-Forwarded-Host: a, b\r\n",
        "expecting": b"Expect: 100-continue\r\n",
        "expecting something else": b"Expect: 100-continue, cow\r\n",
        "upgrade to h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "upgrade to a web socket": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\n",
        "a line without a colon": b"NoColon\r\n",
        "an empty name": b": x\r\n",
        "NUL in a name": b"X\0: y\r\n",
        "NUL in a value": b"X: \0y\r\n",
        "a bare LF in a value": b"X: y\n\r\n",
        "a name of other letters": "Х: y\r\n".encode(),
        "a folded line": b"X: y\r\n z\r\n",
        "trailers announced": b"TE: trailers\r\nTrailer: Content-Length\r\n",
    }
    for name, lines in more.items():
        yield Shape(f"head, {name}", POST + lines + N + b"\r\n" + INNER)
    for method in (b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"DELETE"):
        yield Shape(f"a body with {method.decode()}", method + POST[4:] + N + b"\r\n" + INNER)
    yield Shape("CONNECT with a body", b"CONNECT agent:80 HTTP/1.1\r\nHost: agent:80\r\n" + N + b"\r\n" + INNER)
    yield Shape(
        "upgrade to h2c, and then",
        b"GET" + POST[4:] + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + INNER,
        open=True,
    )
    yield Shape("garbage after the body", POST + LENGTH % 3 + b"\r\nabc\0\xff\r\n\r\n" + INNER)
    yield Shape("bare LF everywhere", (POST + N + b"\r\n").replace(b"\r\n", b"\n") + INNER)
    yield Shape("bare CR everywhere", (POST + N + b"\r\n").replace(b"\r\n", b"\r") + INNER)


def _uploads() -> Iterator[Shape]:
    """Requests of tus, refused for want of a ticket before their bodies are read."""
    spoken = b" HTTP/1.1\r\nHost: agent\r\nTus-Resumable: 1.0.0\r\n"
    kind = b"Content-Type: application/offset+octet-stream\r\n"
    create = b"POST {uploads}" + spoken + b"Upload-Length: %d\r\n" % INNER_BYTES
    patch = b"PATCH {uploads}/x" + spoken + b"Upload-Offset: 0\r\n" + kind
    whole = b"%x\r\n%s\r\n" % (INNER_BYTES, INNER)
    written = {
        "PATCH with CL.TE": patch + AFTER_CHUNKS + CHUNKED + b"\r\n" + CHUNKS_THEN_INNER,
        "PATCH with TE before CL": patch + CHUNKED + LENGTH % 0 + b"\r\n" + CHUNKS_THEN_INNER,
        "PATCH, TE with x before chunked": patch + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS_THEN_INNER,
        "PATCH, gzip and chunked": patch + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS_THEN_INNER,
        "PATCH, an extension with a bare LF": patch + CHUNKED + b"\r\n0;a\n\r\n" + INNER,
        "PATCH, an extension in quotation marks": patch + CHUNKED + b'\r\n0;a="\r\n\r\n"' + INNER,
        "PATCH, a request as a chunk with an extension": patch
        + CHUNKED
        + b"\r\n"
        + whole.replace(b"\r", b";a\r", 1)
        + END,
        "PATCH, a request as its body": patch + N + b"\r\n" + INNER,
        "PATCH, expecting": patch + b"Expect: 100-continue\r\n" + N + b"\r\n" + INNER,
        "POST that stands for PATCH": patch.replace(b"PATCH", b"POST", 1)
        + (b"X-HTTP-Method-Override: PATCH\r\n" + N + b"\r\n" + INNER),
        "POST that stands for HEAD": patch.replace(b"PATCH", b"POST", 1)
        + (b"X-HTTP-Method-Override: HEAD\r\n" + N + b"\r\n" + INNER),
        "creation, a length of the upload alone": create + LENGTH % 0 + b"\r\n" + INNER[:4],
        "creation, a request as its body": create + kind + N + b"\r\n" + INNER,
        "creation with CL.TE": create + kind + AFTER_CHUNKS + CHUNKED + b"\r\n" + CHUNKS_THEN_INNER,
        "a bare LF in Upload-Metadata": create + b"Upload-Metadata: a\n\r\n" + N + b"\r\n" + INNER,
        "a bare CR in Upload-Concat": create + b"Upload-Concat: final;/a\rX: y\r\n" + N + b"\r\n" + INNER,
        "an encoded request in Upload-Concat": create
        + (b"Upload-Concat: final;/a%0d%0a%0d%0aGET%20{inner}\r\n" + N + b"\r\n" + INNER),
        "HEAD with a body": patch.replace(b"PATCH", b"HEAD", 1) + N + b"\r\n" + INNER,
        "DELETE with a body": patch.replace(b"PATCH", b"DELETE", 1) + N + b"\r\n" + INNER,
    }
    for name, data in written.items():
        yield Shape(f"tus, {name}", data)
    yield Shape("tus, two requests", create + LENGTH % 0 + b"\r\n" + INNER, open=True)


def _let_in() -> Iterator[Shape]:
    """Bodies that are read: what follows one is the next request, what is in it is none."""
    head = b" HTTP/1.1\r\nHost: agent\r\nAuthorization: Bearer {ticket}\r\n"
    sends = {
        "PUT": b"PUT {document}/content" + head,
        "creation": b"POST {document}/uploads"
        + head
        + b"Tus-Resumable: 1.0.0\r\nUpload-Length: %d\r\nContent-Type: application/offset+octet-stream\r\n"
        % LARGE_BYTES,
    }
    filled = b"x" * (LARGE_BYTES - INNER_BYTES) + INNER
    for name, sent in sends.items():
        yield Shape(f"let in, {name}, a request as its end", sent + LENGTH % LARGE_BYTES + b"\r\n" + filled)
        yield Shape(
            f"let in, {name}, a request behind it",
            sent + LENGTH % LARGE_BYTES + b"\r\n" + b"x" * LARGE_BYTES + INNER,
            open=True,
        )
        yield Shape(
            f"let in, {name}, a request as its end, in a chunk",
            sent + CHUNKED + b"\r\n%x;a=b\r\n%s\r\n" % (LARGE_BYTES, filled) + END,
        )
        yield Shape(
            f"let in, {name}, chunks that end before", sent + LENGTH % LARGE_BYTES + CHUNKED + b"\r\n" + END + filled
        )
