"""Names, titles, tags and texts made to run in a reader's browser: they are shown, and nothing runs."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pytest

from tests.archive import JSON, Archive
from tests.e2e.browsing import Visitor
from tests.stacks import Stack

CORPUS = (
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    "<svg onload='window.ran = 1'><script>window.ran = 1</script></svg>",
    "javascript:window.ran=1",
    "\u202eexe.fdp\u202c \u2066обман\u2069",
    "{{constructor.constructor('window.ran = 1')()}}",
    "**<b onmouseover='window.ran = 1'>**",
    "'\"><style>body{display:none}</style><iframe srcdoc='<script>parent.ran = 1</script>'>",
    "data:text/html,<script>window.ran=1</script>",
    "а\u0301" * 60,
)
# What of it may come in through an address that somebody is made to click.
IN_ADDRESSES = ("/search?q={}", "/documents/{}", "/operations/{}", "/{}", "/sign-in?from={}&expired={}")
STRANGE = "main iframe, main script, main style, main img, main svg, main object, main embed, main [onmouseover]"
# Where a link leads to, as the browser itself understands it.
LINKS = "(links) => links.map((link) => new URL(link.href).protocol).filter((it) => !/^https?:$/.test(it))"


@pytest.fixture(scope="module")
def uploads(stack: Stack) -> Sequence[JSON]:
    """Put in a document for each: it is its name, its title, its tag, its attributes and its text."""
    with Archive(stack) as archive:
        return [_stored(archive, number, hostile) for number, hostile in enumerate(CORPUS)]


def _stored(archive: Archive, number: int, hostile: str) -> JSON:
    fields: dict[str, Any] = {
        "title": f"враждебный {hostile}",
        "tags": [hostile[:30]],
        "custom": {hostile[:30]: hostile},
        "document_class": hostile[:30],
    }
    name = f"{hostile[:80].replace('/', '_')}.txt"
    return archive.store(name, f"враждебный документ {number} {hostile}".encode(), **fields)


def test_nothing_of_the_corpus_runs_in_lists_and_snippets(inside: Visitor, uploads: Sequence[JSON]) -> None:
    inside.open("/search?q=враждебный документ")
    hits = inside.see("hits").locator("li")
    hits.nth(len(uploads) - 1).wait_for()
    snippets = " ".join(hits.all_text_contents())
    assert "window.ran = 1" in snippets
    _assert_harmless(inside)
    inside.open("/documents")
    inside.page.locator("[data-row]").nth(len(uploads) - 1).wait_for()
    _assert_harmless(inside)


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_nothing_runs_on_the_page_of_a_document_or_of_its_operation(
    inside: Visitor, uploads: Sequence[JSON], number: int
) -> None:
    hostile, upload = CORPUS[number], uploads[number]
    inside.open(f"/documents/{upload['document_id']}")
    assert hostile.strip() in inside.see("title").text_content()
    assert hostile in inside.see("attributes").text_content()
    for details in inside.see("trail").locator("summary").all():
        details.click()
    inside.see("seal").click()
    inside.see("seal-verdict", good="true")
    inside.see("verify").click()
    inside.see("verdict", good="true")
    _assert_harmless(inside)
    inside.open(f"/operations/{upload['operation_id']}")
    inside.see("steps")
    _assert_harmless(inside)


def test_a_hostile_name_in_the_queue_of_uploads_is_only_a_name(inside: Visitor) -> None:
    names = [hostile.replace("/", "_") for hostile in CORPUS]
    inside.drop([(name, f"очередь {number}".encode()) for number, name in enumerate(names)])
    inside.await_uploads("found", len(names))
    _assert_harmless(inside)
    inside.press("g", "o")
    inside.see("operations").locator("a").nth(len(names) - 1).wait_for()
    _assert_harmless(inside)


@pytest.mark.parametrize("address", IN_ADDRESSES)
def test_nothing_runs_that_an_address_carries(inside: Visitor, stack: Stack, address: str) -> None:
    for hostile in (*CORPUS[:4], *CORPUS[7:9]):
        inside.open(address.replace("{}", quote(hostile, safe="")))
        inside.page.wait_for_load_state("networkidle")
        if "sign-in" in address:
            inside.sign_in(stack.admin_password)
            inside.see("sign-in").wait_for(state="detached")
        _assert_harmless(inside)
        assert inside.page.url.startswith(f"{inside.url}/")


def _assert_harmless(visitor: Visitor) -> None:
    assert visitor.page.evaluate("window.ran") is None
    assert (visitor.complaints, visitor.refused()) == ([], [])
    assert visitor.page.locator(STRANGE).count() == 0
    assert visitor.page.locator("a").evaluate_all(LINKS) == []
    # A style of a stranger would hide everything.
    assert visitor.page.locator("main").is_visible()
