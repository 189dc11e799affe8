"""Puts a request of the table to a server on a socket, and reads what came back byte by byte."""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.contracts.rfc9110.oracle import Answer, Ends, Resource, answer_to, read_date
from tests.contracts.rfc9110.table import Case

SECONDS = 20.0
CONTENT_RANGE = re.compile(rb"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class Seen:
    """One answer as it came: to which method, status, fields by lower-case name, content."""

    method: str
    status: int
    fields: Mapping[str, str]
    content: bytes

    def answer(self, document: bytes) -> Answer:
        """Return which bytes came, each part compared with the document; AssertionError where one is not its."""
        if self.method == "HEAD":
            assert not self.content
            return Answer(self.status)
        if self.status != 206:
            assert self.status != 200 or self.content == document
            return Answer(self.status)
        kind = self.fields["content-type"]
        if not kind.startswith("multipart/byteranges"):
            ends = _part_of(document, f"bytes {self.fields['content-range'][6:]}".encode(), self.content)
            return Answer(206, (ends,))
        assert "content-range" not in self.fields
        return Answer(206, tuple(_parts(document, self.content, kind.partition("boundary=")[2])), multipart=True)


@dataclass
class Server:
    """A server that has the same documents under paths of its own, by size."""

    port: int
    paths: Mapping[int, str]
    documents: Mapping[int, bytes]
    _resources: dict[int, Resource] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def close(self) -> None:
        self._connection.close()

    def ask(self, case: Case) -> Seen:
        """Put the question, with the validators that this server has given."""
        return self._asked(case.method, case.size, case.filled(self.resource(case.size)))

    def expected(self, case: Case) -> Answer:
        """Return what RFC 9110 says to it."""
        resource = self.resource(case.size)
        return answer_to(case.method, case.filled(resource), resource, datetime.now(UTC))

    def resource(self, size: int) -> Resource:
        """Return the validators of a document; they are asked for once."""
        if size not in self._resources:
            fields = self._asked("HEAD", size, []).fields
            modified = read_date(fields["last-modified"], datetime.now(UTC))
            assert modified is not None
            self._resources[size] = Resource(size, fields["etag"], modified, fields["content-type"])
        return self._resources[size]

    def _asked(self, method: str, size: int, lines: list[tuple[str, str]]) -> Seen:
        try:
            return self._once(method, size, lines)
        except ConnectionError:
            # nginx hangs up after some refusals and does not say so.
            self._connection.close()
            return self._once(method, size, lines)

    def _once(self, method: str, size: int, lines: list[tuple[str, str]]) -> Seen:
        self._connection.putrequest(method, self.paths[size], skip_accept_encoding=True)
        for name, value in lines:
            self._connection.putheader(name, value)
        self._connection.endheaders()
        answer = self._connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Seen(method, answer.status, fields, answer.read())


def _part_of(document: bytes, content_range: bytes, part: bytes) -> Ends:
    found = CONTENT_RANGE.fullmatch(content_range)
    assert found is not None
    first, last = int(found[1]), int(found[2])
    assert int(found[3]) == len(document)
    assert part == document[first : last + 1]
    return first, last


def _parts(document: bytes, content: bytes, boundary: str) -> list[Ends]:
    """Walk over the parts by the lengths that they tell, so that nothing in the bytes can be taken for a boundary."""
    opening, closing = f"--{boundary}\r\n".encode(), f"--{boundary}--\r\n".encode()
    parts: list[Ends] = []
    rest = content.removeprefix(b"\r\n")
    while rest != closing:
        assert rest.startswith(opening)
        head, _, rest = rest.removeprefix(opening).partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n"))
        assert fields[b"content-type"]
        found = CONTENT_RANGE.fullmatch(fields[b"content-range"])
        assert found is not None
        length = int(found[2]) - int(found[1]) + 1
        parts.append(_part_of(document, fields[b"content-range"], rest[:length]))
        assert rest[length:].startswith(b"\r\n")
        rest = rest[length:].removeprefix(b"\r\n")
    return parts
