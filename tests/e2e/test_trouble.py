"""What a page tells when something is wrong, in both languages, and how it goes on by itself."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import Response

from infra.stack.layout import Layout
from infra.stack.supervisor import find_supervisor
from tests.e2e.browsing import Visitor
from tests.e2e.words import said
from tests.stacks import Stack

TOKEN_SECONDS = 4
KILL_SECONDS = 0.1


def test_a_wrong_password_is_told_and_nobody_is_in(visitor: Visitor, language: str) -> None:
    visitor.open("/documents")
    visitor.sign_in("not the password")
    assert (
        said(language, "problem.invalid_credentials") in visitor.see("problem", code="invalid_credentials").inner_text()
    )
    assert "/sign-in" in visitor.page.url


def test_a_program_in_disguise_is_refused_and_the_page_says_why(inside: Visitor, language: str) -> None:
    inside.drop([("отчёт.pdf", b"\x7fELF\x02\x01\x01" + bytes(200))])
    inside.await_uploads("failed", 1)
    told = inside.see("problem", code="type_refused")
    assert said(language, "problem.type_refused") in told.inner_text()
    assert len(inside.see("trace").inner_text()) == 32


def test_a_processor_killed_during_an_upload_is_told_truly_and_the_page_goes_on_without_a_reload(
    inside: Visitor, stack: Stack, language: str
) -> None:
    slow = said(language, "uploads.slow")
    inside.mark_page()
    inside.hold_bytes()
    inside.drop([("ждёт.txt", uuid4().hex.encode())])
    inside.until(lambda: inside.held, 30, "nothing is being sent")
    with _held_down(stack, "processor"):
        inside.let_bytes_through()
        inside.read(said(language, "uploads.stage.stored"))
        inside.read(slow)
        assert inside.uploads("stored") == 1
        inside.see("upload").locator("a[href^='/operations/']").click()
        inside.see("operation", state="running")
        inside.read(said(language, "operation.state.running"))
        inside.press("g", "u")
        inside.read(slow)
    inside.await_uploads("found", 1, seconds=120)
    assert inside.page.get_by_text(slow).count() == 0
    assert inside.is_same_page()


def test_while_the_gateway_is_away_the_page_says_so_and_asks_until_it_is_back(
    inside: Visitor, stack: Stack, language: str
) -> None:
    inside.mark_page()
    inside.hold_bytes()
    inside.drop([("молчание.txt", uuid4().hex.encode())])
    inside.until(lambda: inside.held, 30, "nothing is being sent")
    with _held_down(stack, "gateway"):
        inside.let_bytes_through()
        inside.await_uploads("stored", 1)
        inside.read(said(language, "uploads.lost"))
    inside.await_uploads("found", 1, seconds=120)
    assert inside.page.get_by_text(said(language, "uploads.lost")).count() == 0
    assert inside.is_same_page()


@contextmanager
def _held_down(stack: Stack, program: str) -> Iterator[None]:
    """Kill a program, again as often as its supervisor has brought it back; afterwards it comes by itself."""
    over, killed = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(_keep_killing, stack, program, over, killed)
        try:
            assert killed.wait(30)
            yield
        finally:
            over.set()
        killing.result()
    stack.await_ready(program)


def _keep_killing(stack: Stack, program: str, over: threading.Event, killed: threading.Event) -> None:
    supervisor = find_supervisor(Layout(stack.home))
    assert supervisor is not None
    while not over.wait(KILL_SECONDS):
        state = supervisor.states()[program]
        if state.runs:
            with suppress(ProcessLookupError):
                os.kill(state.pid, signal.SIGKILL)
            killed.set()


@pytest.fixture(scope="module")
def brief_tokens(stack: Stack) -> Iterator[None]:
    """Let the gateway give tokens of a few seconds, by its own setting; afterwards as before."""
    brief = Stack({**stack.environment, "ARTSTORE_GATEWAY__ACCESS_TOKEN_SECONDS": str(TOKEN_SECONDS)})
    stack.stop("gateway")
    try:
        brief.artstore("up")
        yield
    finally:
        stack.stop("gateway")
        stack.artstore("up")


@pytest.mark.usefixtures("brief_tokens")
def test_who_is_signed_in_no_more_is_asked_to_and_comes_back_to_the_page(
    inside: Visitor, stack: Stack, language: str
) -> None:
    inside.mark_page()
    inside.await_expiry()
    told = httpx2.get(f"{stack.url}/api/v1/elements", headers={"Authorization": f"Bearer {inside.token()}"})
    assert (told.status_code, "expired" in told.json()["detail"]) == (401, True)
    with inside.page.expect_response(_is_unauthenticated):
        inside.press("g", "d")
    inside.read(said(language, "signIn.expired"))
    row = inside.page.locator("[data-row]")
    inside.until(lambda: _sign_in_if_asked(inside, stack) and row.count(), 60, "the documents are not shown")
    assert inside.page.url.endswith("/documents")
    assert inside.is_same_page()


@pytest.mark.usefixtures("brief_tokens")
def test_a_page_loaded_with_an_expired_token_asks_to_sign_in_first(
    inside: Visitor, stack: Stack, language: str
) -> None:
    inside.await_expiry()
    inside.open("/elements")
    inside.see("sign-in")
    named = inside.page.get_by_text("vault", exact=True)
    inside.until(lambda: _sign_in_if_asked(inside, stack) and named.count(), 60, "the elements are not shown")
    assert inside.page.url.endswith("/elements")
    assert inside.page.locator("html").get_attribute("lang") == language


@pytest.mark.usefixtures("brief_tokens")
def test_a_token_that_expires_amid_uploads_stops_none_of_them_for_longer_than_signing_in_takes(
    inside: Visitor, stack: Stack, language: str
) -> None:
    inside.mark_page()
    inside.hold_bytes()
    inside.drop([(f"{number}.txt", uuid4().hex.encode()) for number in range(5)])
    inside.until(lambda: _sign_in_if_asked(inside, stack) and len(inside.held) == 2, 60, "two files are not being sent")
    inside.await_expiry()
    with inside.page.expect_response(_is_unauthenticated):
        inside.let_bytes_through()
    inside.read(said(language, "signIn.expired"))
    inside.until(lambda: _sign_in_if_asked(inside, stack) and inside.uploads("found") == 5, 120, "not all are found")
    assert inside.page.url.endswith("/uploads")
    assert inside.is_same_page()


def _is_unauthenticated(answer: Response) -> bool:
    return answer.status == 401 and "/api/" in answer.url


def _sign_in_if_asked(visitor: Visitor, stack: Stack) -> bool:
    """Sign in once more where a slow machine has made the new token too old as well; True, to be asked along."""
    form = visitor.page.locator('[data-testid="sign-in"]')
    if form.count():
        visitor.sign_in(stack.admin_password)
        form.wait_for(state="detached")
    return True
