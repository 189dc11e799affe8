"""Names, titles, tags and texts made to run in a reader's browser: they are shown, and nothing runs."""

from typing import Any

import pytest

from tests.archive import Archive
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
    "а\u0301" * 60,
)


@pytest.fixture(scope="module")
def documents(stack: Stack) -> list[str]:
    made = []
    with Archive(stack) as archive:
        for number, hostile in enumerate(CORPUS):
            body = f"враждебный документ {number} {hostile}".encode()
            fields: dict[str, Any] = {
                "title": f"враждебный {hostile}",
                "tags": [hostile[:30]],
                "custom": {hostile[:30]: hostile},
                "document_class": hostile[:30],
            }
            answer = archive.announce(f"{hostile[:80].replace('/', '_')}.txt", len(body), **fields)
            assert answer.status_code == 201, answer.text
            archive.put(answer.json(), body)
            archive.finished(answer.json()["operation_id"])
            made.append(str(answer.json()["document_id"]))
    return made


def test_nothing_of_the_corpus_runs_on_any_page(inside: Visitor, documents: list[str]) -> None:
    inside.open("/search?q=враждебный")
    hits = inside.see("hits").locator("li")
    hits.nth(len(CORPUS) - 1).wait_for()
    _assert_harmless(inside)
    inside.open("/documents")
    inside.page.locator("[data-row]").nth(len(CORPUS) - 1).wait_for()
    _assert_harmless(inside)
    for document, hostile in zip(documents, CORPUS, strict=True):
        inside.open(f"/documents/{document}")
        assert hostile.strip() in inside.see("title").text_content()
        inside.see("trail")
        inside.see("seal").click()
        inside.see("seal-verdict", good="true")
        _assert_harmless(inside)


def test_a_hostile_name_in_the_queue_of_uploads_is_only_a_name(inside: Visitor) -> None:
    inside.drop([(hostile.replace("/", "_"), b"text") for hostile in CORPUS[:3]])
    inside.await_uploads("found", 3)
    _assert_harmless(inside)


def _assert_harmless(visitor: Visitor) -> None:
    assert visitor.page.evaluate("window.ran") is None
    assert visitor.refused() == []
    assert visitor.page.locator("main iframe, main script, main style, main img, main svg").count() == 0
