"""Mutations of a request: some know what a request consists of, others only that it is bytes. All drawn from a seed."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

MUTATIONS_MAX = 3
# Where bytes are changed: beyond, there are hardly any but those of bodies.
NEAR_BYTES = 1500
NUMBERS = (
    *(
        b"0",
        b"1",
        b"-1",
        b"+12",
        b"012",
        b"0x0c",
        b"12 ",
        b" 12",
        b"1e3",
        b"12,12",
        b"12, 13",
        b"",
        b"\xd9\xa3",
        b"1_2",
    ),
    *(str(2**power + step).encode() for power in (31, 32, 53, 63, 64) for step in (-1, 0, 1)),
    b"9" * 40,
)
ODD = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\t",
    b" ",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xc3\x28",
    b"%00",
    b"%",
    b":",
)
METHODS = (
    b"GET",
    b"HEAD",
    b"PUT",
    b"POST",
    b"PATCH",
    b"DELETE",
    b"OPTIONS",
    b"CONNECT",
    b"TRACE",
    b"get",
    b"G\tT",
    b"",
)
VERSIONS = (
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"HTTP/1.10",
    b"HTTP/1",
    b"http/1.1",
    b"HTTP/1.1 x",
    b"",
)
TARGETS = (
    *(
        b"/",
        b"*",
        b"",
        b"//",
        b"/..",
        b"/../../etc/passwd",
        b"/%2e%2e/%2e%2e/staging",
        b"/documents//versions//content",
    ),
    *(b"http://other/", b"http://[::1", b"agent:80", b"/?", b"/#", b"/documents/%ff%fe/versions/1/content", b"/health"),
    *(b"/metrics/", b"/documents/" + b"a" * 5000 + b"/versions/1/text", b"/\xd0\xb6", b"/a b", b"/docs", b"/uploads"),
)
VALUES: Mapping[bytes, Sequence[bytes]] = {
    b"Accept": (b"*/*", b"application/json;q=0", b";;;"),
    b"Accept-Encoding": (b"gzip, br, zstd", b"*;q=0", b"identity;q=0, *;q=0"),
    b"Access-Control-Request-Method": (b"PUT", b"PATCH", b"\xff"),
    b"Authorization": (b"", b"Bearer", b"Bearer a.b.c", b"Basic YTpi", b"Bearer " + b"A" * 9000, b"Bearer \xff"),
    b"Connection": (b"close", b"keep-alive", b"Upgrade", b"TE, close", b"Authorization", b"close, keep-alive"),
    b"Content-Digest": (b"sha-256=:AAAA:", b"sha-256=::", b"md5=:AA==:", b"sha-256"),
    b"Content-Encoding": (b"gzip", b"identity", b"br, gzip", b""),
    b"Content-Length": NUMBERS,
    b"Content-Range": (b"bytes 0-11/12", b"bytes */12", b"x"),
    b"Content-Type": (
        b"application/offset+octet-stream",
        b"text/html",
        b"multipart/form-data; boundary=",
        b"a/b; charset=\xff",
        b"",
    ),
    b"Expect": (b"100-continue", b"100-Continue, x", b"200-ok"),
    b"Host": (b"agent", b"other", b"", b"a b", b"\xff", b"[::1]:80", b"agent:99999999"),
    b"If-Match": (b"*", b'"', b"a,b", b'W/"x"'),
    b"If-Modified-Since": (b"Tue, 24 Nov 2026 10:30:15 GMT", b"Tue, 99 Nov 2026 99:99:99 GMT", b"0", b"9" * 30),
    b"If-None-Match": (b"*", b'W/"x"', b'"' * 99, b"\xff"),
    b"If-Range": (b'W/"x"', b"Tue, 24 Nov 2026 10:30:15 GMT", b"\xff"),
    b"If-Unmodified-Since": (b"Sun, 06 Nov 1994 08:49:37 GMT", b"\xff", b"-1"),
    b"Origin": (b"null", b"https://a.example", b"\xff"),
    b"Prefer": (b"respond-async", b"wait=-1", b'"'),
    b"Range": (b"bytes=0-", b"bytes=-0", b"bytes=" + b"0-0," * 900, b"bytes=\xd9\xa3-", b"bytes=1-0", b"bytes==", b"="),
    b"Repr-Digest": (b"sha-256=:%%:", b"sha-256=:AAAA:, sha-256=:BBBB:", b"=", b"sha-256=:" + b"A" * 5000 + b":"),
    b"TE": (b"trailers, deflate", b"chunked"),
    b"Trailer": (b"Content-Length", b"x"),
    b"Transfer-Encoding": (b"chunked", b"gzip, chunked", b"chunked, chunked", b"xchunked", b"identity", b"\x0bchunked"),
    b"Upgrade": (b"h2c", b"websocket", b"\xff"),
    b"Upload-Length": NUMBERS,
    b"Upload-Offset": NUMBERS,
    b"Upload-Metadata": (b"filename", b"filename \xff", b"a b,c d,,", b"filename " + b"QQ==" * 2000),
    b"Upload-Checksum": (
        b"sha256 AAAA",
        b"sha1",
        b"\xff \xff",
        b"sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
        b"sha1 " + b"A" * 9000,
    ),
    b"Upload-Concat": (b"partial", b"final;/a /b", b"final;", b"final;" + b"/../%2e%2e/etc/passwd " * 17),
    b"Upload-Defer-Length": (b"1", b"0"),
    b"Tus-Resumable": (b"1.0.0", b"0.2.2", b""),
    b"Want-Content-Digest": (b"sha-256=1, sha-512=2", b"md5=1", b"=" * 99),
    b"Want-Repr-Digest": (b"sha-256=10", b"sha-256=-1", b"sha-256=99999999999", b"\xff"),
    b"X-HTTP-Method-Override": (b"PATCH", b"DELETE", b"head", b"PUT", b"\xff"),
    b"traceparent": (b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00", b"ff-x", b"\xff"),
    b"tracestate": (b"a=1," * 99, b"\xff"),
}
NAMES = tuple(VALUES)
# What leaves the end of the request where it was.
HARMLESS = tuple(
    name
    for name in NAMES
    if name not in {b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Expect", b"Authorization"}
)


@dataclass
class Shape:
    """A request that has come apart: its first line, its header lines with their ends, and what follows the head."""

    line: list[bytes]
    headers: list[bytes]
    body: bytes
    end: bytes = b"\r\n"

    @classmethod
    def of(cls, request: bytes) -> "Shape":
        """Take apart; whatever it is, `wire` gives the same bytes again unless it has no first line."""
        head, blank, body = request.partition(b"\r\n\r\n")
        first, *rest = head.split(b"\r\n")
        return cls(first.split(b" "), [line + b"\r\n" for line in rest], body, b"\r\n" if blank else b"")

    def wire(self) -> bytes:
        """Return it as bytes."""
        return b"".join([b" ".join(self.line), b"\r\n", *self.headers, self.end, self.body])


def _put_in(chance: random.Random, data: bytes, piece: bytes) -> bytes:
    place = chance.randint(0, min(len(data), NEAR_BYTES))
    return data[:place] + piece + data[place:]


def _method(chance: random.Random, shape: Shape) -> None:
    shape.line[0] = chance.choice(METHODS)


def _version(chance: random.Random, shape: Shape) -> None:
    shape.line[-1] = chance.choice(VERSIONS)


def _target(chance: random.Random, shape: Shape) -> None:
    target = shape.line[1] if len(shape.line) > 1 else b""
    other = chance.choice(TARGETS) if chance.random() < 0.5 else _put_in(chance, target, chance.choice(ODD))
    shape.line[1:-1] = [other]


def _header_more(chance: random.Random, shape: Shape) -> None:
    name = chance.choice(NAMES)
    line = name + b": " + chance.choice(VALUES[name]) + b"\r\n"
    shape.headers.insert(chance.randint(0, len(shape.headers)), line)


def _header_less(chance: random.Random, shape: Shape) -> None:
    if shape.headers:
        del shape.headers[chance.randrange(len(shape.headers))]


def _header_again(chance: random.Random, shape: Shape) -> None:
    if shape.headers:
        shape.headers.append(chance.choice(shape.headers))


def _header_other(chance: random.Random, shape: Shape) -> None:
    """Give a header that is there another value."""
    if shape.headers:
        number = chance.randrange(len(shape.headers))
        name = shape.headers[number].partition(b":")[0]
        values = VALUES.get(name, ODD)
        shape.headers[number] = name + b": " + chance.choice(values) + b"\r\n"


def _header_odd(chance: random.Random, shape: Shape) -> None:
    if shape.headers:
        number = chance.randrange(len(shape.headers))
        shape.headers[number] = _put_in(chance, shape.headers[number], chance.choice(ODD))


def _header_written_otherwise(chance: random.Random, shape: Shape) -> None:
    """Bare ends of lines, folded lines, spaces where none may stand, names in other cases."""
    if shape.headers:
        number = chance.randrange(len(shape.headers))
        line = shape.headers[number]
        name, _, value = line.partition(b":")
        ways = (
            line[:-2] + b"\n",
            line[:-2] + b"\r",
            name + b" :" + value,
            b" " + line,
            name + b":\r\n " + value.lstrip(),
            name.swapcase() + b":\t" + value.strip() + b" \t\r\n",
            name.replace(b"-", b"_") + b":" + value,
        )
        shape.headers[number] = chance.choice(ways)


def _headers_many(chance: random.Random, shape: Shape) -> None:
    count, size = chance.choice(((300, 10), (40, 1000), (1, 70_000), (2, 30_000)))
    shape.headers += [b"X-%d: %s\r\n" % (number, b"x" * size) for number in range(count)]


def _chunked(chance: random.Random, shape: Shape) -> None:
    """Send the body in chunks, rightly or nearly so."""
    shape.headers = [line for line in shape.headers if not line.lower().startswith(b"content-length")]
    shape.headers.append(b"Transfer-Encoding: chunked\r\n")
    body, chunks = shape.body, list[bytes]()
    while body and len(chunks) < 4:
        cut = chance.randint(1, len(body))
        chunks.append(b"%x\r\n%s\r\n" % (cut, body[:cut]))
        body = body[cut:]
    sizes = (b"0", b"000", b"0;a=b", b"-1", b"ffffffffffffffff", b"fffffffffffffffff", b"0x0", b"g", b"", b"0 ", b"1")
    last = b"0" if chance.random() < 0.5 else chance.choice(sizes)
    trailer = chance.choice(
        (b"", b"", b"X: y\r\n", b"Content-Length: 5\r\n", b"bad\r\n", b"X: " + b"y" * 70_000 + b"\r\n")
    )
    shape.body = b"".join(chunks) + last + b"\r\n" + trailer + b"\r\n"


def _body_cut(chance: random.Random, shape: Shape) -> None:
    shape.body = shape.body[: chance.randint(0, len(shape.body))]


def _body_more(chance: random.Random, shape: Shape) -> None:
    shape.body += chance.choice((b"x", b"\r\n", b"x" * 5000, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))


def _ticket(chance: random.Random, shape: Shape) -> None:
    """Change one character of what authorizes."""
    for number, line in enumerate(shape.headers):
        if line.lower().startswith(b"authorization"):
            place = chance.randrange(len(line) - 2)
            shape.headers[number] = line[:place] + bytes([chance.choice(b"AZaz09-_.=~ ")]) + line[place + 1 :]


Structured = Callable[[random.Random, Shape], None]
STRUCTURED: tuple[Structured, ...] = (
    *(_method, _version, _target, _header_more, _header_more, _header_more, _header_less, _header_again),
    *(_header_other, _header_other, _header_odd, _header_written_otherwise, _headers_many, _chunked),
    *(_body_cut, _body_more, _ticket, _ticket),
)


def _near(chance: random.Random, data: bytes) -> int:
    return chance.randrange(min(len(data), NEAR_BYTES))


def _flip(chance: random.Random, data: bytes) -> bytes:
    place = _near(chance, data)
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _insert(chance: random.Random, data: bytes) -> bytes:
    return _put_in(chance, data, chance.choice(ODD) if chance.random() < 0.7 else chance.randbytes(3))


def _delete(chance: random.Random, data: bytes) -> bytes:
    place = _near(chance, data)
    return data[:place] + data[place + chance.randint(1, 20) :]


def _repeat(chance: random.Random, data: bytes) -> bytes:
    place = _near(chance, data)
    piece = data[place : place + chance.randint(1, 200)]
    return data[:place] + piece * chance.choice((2, 2, 50)) + data[place + len(piece) :]


def _cut(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


BYTEWISE: tuple[Callable[[random.Random, bytes], bytes], ...] = (_flip, _flip, _insert, _insert, _delete, _repeat, _cut)


def _header_known(chance: random.Random, shape: Shape) -> None:
    """Say something that any parser reads, beside or instead of what is said."""
    name = chance.choice(HARMLESS)
    line = name + b": " + chance.choice(VALUES[name]) + b"\r\n"
    same = [number for number, each in enumerate(shape.headers) if each.startswith(name)]
    if same and chance.random() < 0.5:
        shape.headers[same[0]] = line
    else:
        shape.headers.append(line)


def _target_known(chance: random.Random, shape: Shape) -> None:
    """Ask for a place next to the one that was asked for."""
    target = shape.line[1]
    ways = (
        target.replace(b"content", chance.choice((b"text", b"attributes", b"content/", b"Content", b"%63ontent"))),
        target.replace(
            b"uploads", chance.choice((b"content", b"uploads/", b"uploads/..", b"Uploads", b"uploads/%2e%2e%2fstaging"))
        ),
        target.replace(b"/1/", chance.choice((b"/2/", b"/0/", b"/-1/", b"/01/", b"/1%2f/", b"/%00/", b"/9999999999/"))),
        target.replace(b"-7", chance.choice((b"-4", b"-", b"%2d7", b"-\xd0"))),
        target + chance.choice((b"?ticket=", b"?ticket=a&ticket=b", b"?%ff=%zz", b"#x", b"?" + b"a" * 8000, b"&a=b")),
    )
    shape.line[1:-1] = [chance.choice(ways)]


def gently_mutated(chance: random.Random, request: bytes) -> bytes:
    """Return `request` changed in ways that leave it one request for most parsers, so that others can follow it."""
    shape = Shape.of(request)
    for _ in range(chance.randint(1, MUTATIONS_MAX)):
        chance.choice(GENTLE)(chance, shape)
    return shape.wire()


GENTLE: tuple[Structured, ...] = (_header_known, _header_known, _header_known, _target_known, _ticket)


def mutated(chance: random.Random, request: bytes, others: Sequence[bytes]) -> bytes:
    """Return `request` changed in one to three ways; `others` lend their other half now and then."""
    for _ in range(chance.randint(1, MUTATIONS_MAX)):
        way = chance.random()
        if way < 0.75:
            shape = Shape.of(request)
            chance.choice(STRUCTURED)(chance, shape)
            request = shape.wire()
        elif way < 0.95 and request:
            request = chance.choice(BYTEWISE)(chance, request)
        else:
            other = chance.choice(others)
            request = request[: chance.randint(0, len(request))] + other[chance.randint(0, len(other)) :]
    return request
