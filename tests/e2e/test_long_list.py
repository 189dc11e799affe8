"""Ten thousand documents in the list, out of the real views: only what is seen stands in the page, and it scrolls."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import pytest

from infra.runtime.postgres import open_pool
from tests.archive import Archive
from tests.conftest import MEASURED
from tests.e2e.browsing import Visitor
from tests.stacks import Stack

COUNT = 10_000
# A screen of rows and what is kept ready around it; and all that stands on the page, its frame included.
ROWS_MAX, NODES_MAX = 60, 1_500
SECONDS = 300
WHEEL_TURNS, WHEEL_PIXELS = 120, 700
ID = "00000000-0000-7000-8000-"
# Rows like that of a document that was really put in, older than any other, so that nothing else stands among them.
COPIES = f"""
INSERT INTO views.documents ({{columns}})
SELECT {{values}} FROM views.documents AS it, generate_series(0, {COUNT - 1}) AS n WHERE it.document_id = $1
"""  # noqa: S608 - our own words
OWN = {
    "document_id": f"'{ID}' || lpad(n::text, 12, '0')",
    "title": "'Документ ' || n",
    "filename": "n || '.txt'",
    "created_at": "timestamptz '2001-01-01' - n * interval '1 second'",
}
PLAIN_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = 'views' AND table_name = 'documents' AND is_generated = 'NEVER'
"""
# Watches frame after frame: how long each took, how many rows there were, and whether a row stood in the middle.
FRAMES = """() => {
  const box = document.querySelector('.rows'), { left, top, width, height } = box.getBoundingClientRect();
  const seen = window.frames10k = { gaps: [], rows: 0, nodes: 0, blank: 0, long: [], over: false };
  new PerformanceObserver((list) => seen.long.push(...list.getEntries().map((it) => it.duration)))
    .observe({ type: 'longtask' });
  let last = performance.now();
  const frame = (now) => {
    seen.gaps.push(now - last);
    last = now;
    seen.rows = Math.max(seen.rows, document.querySelectorAll('[data-row]').length);
    seen.nodes = Math.max(seen.nodes, document.querySelectorAll('*').length);
    const middle = document.elementFromPoint(left + width / 2, top + height / 2);
    if (middle === null || middle.closest('li') === null) seen.blank += 1;
    if (!seen.over) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
OVER = "() => { window.frames10k.over = true; return window.frames10k; }"


@pytest.fixture
def many(stack: Stack) -> Iterator[None]:
    """Put the rows into the view that the gateway answers from; take them away again."""
    with Archive(stack) as archive:
        template = archive.store("образец.txt", "Образец.".encode())["document_id"]
    _apart(lambda: _inserted(stack, template))
    yield
    _apart(lambda: _deleted(stack))


def _apart(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it on a thread of its own: the browser's driver has a loop that runs on this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(work())).result()


async def _inserted(stack: Stack, template: str) -> None:
    async with open_pool(stack.settings.postgres, "artstore-e2e") as pool:
        names = [row["column_name"] for row in await pool.fetch(PLAIN_COLUMNS)]
        values = ", ".join(OWN.get(name, f"it.{name}") for name in names)
        await pool.execute(COPIES.format(columns=", ".join(names), values=values), template, timeout=SECONDS)


async def _deleted(stack: Stack) -> None:
    async with open_pool(stack.settings.postgres, "artstore-e2e") as pool:
        await pool.execute("DELETE FROM views.documents WHERE document_id LIKE $1", f"{ID}%", timeout=SECONDS)


@pytest.mark.usefixtures("many")
def test_ten_thousand_documents_scroll_and_only_what_is_seen_stands_in_the_page(
    inside: Visitor, record_property: Callable[[str, object], None]
) -> None:
    inside.open("/documents")
    inside.page.locator("[data-row]").first.wait_for()
    inside.page.evaluate(FRAMES)
    _to_the_end(inside)
    loading = inside.page.evaluate(OVER)
    inside.page.evaluate(FRAMES)
    _turn_the_wheel(inside)
    scrolling = inside.page.evaluate(OVER)
    for seen in (loading, scrolling):
        assert seen["rows"] <= ROWS_MAX
        assert seen["nodes"] <= NODES_MAX
    record_property(MEASURED, f"{COUNT} documents scrolled by wheel: {_told(scrolling)}")


def _to_the_end(visitor: Visitor) -> None:
    """Scroll as far as there are rows, until the last of all has come."""
    box, last = visitor.see("documents"), visitor.page.get_by_text(f"Документ {COUNT - 1}", exact=True)

    def is_there() -> bool:
        box.evaluate("(box) => { box.scrollTop = box.scrollHeight }")
        return last.count() == 1

    visitor.until(is_there, SECONDS, "the last document is not reached")


def _turn_the_wheel(visitor: Visitor) -> None:
    visitor.see("documents").hover()
    for turn in range(WHEEL_TURNS):
        visitor.page.mouse.wheel(0, -WHEEL_PIXELS if turn < WHEEL_TURNS / 2 else WHEEL_PIXELS)
        visitor.page.wait_for_timeout(16)


def _told(seen: dict[str, Any]) -> str:
    gaps = sorted(seen["gaps"])
    worst = gaps[int(len(gaps) * 0.99)]
    return (
        f"{len(gaps)} frames, median gap {median(gaps):.1f} ms, p99 {worst:.1f} ms, longest {gaps[-1]:.1f} ms; "
        f"{len(seen['long'])} long tasks, {seen['blank']} frames without a row in the middle; "
        f"at most {seen['rows']} rows and {seen['nodes']} nodes in the page"
    )
