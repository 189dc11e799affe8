"""How the pages look and weigh: axe, two widths, two appearances, the first view, and ten thousand documents."""

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Route

from tests.archive import Archive
from tests.e2e.browsing import NARROW, WIDE, Visitor
from tests.stacks import Stack

FIRST_VIEW_BYTES_MAX = 250_000
ROWS_MAX = 60
COUNT = 10_000


@pytest.fixture(scope="module")
def pages(stack: Stack) -> Sequence[str]:
    """Return the address of every page, with something on each."""
    text = "Опись рукописей\n".encode()
    with Archive(stack) as archive:
        upload = archive.announce("Опись.txt", len(text), title="Опись рукописей", tags=["фонд-7"]).json()
        archive.put(upload, text)
        archive.finished(upload["operation_id"])
    document, operation = upload["document_id"], upload["operation_id"]
    plain = ("/uploads", "/search?q=опись", "/search?q=нетничего", "/documents", "/elements", "/operations")
    return (
        *plain,
        f"/documents/{document}",
        f"/operations/{operation}",
        "/documents/00000000-0000-7000-8000-000000000000",
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_no_page_has_a_serious_fault_or_runs_over_its_edge(
    inside: Visitor, pages: Sequence[str], theme: str, width: str, tmp_path: Path
) -> None:
    inside.page.set_viewport_size(WIDE if width == "wide" else NARROW)
    inside.page.evaluate("(theme) => localStorage.setItem('artstore.theme', theme)", theme)
    faults: list[str] = []
    for number, path in enumerate(pages):
        inside.open(path)
        inside.page.wait_for_load_state("networkidle")
        inside.page.screenshot(path=tmp_path / f"{number}-{width}-{theme}.png", full_page=True)
        over = inside.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        faults += [f"{path}: {fault}" for fault in inside.faults()]
        faults += [f"{path}: {over} pixels over the edge"] if over > 0 else []
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_of_signing_in_and_the_help_have_no_serious_fault(
    visitor: Visitor, theme: str, tmp_path: Path
) -> None:
    visitor.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    visitor.open("/sign-in")
    visitor.see("sign-in")
    visitor.page.screenshot(path=tmp_path / f"sign-in-{theme}.png")
    assert visitor.faults() == []
    visitor.page.keyboard.press("?")
    visitor.page.locator("dialog[open]").wait_for()
    assert visitor.faults() == []


def test_the_first_view_weighs_at_most_a_quarter_of_a_megabyte(visitor: Visitor) -> None:
    session = visitor.page.context.new_cdp_session(visitor.page)
    session.send("Network.enable")
    arrived: list[float] = []
    session.on("Network.loadingFinished", lambda event: arrived.append(event["encodedDataLength"]))
    visitor.open("/")
    visitor.see("sign-in")
    visitor.page.wait_for_load_state("networkidle")
    assert 0 < sum(arrived) <= FIRST_VIEW_BYTES_MAX


def test_of_ten_thousand_documents_only_what_is_seen_stands_in_the_page(inside: Visitor) -> None:
    inside.page.route("**/api/v1/documents?*", _some)
    inside.open("/documents")
    box = inside.see("documents")
    inside.page.locator("[data-row]").first.wait_for()
    most, seen = 0, 0
    while seen < COUNT:
        most = max(most, inside.page.locator("[data-row]").count())
        box.evaluate("(box) => { box.scrollTop = box.scrollHeight }")
        inside.page.wait_for_function("(seen) => document.querySelector('.rows ul').clientHeight > seen", arg=seen * 64)
        seen = int(box.locator("ul").evaluate("(list) => list.clientHeight")) // 64
    box.evaluate("(box) => { box.scrollTop = box.scrollHeight }")
    inside.page.get_by_text(f"Документ {COUNT - 1}", exact=True).wait_for()
    assert (most <= ROWS_MAX, seen) == (True, COUNT)


def _some(route: Route) -> None:
    """Answer a page of the list as the gateway would that holds ten thousand."""
    begin = int(parse_qs(urlsplit(route.request.url).query).get("cursor", ["0"])[0])
    end = begin + 100
    items = [_document(number) for number in range(begin, end)]
    body = {"items": items, "next_cursor": str(end) if end < COUNT else None}
    route.fulfill(content_type="application/json", body=json.dumps(body))


def _document(number: int) -> dict[str, object]:
    return {
        "document_id": f"00000000-0000-7000-8000-{number:012}",
        "version": 1,
        "filename": f"{number}.txt",
        "title": f"Документ {number}",
        "size": number,
        "media_type": "text/plain",
        "sha256": "0" * 64,
        "document_class": "",
        "tags": [],
        "custom": {},
        "element_id": "hot",
        "mode": "edit",
        "retention": {"class": "permanent", "until": None},
        "created_at": "2026-11-24T10:00:00Z",
        "created_by": {"subject": "s", "login": "anna", "full_name": "Анна"},
        "updated_at": "2026-11-24T10:00:00Z",
        "attr_seq": 1,
    }
