"""A day's work in a real browser, in both languages: in, found, checked, out."""

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from tests.archive import Archive
from tests.e2e.browsing import Visitor
from tests.e2e.words import said
from tests.stacks import Stack

LONG = "Опись рукописей и писем Ёлкина за многие годы " * 3
NAME = f"{LONG[:116]}.txt"
TEXTS = {
    NAME: "В хранилище лежат рукописи Ёлкина. Метка {mark}.\n",
    "letters.md": "# Letters\n\nLetters that nobody has answered, {mark}.\n",
}
# A form of a word that the text holds in another form, and that form.
ASKED = {NAME: ("рукописями", "рукописи"), "letters.md": ("answering", "answered")}


def test_two_files_go_in_are_found_verified_and_come_out_as_they_were(inside: Visitor, language: str) -> None:
    assert len(NAME) == 120
    mark = uuid4().hex
    bodies = {name: text.format(mark=mark).encode() for name, text in TEXTS.items()}
    inside.drop(list(bodies.items()))
    inside.await_uploads("found", 2)
    assert inside.read(said(language, "uploads.stage.found")).count() == 2
    for name, body in bodies.items():
        _find(inside, *ASKED[name], mark)
        assert inside.see("title").inner_text() == name
        _verify(inside, language)
        assert _download(inside) == (name, body)


def _find(visitor: Visitor, asked: str, held: str, mark: str) -> None:
    """Search by keyboard for a word in another form than the text has it, and open what is found."""
    visitor.press("/")
    visitor.page.locator("#words").fill(f"{asked} {mark}")
    hits = visitor.see("hits")
    marked = hits.locator("mark", has_text=held)
    marked.first.wait_for()
    assert hits.locator("li").count() == 1
    hits.locator("a").click()


def _verify(visitor: Visitor, language: str) -> None:
    visitor.see("verify").click()
    assert said(language, "integrity.good") in visitor.see("verdict", good="true").inner_text()
    visitor.see("seal").click()
    visitor.see("seal-verdict", good="true")
    steps = visitor.see("trail").locator("li")
    visitor.until(lambda: steps.count() > 2, 30, "the trail does not tell what has happened")


def _download(visitor: Visitor) -> tuple[str, bytes]:
    with visitor.page.expect_download() as coming:
        visitor.see("download").click()
    return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()


def test_uploads_go_on_while_one_moves_between_pages(inside: Visitor, language: str) -> None:
    inside.hold_bytes()
    inside.drop([(f"{number}.txt", uuid4().hex.encode()) for number in range(5)])
    inside.until(lambda: len(inside.held) == 2, 30, "two files are not being sent")
    inside.press("g", "e")
    inside.see("elements")
    assert inside.see("unfinished").inner_text() == "5"
    inside.let_bytes_through()
    inside.see("unfinished").wait_for(state="detached", timeout=60_000)
    inside.press("g", "u")
    inside.await_uploads("found", 5)
    assert inside.page.locator("h1").inner_text() == said(language, "nav.uploads")


def test_a_paused_upload_waits_and_goes_on(inside: Visitor) -> None:
    inside.hold_bytes()
    inside.drop([("пауза.txt", uuid4().hex.encode())])
    inside.until(lambda: inside.held, 30, "nothing is being sent")
    row = inside.see("upload")
    row.locator("button").first.click()
    inside.await_uploads("paused", 1)
    # The request that was held is gone with the pause.
    inside.held.clear()
    inside.let_bytes_through()
    row.locator("button").first.click()
    inside.await_uploads("found", 1)


def test_the_language_changes_without_a_reload(inside: Visitor) -> None:
    inside.mark_page()
    for tongue in ("ru", "en"):
        inside.see("language").click()
        inside.page.locator(f"button[lang={tongue}]").click()
        inside.page.get_by_role("heading", name=said(tongue, "nav.uploads"), exact=True).wait_for()
        assert inside.page.locator("html").get_attribute("lang") == tongue
    assert inside.is_same_page()


@pytest.fixture(scope="module")
def stored(stack: Stack) -> Mapping[str, str]:
    """Put a document in, and return what its announcement was answered with."""
    with Archive(stack) as archive:
        return archive.store("адреса.txt", "Адреса не меняются.".encode())


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("/documents/{document_id}", "title"),
        ("/operations/{operation_id}", "operation"),
        ("/search?q=адресами", "hits"),
        ("/elements", "elements"),
    ],
)
def test_a_link_from_outside_and_a_reload_lead_to_the_same_page(
    inside: Visitor, stored: Mapping[str, str], address: str, seen: str
) -> None:
    for _ in range(2):
        answer = inside.open(address.format(**stored))
        assert answer is not None
        assert answer.status == 200
        inside.see(seen)


def test_an_address_that_leads_nowhere_is_a_page_that_says_so(visitor: Visitor, language: str) -> None:
    answer = visitor.open("/docments/1")
    assert answer is not None
    assert answer.status == 404
    visitor.read(said(language, "problem.page_not_found"))


def test_without_scripts_the_page_says_what_it_needs(visitor: Visitor) -> None:
    browser = visitor.page.context.browser
    assert browser is not None
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(visitor.url)
    visitor.open("/")
    assert "JavaScript" in page.locator("noscript").inner_text()
    context.close()
