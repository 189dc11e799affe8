"""The interface's files at the gateway: pages under a strict policy, assets for ever and compressed, all else a 404."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from api_gateway import openapi
from api_gateway.app import make_app
from api_gateway.ui import NONCE, PAGES, Ui, coding_for, origins, policy, read_assets
from schemas.errors import DatabaseUnavailable
from tests.unit.api_gateway.edge import Edge, assert_problem

INDEX = f'<html><app ngCspNonce="{NONCE}"></app></html>'
ROUTES = Path(__file__).parents[3] / "ui" / "src" / "app" / "app.routes.ts"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
BODIES = {"identity": b"", "br": b"", "gzip": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "index.html": INDEX,
        "main-ABCDEF12.js": "plain",
        "main-ABCDEF12.js.br": "brotli",
        "main-ABCDEF12.js.gz": "gzipped",
        "favicon.svg": "<svg/>",
        "media/upload-ABCDEF12.svg": "<svg/>",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
async def http(edge: Edge, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = make_app(edge.parts, edge.metrics, (), Ui(folder, edge.parts.discovery))
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


@pytest.mark.parametrize("path", [path.format(document_id="1", operation_id="2") for path in PAGES])
async def test_every_page_of_the_interface_begins_at_its_own_address(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_each_page_has_a_nonce_of_its_own_and_the_policy_names_it(http: httpx2.AsyncClient) -> None:
    one, other = [await http.get("/documents") for _ in range(2)]
    nonces = [answer.text.split('"')[1] for answer in (one, other)]
    assert len({*nonces, NONCE}) == 3
    for answer, nonce in zip((one, other), nonces, strict=True):
        assert f"'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]


async def test_pages_may_speak_to_the_gateway_and_to_agents_that_are_known(http: httpx2.AsyncClient) -> None:
    told = (await http.get("/")).headers["Content-Security-Policy"]
    assert "connect-src 'self' http://127.0.0.1:8081;" in told


def test_the_policy_lets_nothing_inline_run_and_nobody_frame_us() -> None:
    told = policy("n", ())
    assert "unsafe" not in told
    for part in ("default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "require-trusted-types-for"):
        assert part in told


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "http://a b/", "http://a;script-src *", None, "", "//x", "ftp://x"]
)
def test_an_address_that_is_no_plain_origin_never_enters_the_policy(address: str | None) -> None:
    assert origins([address]) == ()


def test_origins_are_told_once_and_without_their_paths() -> None:
    assert origins(["http://b:1/x", "https://a", "http://b:1/y"]) == ("http://b:1", "https://a")


@pytest.mark.parametrize(
    ("accepted", "coding", "body"),
    [("gzip, deflate, br", "br", "brotli"), ("gzip", "gzip", "gzipped"), ("br;q=0, gzip;q=0.5", "gzip", "gzipped")],
)
async def test_assets_are_answered_compressed_as_the_browser_takes_them(
    http: httpx2.AsyncClient, accepted: str, coding: str, body: str
) -> None:
    request = http.build_request("GET", "/main-ABCDEF12.js", headers={"Accept-Encoding": accepted})
    answer = await http.send(request, stream=True)
    raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"], raw) == (
        coding,
        "Accept-Encoding",
        body.encode(),
    )
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_who_takes_no_coding_gets_the_plain_bytes() -> None:
    assert [coding_for(accepted, BODIES) for accepted in ("", "identity", "br;q=0")] == ["identity"] * 3


async def test_names_with_a_hash_are_kept_for_ever_and_others_are_not(http: httpx2.AsyncClient) -> None:
    for path in ("/main-ABCDEF12.js", "/media/upload-ABCDEF12.svg"):
        assert "immutable" in (await http.head(path)).headers["Cache-Control"]
    assert "immutable" not in (await http.head("/favicon.svg")).headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/nothing", "/media/..%2findex.html", "/main-ABCDEF12.js.br", "/index.html", "/api/v1/x"]
)
async def test_every_other_address_stays_a_problem(http: httpx2.AsyncClient, path: str) -> None:
    assert_problem(await http.get(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/nothing", "/docments/1", "/documents/1/2", "/index.html", "/apical"])
async def test_people_at_a_mistyped_address_see_the_interfaces_own_page(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    nonce = answer.text.split('"')[1]
    assert nonce != NONCE
    assert f"'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/api/v1/x", "/api", "/api/v1/documents/1/x"])
async def test_below_the_api_nothing_is_a_page(http: httpx2.AsyncClient, path: str) -> None:
    assert_problem(await http.get(path, headers=BROWSER), 404, "not_found")


async def test_only_who_asks_for_a_page_gets_one(http: httpx2.AsyncClient) -> None:
    assert_problem(await http.post("/nothing", headers=BROWSER), 404, "not_found")
    for accepted in ("*/*", "application/json", "text/html;q=0, */*"):
        assert_problem(await http.get("/nothing", headers={"Accept": accepted}), 404, "not_found")


def test_the_gateway_and_the_interface_know_the_same_pages() -> None:
    paths = re.findall(r"(?:\bpage\(|path: )'([^'*]*)',\s*(?:'|pathMatch)", ROUTES.read_text(encoding="utf-8"))
    assert sorted(PAGES) == sorted(re.sub(r":(\w+)", r"{\1}", f"/{path}") for path in paths)


async def test_pages_are_there_while_nobody_can_tell_of_the_agents(edge: Edge, folder: Path) -> None:
    class Away:
        async def elements(self) -> tuple[()]:
            raise DatabaseUnavailable

    app = make_app(edge.parts, edge.metrics, (), Ui(folder, Away()))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway") as client:
        assert (await client.get("/uploads")).status_code == 200


def test_the_compressed_forms_are_no_files_of_their_own(folder: Path) -> None:
    assert set(read_assets(folder)) == {"favicon.svg", "main-ABCDEF12.js", "media/upload-ABCDEF12.svg"}


def test_the_committed_openapi_document_is_what_the_code_says() -> None:
    committed = openapi.DOCUMENT.read_text(encoding="utf-8")
    assert committed == openapi.text(), "write it anew with `make client`, and look at what has changed"
