"""Generated requests to every route of gateway and agent: no answer is a fault of ours, every refusal is a problem.

A slice runs with the other tests. `ARTSTORE_TESTS_REQUESTS=500 make test ARGS="-rP tests/hostile/test_requests.py"`
sends so many to every route, and shows how they were answered.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from api_gateway.ports import Operation
from schemas.identifiers import new_id
from tests.agents import SECRET, Plane, a_plane, path_of
from tests.builders import NOW
from tests.unit.api_gateway.edge import Edge, cheap_passwords, signing_key

SLICE = 25
Answers = list[tuple[str, httpx2.Response]]
SPECIFICATION = "/api/openapi.json"
PROBLEM = "application/problem+json"
TITLE = "Опись"
DATA = b"\x00some bytes"
ENDED = Operation(new_id(NOW), "upload", "succeeded", "text", NOW, found=True, finished_at=NOW)


def wanted() -> int:
    """Return how many requests every route is asked."""
    return int(os.environ.get("ARTSTORE_TESTS_REQUESTS", SLICE))  # noqa: TID251 - asked of the tests, not of the product


def generated(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Return as many values as wanted that Hypothesis makes; the same ones in every run."""
    found: list[Any] = []

    @settings(
        max_examples=wanted(),
        phases=(Phase.generate,),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(value: object) -> None:
        found.append(value)

    keep()
    return found


def faults(answers: Answers) -> list[str]:
    """Return what was answered by a fault, or refused in a form that clients cannot read."""
    return [f"{asked}: {answer.status_code} {answer.text[:200]}" for asked, answer in answers if not is_sound(answer)]


def tell(route: str, answers: Answers) -> None:
    counts = Counter(answer.status_code for _, answer in answers)
    told = ", ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
    sys.stdout.write(f"{route} | {len(answers)} | {told}\n")


def is_sound(answer: httpx2.Response) -> bool:
    if answer.status_code < 400:
        return True
    if answer.status_code >= 500 or answer.headers.get("Content-Type") != PROBLEM:
        return False
    # An answer to HEAD has the headers of its problem and no body.
    problem = answer.json() if answer.content else {"status": answer.status_code, "code": "", "trace_id": ""}
    return bool(problem["status"] == answer.status_code and {"code", "trace_id"} <= set(problem))


def described() -> dict[str, Any]:
    """Return the operations of the gateway's own description, by method and path."""
    app = Edge().http._transport.app  # type: ignore[attr-defined]
    found = list(schemathesis.openapi.from_asgi(SPECIFICATION, app).get_all_operations())
    operations = [each.ok() for each in found if isinstance(each, Ok)]
    assert len(operations) == len(found)
    return {f"{operation.method.upper()} {operation.path}": operation for operation in operations}


# What a server in front of the application lets through: visible ASCII and bytes above it.
HEADER_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=40)
ODD_HEADERS: st.SearchStrategy[dict[str, str]] = st.one_of(
    st.just({}),
    st.dictionaries(
        st.sampled_from(
            [
                "Accept",
                "Content-Type",
                "Cookie",
                "Forwarded",
                "If-None-Match",
                "Origin",
                "Prefer",
                "Range",
                "traceparent",
            ]
        ),
        HEADER_TEXT,
        max_size=2,
    ),
)
AUTHORIZATIONS = st.sampled_from([*["genuine"] * 9, "", "Bearer", "Bearer a.b.c", "Basic YTpi"])


