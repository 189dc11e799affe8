"""A day's work in a real browser: in, found, checked, out; and what happens when something is wrong."""

from uuid import uuid4

from tests.e2e.browsing import Visitor
from tests.stacks import Stack

LONG = "Опись рукописей и писем Ёлкина за многие годы " * 3
NAME = f"{LONG[:116]}.txt"
TEXT = "В хранилище лежат рукописи Ёлкина. Метка {mark}.\n"
SAID = {
    "ru": {"wrong": "Неверный логин или пароль", "good": "Проверено в этом браузере", "refused": "не принимается"},
    "en": {"wrong": "Wrong login or password", "good": "Verified in this browser", "refused": "is refused"},
}


def test_two_files_go_in_are_found_verified_and_come_out_as_they_were(inside: Visitor, language: str) -> None:
    assert len(NAME) == 120
    mark = uuid4().hex
    body = TEXT.format(mark=mark).encode()
    inside.drop([(NAME, body), ("letters.md", f"# Letters {mark}\n".encode())])
    inside.await_uploads("found", 2)

    inside.page.keyboard.press("/")
    inside.page.locator("#words").fill(f"рукописями {mark}")
    hit = inside.see("hits").locator("a")
    assert inside.page.locator("mark").first.inner_text().lower() in {"рукописи", mark}
    hit.first.click()

    inside.see("title")
    inside.see("verify").click()
    assert SAID[language]["good"] in inside.see("verdict", good="true").inner_text()
    inside.see("seal").click()
    inside.see("seal-verdict", good="true")
    assert inside.see("trail").locator("li").count() > 2

    with inside.page.expect_download() as coming:
        inside.see("download").click()
    assert coming.value.suggested_filename == NAME
    assert coming.value.path().read_bytes() == body


def test_a_wrong_password_is_told_and_nobody_is_in(visitor: Visitor, language: str) -> None:
    visitor.open("/documents")
    visitor.sign_in("not the password")
    assert SAID[language]["wrong"] in visitor.see("problem", code="invalid_credentials").inner_text()
    assert "/sign-in" in visitor.page.url


def test_a_program_in_disguise_is_refused_and_the_page_says_why(inside: Visitor, language: str) -> None:
    inside.drop([("отчёт.pdf", b"\x7fELF\x02\x01\x01" + bytes(200))])
    inside.await_uploads("failed", 1)
    told = inside.see("problem", code="type_refused")
    assert SAID[language]["refused"] in told.inner_text()
    assert len(inside.see("trace").inner_text()) == 32


def test_uploads_go_on_while_one_moves_between_pages(inside: Visitor) -> None:
    inside.drop([(f"{number}.txt", uuid4().hex.encode()) for number in range(5)])
    inside.page.keyboard.press("g")
    inside.page.keyboard.press("e")
    inside.see("elements")
    inside.page.keyboard.press("g")
    inside.page.keyboard.press("u")
    inside.await_uploads("found", 5)


def test_a_dead_processor_is_told_and_the_page_recovers_by_itself(inside: Visitor, stack: Stack) -> None:
    stack.stop("processor")
    try:
        inside.drop([("ждёт.txt", uuid4().hex.encode())])
        inside.await_uploads("stored", 1)
        inside.page.locator(".text-warning-emphasis").wait_for()
    finally:
        stack.artstore("up")
    inside.await_uploads("found", 1)
    assert inside.page.locator(".text-warning-emphasis").count() == 0


def test_a_paused_upload_waits_and_goes_on(inside: Visitor) -> None:
    inside.page.route("**/content", lambda _route: None)
    inside.drop([("пауза.txt", uuid4().hex.encode())])
    inside.await_uploads("sending", 1)
    row = inside.see("upload")
    row.locator("button").first.click()
    inside.await_uploads("paused", 1)
    inside.page.unroute("**/content")
    row.locator("button").first.click()
    inside.await_uploads("found", 1)


def test_who_is_not_taken_any_more_signs_in_and_is_back_on_the_page(inside: Visitor, stack: Stack) -> None:
    inside.open("/elements")
    inside.see("elements")
    # The tail of the signature is changed: the archive refuses it as it does an old one.
    inside.page.evaluate("""() => {
        const token = sessionStorage.getItem('artstore.token');
        sessionStorage.setItem('artstore.token', token.slice(0, -20) + 'A'.repeat(20));
    }""")
    inside.page.reload()
    inside.sign_in(stack.admin_password)
    inside.see("elements")
    assert inside.page.url.endswith("/elements")


def test_the_language_changes_without_a_reload(inside: Visitor) -> None:
    inside.page.evaluate("window.same = true")
    for tongue, heading in (("ru", "Загрузки"), ("en", "Uploads")):
        inside.see("language").click()
        inside.page.locator(f"button[lang={tongue}]").click()
        assert inside.page.locator("h1").inner_text() == heading
        assert inside.page.locator("html").get_attribute("lang") == tongue
    assert inside.page.evaluate("window.same") is True
