"""Hidden requests at an agent, directly and behind nginx and HAProxy as operators set them up: nobody sees another one.

Skipped for a proxy that is not installed: `apt-get install nginx haproxy`.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.hostile.proxies import is_there, settings_of
from tests.hostile.shapes import shapes
from tests.hostile.smuggling import PROXIES, TABLE, Way, every_way, table, undue, unseen

SHAPES_MIN = 150
KEPT = {"nginx": "proxy_request_buffering off;", "haproxy": "http-reuse safe"}


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Way]:
    folder = tmp_path_factory.mktemp("smuggling")
    (folder / "agents").mkdir()
    return asyncio.run(every_way(folder))


@pytest.mark.parametrize("name", ["directly", *PROXIES])
def test_no_request_is_seen_by_the_agent_that_was_not_sent_to_it(ways: Mapping[str, Way], name: str) -> None:
    if name not in ways:
        pytest.skip(f"{name} is not installed")
    assert len(ways[name].outcomes) >= SHAPES_MIN
    assert ways[name].faults == []
    open_one = ways[name].outcomes[0]
    assert (open_one.statuses, open_one.outer, open_one.inner) == ([404, 404], 1, 1), "two plain requests are not seen"


def test_a_hidden_request_would_be_told() -> None:
    every = shapes()
    hidden = next(number for number, shape in enumerate(every) if not shape.open)
    assert undue(Counter({("smuggled", 0): 1, ("smuggled", hidden): 1}), every) == [
        f"{every[hidden].name}: the inner request was seen"
    ]
    agent, proxy = Counter({("outer", 1): 2, ("victim", 2): 1}), Counter({("outer", 1): 1, ("victim", 2): 1})
    assert unseen(agent, proxy) == ["the agent saw /outer/001 and the proxy did not"]


def test_the_table_of_the_page_has_every_shape(ways: Mapping[str, Way]) -> None:
    told = TABLE.read_text(encoding="utf-8")
    assert [shape.name for shape in shapes() if f"| {shape.name} |" not in told] == []
    assert len(table(ways).splitlines()) == len(shapes()) + 2
    assert all(KEPT[name] in settings_of(name) for name in PROXIES)
    assert all(name in ways for name in PROXIES if is_there(name))
