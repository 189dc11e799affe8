"""A small client of the public interface for tests: what a careful integrator would write."""

import base64
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import httpx2

from tests.stacks import Stack, eventually

PROBLEM = "application/problem+json"
JSON = dict[str, Any]


def repr_digest(content: bytes) -> str:
    """Return the RFC 9530 field value of the bytes."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


@dataclass
class Archive:
    """Signed in at the gateway of a stack, as its administrator unless told otherwise.

    Answers are returned as they are; nothing is hidden from a test.
    """

    stack: Stack
    login: str = "admin"
    password: str = ""
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx2.Client(base_url=self.stack.url, timeout=40)
        self.password = self.password or self.stack.admin_password
        with ExitStack() as unless_signed_in:
            unless_signed_in.callback(self.http.close)
            self.sign_in()
            unless_signed_in.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def sign_in(self) -> None:
        form = {"grant_type": "password", "username": self.login, "password": self.password}
        answer = self.http.post("/api/v1/auth/token", data=form)
        for _ in range(30):
            if answer.status_code != 429:
                break
            # Somebody else at this address, as tests of attacks are, has tried too many passwords.
            time.sleep(float(answer.headers["Retry-After"]))
            answer = self.http.post("/api/v1/auth/token", data=form)
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> httpx2.Response:
        return self.http.get(f"/api/v1{path}", params=query, headers=dict(headers or {}))

    def announce(self, filename: str, size: int, *, key: str | None = None, **fields: Any) -> httpx2.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post("/api/v1/uploads", json={"filename": filename, "size": size, **fields}, headers=headers)

    def put(self, upload: JSON, content: bytes, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        wanted = {"Authorization": f"Bearer {upload['ticket']}", **(headers or {})}
        return httpx2.put(upload["upload_url"], content=content, headers=wanted, timeout=60)

    def put_stream(self, upload: JSON, pieces: Iterator[bytes], size: int) -> httpx2.Response:
        """Put a body that is made piece by piece."""
        headers = {"Authorization": f"Bearer {upload['ticket']}", "Content-Length": str(size)}
        return httpx2.put(upload["upload_url"], content=pieces, headers=headers, timeout=120)

    def operation(self, operation_id: str, wait: int = 0) -> JSON:
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        answer = self.get(f"/operations/{operation_id}", headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def finished(self, operation_id: str, seconds: float = 60) -> JSON:
        """Wait until the operation is terminal and return it."""

        def ask() -> JSON | None:
            operation = self.operation(operation_id, wait=5)
            return operation if operation["state"] in {"succeeded", "failed"} else None

        return eventually(ask, seconds, f"operation {operation_id} is not terminal") or {}

    def store(self, filename: str, content: bytes, **fields: Any) -> JSON:
        """Announce, put, wait until found; return the announcement."""
        announced = self.announce(filename, len(content), **fields)
        assert announced.status_code == 201, announced.text
        upload = dict(announced.json())
        committed = self.put(upload, content)
        assert committed.status_code == 200, committed.text
        operation = self.finished(upload["operation_id"])
        assert operation["state"] == "succeeded", operation
        return upload

    def content(self, document_id: str, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        redirect = self.get(f"/documents/{document_id}/content")
        assert redirect.status_code == 307, redirect.text
        return httpx2.get(redirect.headers["Location"], headers=dict(headers or {}), timeout=60)

    def attributes(self, document_id: str) -> bytes:
        answer = self.get(f"/documents/{document_id}/attributes")
        if answer.status_code == 307:
            answer = httpx2.get(answer.headers["Location"], timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.content

    def search(self, words: str, **query: Any) -> list[JSON]:
        answer = self.get("/search", q=words, **query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    def events(self, **query: Any) -> list[JSON]:
        answer = self.get("/events", **query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])
