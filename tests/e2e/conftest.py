"""A browser for each file of tests, and a fresh person in it for each test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import WIDE, Visitor
from tests.e2e.chromium import a_browser, reason_against
from tests.integration.docker.engine import docker_is_the_provider
from tests.stacks import Stack

CONTAINED = "These tests kill programs through the stack's own supervisor and write into its views: no containers do."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield a browser, or say aloud why there can be none here."""
    reason = CONTAINED if docker_is_the_provider() else reason_against()
    if reason:
        pytest.skip(reason)
    with a_browser() as browser:
        yield browser


@pytest.fixture(params=["ru", "en"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def visitor(browser: Browser, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """Yield who has just opened the interface; afterwards nothing may have gone wrong unseen."""
    tongue = request.getfixturevalue("language") if "language" in request.fixturenames else "en"
    context = browser.new_context(locale=tongue, viewport=WIDE, accept_downloads=True)
    visitor = Visitor(context.new_page(), stack.url)
    yield visitor
    refused = visitor.refused()
    context.close()
    assert (visitor.complaints, refused) == ([], [])


@pytest.fixture
def inside(visitor: Visitor, stack: Stack) -> Visitor:
    """Return who has signed in."""
    visitor.open("/")
    visitor.sign_in(stack.admin_password)
    visitor.page.locator(".drop-zone").wait_for()
    return visitor
