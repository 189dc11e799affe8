"""Large files in a real browser: a lost net and a closed tab cost no byte that has arrived."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, Route

from tests.e2e.browsing import Visitor
from tests.e2e.words import said
from tests.stacks import Stack

SIZE = 12_000_000
HALF = 5_000_000
ARRIVING = "**/documents/*/versions/*/uploads/**"
NOT_PASSED_ON = {"content-length", "host"}


@dataclass
class Cut:
    """A net that is lost when `HALF` of a film has arrived, and whatever is asked of the agent's uploads meanwhile."""

    film: bytes
    is_lost: bool = False
    offsets: list[int] = field(default_factory=list)

    def pass_on(self, route: Route) -> None:
        request = route.request
        if request.method == "PATCH":
            self.offsets.append(int(request.headers["upload-offset"]))
            if len(self.offsets) == 1:
                self._bring_half(route)
                self.is_lost = True
        if self.is_lost:
            route.abort("connectionreset")
        else:
            route.continue_()

    def _bring_half(self, route: Route) -> None:
        # What the browser has put on its way before the net was lost.
        headers = {name: value for name, value in route.request.headers.items() if name not in NOT_PASSED_ON}
        answer = httpx2.patch(route.request.url, headers=headers, content=self.film[:HALF], trust_env=False)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(HALF)), answer.text


def _cut(page: Page, film: Path) -> Cut:
    cut = Cut(film.read_bytes())
    page.route(ARRIVING, cut.pass_on)
    return cut


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "фильм.bin"
    path.write_bytes(b"film" + os.urandom(SIZE - 4))
    return path


def test_a_large_file_goes_on_where_the_net_was_lost(inside: Visitor, film: Path) -> None:
    inside.mark_page()
    cut = _cut(inside.page, film)
    inside.choose(film)
    inside.read(said("en", "uploads.lost"))
    cut.is_lost = False
    inside.await_uploads("found", 1)
    assert cut.offsets == [0, HALF]
    assert inside.is_same_page()


def test_a_large_file_goes_on_in_another_tab_when_it_is_chosen_again(
    inside: Visitor, stack: Stack, film: Path, language: str
) -> None:
    _cut(inside.page, film)
    inside.choose(film)
    inside.read(said(language, "uploads.lost"))
    inside.close_tab()
    inside.open("/")
    inside.sign_in(stack.admin_password)
    inside.read(said(language, "uploads.chooseAgain"))
    with inside.page.expect_request(lambda request: request.method == "PATCH") as sent:
        inside.choose(film)
    assert sent.value.headers["upload-offset"] == str(HALF)
    inside.await_uploads("found", 1)
    assert inside.uploads("interrupted") == 0


def test_a_large_file_that_is_removed_is_removed_at_the_agent_too(inside: Visitor, film: Path) -> None:
    cut = _cut(inside.page, film)
    inside.choose(film)
    inside.read(said("en", "uploads.lost"))
    row = inside.see("upload")
    row.get_by_role("button", name=said("en", "uploads.pause")).click()
    inside.await_uploads("paused", 1)
    cut.is_lost = False
    with inside.page.expect_response(lambda answer: answer.request.method == "DELETE") as ended:
        row.get_by_role("button", name=said("en", "uploads.remove")).click()
    assert ended.value.status == 204
