"""How the pages look and weigh: axe, two widths, two appearances, the first view, and ten thousand documents."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import Route

from tests.archive import Archive
from tests.damaging import DamagedDocument, damaged_document
from tests.e2e.browsing import NARROW, WIDE, Visitor
from tests.e2e.words import said
from tests.stacks import Stack, eventually

FIRST_VIEW_BYTES_MAX = 250_000
TEXT = "Опись рукописей\n".encode()
LONG_NAME = "Опись рукописей и писем, оченьдлинноеимябезединогопробела" * 2


@pytest.fixture(scope="module")
def upload(stack: Stack) -> dict[str, Any]:
    """Return the upload of a document that is found."""
    with Archive(stack) as archive:
        upload: dict[str, Any] = archive.announce(
            "Опись.txt", len(TEXT), title="Опись рукописей", tags=["фонд-7"]
        ).json()
        archive.put(upload, TEXT)
        archive.finished(upload["operation_id"])
    return upload


@pytest.fixture(scope="module")
def document(upload: dict[str, Any]) -> str:
    return str(upload["document_id"])


@pytest.fixture(scope="module")
def pages(upload: dict[str, Any]) -> Sequence[str]:
    """Return the address of every page, with something on each."""
    plain = ("/uploads", "/search", "/search?q=опись", "/search?q=нетничего", "/documents", "/elements", "/operations")
    return (
        *plain,
        "/damages",
        f"/documents/{upload['document_id']}",
        f"/operations/{upload['operation_id']}",
        "/documents/00000000-0000-7000-8000-000000000000",
    )


def go(visitor: Visitor, page: str) -> None:
    """Go to a page by the keyboard."""
    visitor.page.keyboard.press("g")
    visitor.page.keyboard.press(page)


def await_heading(visitor: Visitor, text: str = "") -> None:
    """Wait until a heading with this text has the focus."""
    visitor.page.wait_for_function(
        "(text) => document.activeElement.matches('h1') && document.activeElement.innerText.includes(text)", arg=text
    )


@dataclass(frozen=True)
class Look:
    """One way to look at the pages; `check` takes the picture and keeps what is wrong with it."""

    language: str
    theme: str
    width: str
    folder: Path
    faults: list[str]

    def put_on(self, visitor: Visitor) -> None:
        visitor.page.set_viewport_size(WIDE if self.width == "wide" else NARROW)
        for name, value in (("theme", self.theme), ("language", self.language)):
            visitor.page.evaluate("([name, value]) => localStorage.setItem(`artstore.${name}`, value)", [name, value])
        visitor.page.reload()

    def check(self, visitor: Visitor, name: str) -> None:
        picture = f"{len(list(self.folder.iterdir())):02}-{name}.png"
        visitor.page.screenshot(path=self.folder / picture, full_page=True)
        over = visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        self.faults.extend(f"{name}: {fault}" for fault in visitor.faults())
        if over > 0:
            self.faults.append(f"{name}: {over} pixels over the edge")


@pytest.fixture(params=[("ru", "light"), ("ru", "dark"), ("en", "light"), ("en", "dark")], ids="-".join)
def look(request: pytest.FixtureRequest, tmp_path: Path) -> Look:
    language, theme = request.param
    # The narrow page is read in both languages and appearances, the wide one in one of each.
    width = "narrow" if (language == "ru") == (theme == "light") else "wide"
    return Look(language, theme, width, tmp_path, [])


@pytest.fixture(params=["wide", "narrow"])
def width(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_no_page_has_a_serious_fault_or_runs_over_its_edge(
    inside: Visitor, pages: Sequence[str], look: Look, width: str
) -> None:
    look = replace(look, width=width)
    look.put_on(inside)
    for path in pages:
        inside.open(path)
        inside.page.wait_for_load_state("networkidle")
        look.check(inside, path.strip("/").replace("/", "-").replace("?", "-")[:40])
    assert not look.faults, "\n".join(look.faults)


def test_no_state_of_the_queue_has_a_serious_fault_or_runs_over_its_edge(inside: Visitor, look: Look) -> None:
    look.put_on(inside)
    look.check(inside, "nothing-is-uploaded")
    inside.drop([("найденный.txt", uuid4().hex.encode()), ("отчёт.pdf", b"\x7fELF\x02\x01\x01" + bytes(200))])
    inside.await_uploads("found", 1)
    inside.await_uploads("failed", 1)
    inside.page.route("**/content", lambda _route: None)
    inside.drop([(f"{LONG_NAME}{number}.txt", uuid4().hex.encode()) for number in range(4)])
    inside.await_uploads("sending", 2)
    inside.page.locator('[data-stage="waiting"] button').first.click()
    inside.await_uploads("paused", 1)
    look.check(inside, "a-queue")
    assert not inside.page.evaluate("dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    go(inside, "o")
    inside.see("operation-state")
    look.check(inside, "operations-begun-here")
    inside.page.keyboard.press("?")
    inside.page.locator("dialog[open]").wait_for()
    look.check(inside, "help")
    inside.page.keyboard.press("Escape")
    inside.page.locator("dialog").wait_for(state="detached")
    inside.page.locator('.pill[data-tone="bad"]').wait_for()
    inside.page.get_by_role("link", name="отчёт.pdf").click()
    inside.see("operation", state="failed")
    look.check(inside, "operation-failed")
    assert not look.faults, "\n".join(look.faults)


def test_no_verdict_and_no_problem_has_a_serious_fault_or_runs_over_its_edge(
    inside: Visitor, document: str, look: Look
) -> None:
    look.put_on(inside)
    inside.open(f"/documents/{document}")
    inside.see("verify").click()
    inside.see("verdict", good="true")
    inside.see("seal").click()
    inside.see("seal-verdict", good="true")
    look.check(inside, "verified")
    inside.page.route("**/content", lambda route: route.fulfill(body=b"other bytes"))
    inside.see("verify").click()
    inside.see("verdict", good="false")
    look.check(inside, "damaged")
    away = {"type": "t", "title": "Away", "status": 503, "detail": "It is away.", "code": "database_unavailable"}
    inside.page.route("**/api/v1/**", lambda route: route.fulfill(status=503, json={**away, "trace_id": "0" * 32}))
    for page in ("documents", f"documents/{document}", "elements", "search?q=a"):
        inside.open(f"/{page}")
        inside.see("trace")
        look.check(inside, f"away-{page[:12].replace('?', '-').replace('/', '-')}")
    assert not look.faults, "\n".join(look.faults)


def test_a_link_is_made_copied_and_opened_by_somebody_who_has_not_signed_in(
    inside: Visitor, document: str, look: Look
) -> None:
    look.put_on(inside)
    inside.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    inside.open(f"/documents/{document}")
    inside.see("share").click()
    dialog = inside.page.get_by_role("dialog", name=said(look.language, "link.title"))
    dialog.wait_for()
    look.check(inside, "no-link-yet")
    dialog.get_by_label(said(look.language, "link.day")).check()
    inside.see("make-link").click()
    link = inside.see("link").input_value()
    assert inside.page.evaluate("document.activeElement.dataset.testid") == "make-link"
    assert inside.see("link-who").inner_text().startswith(said(look.language, "link.until"))
    dialog.get_by_role("button", name=said(look.language, "app.copy"), exact=True).click()
    dialog.get_by_role("button", name=said(look.language, "app.copied"), exact=True).wait_for()
    assert inside.page.evaluate("navigator.clipboard.readText()") == link
    look.check(inside, "a-link")
    assert httpx2.get(link, timeout=30).content == TEXT
    inside.press("Escape")
    inside.page.locator("dialog").wait_for(state="detached")
    assert inside.page.evaluate("document.activeElement.dataset.testid") == "share"
    assert not look.faults, "\n".join(look.faults)


@pytest.fixture(scope="module")
def damaged(stack: Stack) -> Iterator[DamagedDocument]:
    """Yield a document whose damage is known to everybody."""
    with Archive(stack) as archive, damaged_document(stack, archive, "повреждённая.txt", b"a damaged list") as document:
        document.flip_a_bit()
        assert archive.content(document.document_id).status_code == 500
        eventually(lambda: _state(archive, document) == "damaged", 30, "nobody tells of the damage")
        yield document
        archive.sign_in()


def _state(archive: Archive, document: DamagedDocument) -> str:
    return str(archive.get(f"/documents/{document.document_id}").json()["integrity"]["state"])


def test_no_word_of_damage_has_a_serious_fault_or_runs_over_its_edge(
    inside: Visitor, damaged: DamagedDocument, look: Look
) -> None:
    look.put_on(inside)
    pages = {f"/documents/{damaged.document_id}": "damage", "/damages": "damage-row", "/elements": "element-damaged"}
    for page, mark in {**pages, "/documents": "row-damaged"}.items():
        inside.open(page)
        inside.see(mark)
        inside.page.wait_for_load_state("networkidle")
        look.check(inside, f"damage-{mark}")
    assert not look.faults, "\n".join(look.faults)


def test_a_damaged_document_is_not_offered_until_its_file_is_back(
    inside: Visitor, stack: Stack, tmp_path: Path
) -> None:
    with Archive(stack) as archive, damaged_document(stack, archive, "список.txt", b"a list of lists") as document:
        document.flip_a_bit()
        assert archive.content(document.document_id).status_code == 500
        eventually(lambda: _state(archive, document) == "damaged", 30, "nobody tells of the damage")
        inside.open("/damages")
        inside.page.get_by_role("link", name="список.txt").click()
        assert "not those that were stored" in inside.see("damage-what").inner_text()
        assert inside.see("download").is_disabled()
        assert "Damage found" in inside.see("trail").inner_text()
        document.put_back()
        inside.see("look-again").click()
        inside.see("damage").first.wait_for(state="detached")
        with inside.page.expect_download() as download:
            inside.see("download").click()
        download.value.save_as(tmp_path / "fetched.txt")
        assert (tmp_path / "fetched.txt").read_bytes() == b"a list of lists"


def test_the_page_of_signing_in_and_the_menu_have_no_serious_fault(visitor: Visitor, look: Look) -> None:
    visitor.open("/sign-in?expired=1")
    look.put_on(visitor)
    # Not the administrator: whose wrong passwords are counted in other tests too.
    visitor.sign_in("not the password", login="nobody")
    visitor.see("problem", code="invalid_credentials")
    look.check(visitor, "wrong-password")
    if look.width == "narrow":
        visitor.page.locator(".navbar-toggler").click()
        visitor.page.locator("#menu:not(.collapsing)").wait_for()
    visitor.see("theme").click()
    look.check(visitor, "menu")
    assert not look.faults, "\n".join(look.faults)


def test_the_day_s_work_needs_no_mouse(visitor: Visitor, stack: Stack, document: str) -> None:
    press, focused = visitor.page.keyboard.press, "document.activeElement.%s"
    visitor.open("/sign-in")
    visitor.page.wait_for_function("() => document.activeElement.id === 'login'")
    visitor.page.keyboard.type("admin")
    press("Tab")
    visitor.page.keyboard.type(stack.admin_password)
    press("Enter")
    await_heading(visitor, "Uploads")
    go(visitor, "d")
    await_heading(visitor, "Documents")
    visitor.page.locator("[data-row]").first.wait_for()
    press("j")
    assert visitor.page.evaluate(focused % "matches('[data-row]')")
    press("Enter")
    await_heading(visitor)
    visitor.page.wait_for_function(
        "() => document.title.endsWith(' · ArtStore') && !document.title.startsWith('Document ')"
    )
    press("/")
    visitor.page.wait_for_function("() => document.activeElement.id === 'words'")
    visitor.page.keyboard.type("опись рукописей")
    press("Enter")
    visitor.see("hits")
    press("ArrowDown")
    press("Enter")
    visitor.see("title")
    visitor.open(f"/documents/{document}")
    visitor.see("title")
    press("Tab")
    assert visitor.page.evaluate(focused % "matches('.skip')")
    press("Enter")
    assert visitor.page.evaluate(focused % "tagName") == "MAIN"


def test_the_trail_names_the_cause_of_everything(inside: Visitor, document: str) -> None:
    inside.open(f"/documents/{document}")
    inside.see("trail")
    happened, causes = inside.see("happening").count(), inside.see("cause").all_inner_texts()
    assert (len(causes), happened > 3) == (happened, True)
    assert "requested by" in causes[0]
    assert not [cause for cause in causes if "artstore" in cause or re.search(r"[0-9a-f]{8}-", cause)]


def test_operations_begun_here_are_still_known_after_a_reload(inside: Visitor) -> None:
    inside.drop([("до перезагрузки.txt", uuid4().hex.encode())])
    inside.await_uploads("found", 1)
    inside.open("/operations")
    inside.page.get_by_role("link", name="до перезагрузки.txt").wait_for()
    inside.page.locator('.pill[data-tone="good"]').wait_for()


def test_a_page_that_is_older_than_an_element_asks_to_be_reloaded(inside: Visitor) -> None:
    def elsewhere(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "upload_url": "http://127.0.0.1:9/content"})

    inside.page.route("**/api/v1/uploads", elsewhere)
    inside.drop([("новый.txt", uuid4().hex.encode())])
    inside.await_uploads("failed", 1)
    inside.see("problem", code="new_element")
    assert "Reload this page" in inside.see("new-element").inner_text()
    assert set(inside.refused()) == {"connect-src"}
    # This refusal is what the test is about; any other stays a complaint.
    inside.page.evaluate("window.refused = []")
    inside.complaints[:] = [one for one in inside.complaints if "127.0.0.1:9" not in one]


def test_the_first_view_weighs_at_most_a_quarter_of_a_megabyte(visitor: Visitor) -> None:
    session = visitor.page.context.new_cdp_session(visitor.page)
    session.send("Network.enable")
    arrived: list[float] = []
    session.on("Network.loadingFinished", lambda event: arrived.append(event["encodedDataLength"]))
    visitor.open("/")
    visitor.see("sign-in")
    visitor.page.wait_for_load_state("networkidle")
    assert 0 < sum(arrived) <= FIRST_VIEW_BYTES_MAX