def cases_of(route: str) -> st.SearchStrategy[tuple[Any, dict[str, str], str]]:
    """Return requests as they are described and as they must not be, with odd headers and odd credentials."""
    operation = described()[route]
    ways = [operation.as_strategy()]
    if operation.body or any(operation.iter_parameters()):
        ways.append(operation.as_strategy(GenerationMode.NEGATIVE))
    return st.tuples(st.one_of(ways), ODD_HEADERS, AUTHORIZATIONS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("route", described())
async def test_no_request_to_the_gateway_is_answered_by_a_fault_or_by_anything_but_a_problem(route: str) -> None:
    edge = Edge(passwords=cheap_passwords())
    document_id = edge.add_document(TITLE).body.document_id
    known = {"document_id": document_id, "operation_id": ENDED.operation_id, "kid": signing_key().kid}
    edge.views.operations[ENDED.operation_id] = ENDED
    token = edge.headers("administrator")["Authorization"]
    answers = []
    for number, (case, odd, credentials) in enumerate(generated(cases_of(route))):
        if number % 3 == 0:
            case.path_parameters |= {name: known[name] for name in case.path_parameters or {}}
        sent = requests.Request(**_known(case.as_transport_kwargs(base_url="http://gateway"))).prepare()
        headers = {name: _text(value) for name, value in sent.headers.items()} | odd
        headers["Authorization"] = token if credentials == "genuine" else credentials
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        asked = edge.http.build_request(sent.method or "", sent.url or "", headers=raw, content=_bytes(sent.body))
        answers.append((f"{sent.method} {sent.url} {headers} {sent.body!r}", await edge.http.send(asked)))
    tell(route, answers)
    assert len(answers) == wanted()
    assert faults(answers) == []


def _known(arguments: dict[str, Any]) -> dict[str, Any]:
    names = ("method", "url", "headers", "files", "data", "json", "params", "cookies")
    return {name: value for name, value in arguments.items() if name in names}


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(body: object) -> bytes:
    assert body is None or isinstance(body, str | bytes)
    return body.encode("utf-8", "replace") if isinstance(body, str) else body or b""


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with a_plane(tmp_path / "root") as plane:
        yield plane


NUMBERS = st.one_of(st.integers(-2, 40), st.sampled_from([2**31, 2**63, 10**30])).map(str)
RANGES = st.one_of(
    HEADER_TEXT,
    st.tuples(st.sampled_from(["bytes", "BYTES", "lines", ""]), NUMBERS, NUMBERS).map(
        lambda r: f"{r[0]}={r[1]}-{r[2]}"
    ),
)
DIGESTS = st.one_of(HEADER_TEXT, st.sampled_from(["sha-256=:AAAA:", "sha-256=::", "sha-512=:AA==:", "sha-256=:%%:"]))
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Range": RANGES,
        "If-Range": HEADER_TEXT,
        "If-None-Match": HEADER_TEXT,
        "Accept": HEADER_TEXT,
        "Content-Type": HEADER_TEXT,
        "Content-Length": NUMBERS,
        "Content-Range": HEADER_TEXT,
        "Content-Encoding": st.sampled_from(["gzip", "identity", "br, gzip", ""]),
        "Transfer-Encoding": st.sampled_from(["chunked", "gzip"]),
        "Repr-Digest": DIGESTS,
        "Content-Digest": DIGESTS,
        "traceparent": HEADER_TEXT,
    },
)
PLACES = st.one_of(
    st.none(),
    st.tuples(HEADER_TEXT.map(lambda text: text.replace("?", "").replace("#", "")), NUMBERS),
)
ASKED = st.tuples(
    st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]),
    PLACES,
    HEADERS,
    st.sampled_from(["download", "upload", "program", "none", "rubbish"]),
    st.binary(max_size=30),
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", ["content", "attributes", "text"])
async def test_no_request_to_the_agent_is_answered_by_a_fault_or_by_anything_but_a_problem(
    plane: Plane, what: str
) -> None:
    stored = await plane.stored(DATA)
    held, answers = await plane.leftovers(), []
    for method, place, headers, carried, body in generated(ASKED):
        fresh = plane.ticket(DATA)
        target = fresh if method == "PUT" else stored
        bearer = {
            "download": plane.download_ticket(target),
            "upload": plane.signed(target),
            "program": SECRET,
            "none": "",
            "rubbish": "a.b.c",
        }[carried]
        path = path_of(target, what) if place is None else f"/documents/{place[0]}/versions/{place[1]}/{what}"
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        asked = plane.client.build_request(method, "/", content=body)
        asked.url = (
            httpx2.URL(f"http://agent{path}") if place is None else httpx2.URL("http://agent").copy_with(path=path)
        )
        given_names = {name for name, _ in raw}
        kept = [(name, value) for name, value in asked.headers.raw if name.title() not in given_names]
        asked.headers = httpx2.Headers([*kept, *raw, (b"Authorization", f"Bearer {bearer}".encode())])
        answers.append((json.dumps([method, path, headers, carried]), await plane.client.send(asked)))
    tell(f"agent: {what}", answers)
    assert len(answers) == wanted()
    assert faults(answers) == []
    assert await plane.leftovers() == held
