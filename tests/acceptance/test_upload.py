"""Life of an upload, in the order of ARCHITECTURE.md: announced, put, committed, told, found, shown, fetched."""

import hashlib
import json
from pathlib import Path

import httpx2

from schemas.attributes import Attributes
from tests.archive import JSON, PROBLEM, Archive, repr_digest
from tests.stacks import Stack
from tests.truth import verify

TEXT = "В хранилище лежат рукописи Ёлкина.\nThe archive keeps old letters.\n".encode()
NAME = "Опись № 7 — «рукописи» 📜_итог.txt"
SHA256 = hashlib.sha256(TEXT).hexdigest()
DESCRIPTION: JSON = {
    "title": "Опись фонда",
    "document_class": "опись",
    "tags": ["фонд-7", "черновик"],
    "custom": {"листов": 12, "подписан": True, "доля": 0.5, "шифр": "Ф-7"},
    "retention_class": "years-75",
}


def _element_of(stack: Stack, element_id: str) -> Path:
    roots = [root for root in (stack.root("hot"), stack.root("vault")) if root.is_dir()]
    return next(r for r in roots if json.loads((r / "element.json").read_bytes())["element_id"] == element_id)


def test_a_document_goes_in_and_is_found(stack: Stack, archive: Archive) -> None:
    # 1-2. The gateway answers with an operation, an address and a ticket.
    announced = archive.announce(NAME, len(TEXT), sha256=SHA256, **DESCRIPTION)
    assert announced.status_code == 201
    upload = announced.json()
    assert announced.headers["Location"] == f"/api/v1/operations/{upload['operation_id']}"

    # 3-4. The saga has begun and waits for the bytes.
    assert archive.operation(upload["operation_id"])["state"] == "running"

    # 5-8. The agent takes the bytes, commits them with their attributes in its journal, and only then answers.
    committed = archive.put(upload, TEXT, {"Repr-Digest": repr_digest(TEXT)})
    assert committed.status_code == 200, committed.text
    _assert_committed(upload, committed)

    # 9-14. Files in their place first, then the event: the saga ends as succeeded, and that means: found at once.
    operation = archive.operation(upload["operation_id"], wait=30)
    assert operation["state"] == "succeeded", operation
    _assert_in_place(stack, upload)
    steps = [(step["name"], step["state"]) for step in operation["steps"]]
    assert steps == [("request", "done"), ("content", "done"), ("text", "done")]
    assert operation["document_id"] == upload["document_id"]

    # 15. Found by inflected words of both languages; by name, title, tag and custom value.
    _assert_found(archive, upload)

    # 16. Shown, and its content and attributes fetched.
    _assert_shown(archive, upload)


def _assert_committed(upload: JSON, committed: httpx2.Response) -> None:
    assert committed.json() == {
        "document_id": upload["document_id"],
        "version": 1,
        "size": len(TEXT),
        "sha256": SHA256,
    }
    assert committed.headers["ETag"] == f'"sha256:{SHA256}"'
    assert committed.headers["Repr-Digest"] == repr_digest(TEXT)


def _assert_in_place(stack: Stack, upload: JSON) -> None:
    root = _element_of(stack, upload["element_id"])
    [body] = [path for path in root.glob(f"2*/**/{upload['document_id']}.v1.*") if path.suffix != ".json"]
    assert body.read_bytes() == TEXT
    assert verify(root) == []


def _assert_found(archive: Archive, upload: JSON) -> None:
    for words in ("рукописей елкин", "letter", "опись фондов", "фонд-7", "Ф-7", "итог"):
        assert upload["document_id"] in {hit["document_id"] for hit in archive.search(words)}, words
    [hit] = [hit for hit in archive.search("рукописями елкина") if hit["document_id"] == upload["document_id"]]
    assert "Ёлкина" in hit["snippet"]
    assert hit["filename"] == NAME


def _assert_shown(archive: Archive, upload: JSON) -> None:
    shown = archive.get(f"/documents/{upload['document_id']}").json()
    assert {key: shown[key] for key in ("title", "document_class", "tags", "custom")} == {
        key: DESCRIPTION[key] for key in ("title", "document_class", "tags", "custom")
    }
    assert (shown["filename"], shown["media_type"], shown["attr_seq"]) == (NAME, "text/plain", 1)
    assert shown["retention"]["class"] == "years-75"
    assert shown["created_by"]["login"] == "admin"
    assert archive.content(upload["document_id"]).content == TEXT
    attributes = Attributes.from_sealed(archive.attributes(upload["document_id"]))
    assert attributes.content.sha256 == SHA256
    assert attributes.content.original_filename == NAME


def test_a_put_that_is_repeated_gets_the_same_answer_and_makes_no_second_document(archive: Archive) -> None:
    upload = archive.announce("a.txt", 3).json()
    first, second = archive.put(upload, b"abc"), archive.put(upload, b"abc")
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    other = archive.put(upload, b"xyz")
    assert other.status_code == 409
    assert other.json()["code"] == "upload_conflict"
    assert archive.finished(upload["operation_id"])["state"] == "succeeded"


def test_an_idempotency_key_gives_the_same_operation_and_refuses_another_request(archive: Archive) -> None:
    first = archive.announce("b.txt", 3, key="k-1")
    again = archive.announce("b.txt", 3, key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    same = ("operation_id", "document_id", "element_id", "upload_url")
    assert [first.json()[name] for name in same] == [again.json()[name] for name in same]
    other = archive.announce("c.txt", 3, key="k-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert archive.put(again.json(), b"abc").status_code == 200
    assert archive.finished(first.json()["operation_id"])["state"] == "succeeded"


def test_an_operation_is_followed_until_it_has_ended(archive: Archive) -> None:
    upload = archive.announce("поток.txt", 3).json()
    with archive.http.stream("GET", f"/api/v1/operations/{upload['operation_id']}/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        told = (json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: "))
        assert next(told)["state"] == "running"
        assert archive.put(upload, b"abc").status_code == 200
        *_, last = told
    assert (last["state"], last["document_id"]) == ("succeeded", upload["document_id"])


def test_an_empty_file_and_the_same_content_twice_are_documents_like_any_other(archive: Archive) -> None:
    empty = archive.store("пусто.txt", b"")
    twice = [archive.store("одно.txt", b"same") for _ in range(2)]
    assert archive.content(empty["document_id"]).content == b""
    assert len({upload["document_id"] for upload in twice}) == 2


def test_ranges_and_conditions_are_answered_truly(archive: Archive) -> None:
    content = bytes(range(256)) * 40
    upload = archive.store("bytes.bin", content)
    whole = archive.content(upload["document_id"])
    etag = whole.headers["ETag"]
    assert etag == f'"sha256:{hashlib.sha256(content).hexdigest()}"'
    assert whole.headers["Accept-Ranges"] == "bytes"

    part = archive.content(upload["document_id"], {"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    assert archive.content(upload["document_id"], {"Range": "bytes=-7"}).content == content[-7:]
    assert archive.content(upload["document_id"], {"Range": "bytes=10000-"}).content == content[10000:]
    assert archive.content(upload["document_id"], {"Range": "bytes=0-9", "If-Range": '"other"'}).content == content
    assert archive.content(upload["document_id"], {"Range": "bytes=0-9", "If-Range": etag}).content == content[:10]
    beyond = archive.content(upload["document_id"], {"Range": "bytes=99999-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(content)}")
    assert archive.content(upload["document_id"], {"If-None-Match": etag}).status_code == 304


def test_a_long_cyrillic_name_comes_back_whole_in_the_download(archive: Archive) -> None:
    name = "Протокол_заседания_" + "ё" * 230 + ".txt"
    upload = archive.store(name, b"x")
    assert archive.get(f"/documents/{upload['document_id']}").json()["filename"] == name
    disposition = archive.content(upload["document_id"]).headers["Content-Disposition"]
    assert disposition.startswith("attachment")
    assert "filename*=UTF-8''" in disposition


def test_lists_are_newest_first_and_pages_do_not_overlap(archive: Archive) -> None:
    stored = [archive.store(f"лист-{n}.txt", b"page")["document_id"] for n in range(5)]
    first = archive.get("/documents", limit=3).json()
    second = archive.get("/documents", limit=3, cursor=first["next_cursor"]).json()
    seen = [item["document_id"] for item in (*first["items"], *second["items"])]
    assert seen[:5] == stored[::-1]
    assert len(set(seen)) == 6


def test_the_trail_of_a_document_names_its_causes(archive: Archive) -> None:
    upload = archive.store("след.txt", "Следы остаются.".encode())
    events = archive.events(document_id=upload["document_id"])
    types = [event["type"] for event in events]
    assert {"artstore.SagaAdvanced", "artstore.DocumentCommitted", "artstore.TextExtracted"} <= set(types)
    assert {event["correlation_id"] for event in events} == {upload["operation_id"]}
    assert all(event["actor"]["login"] == "admin" for event in events)
    assert [event["occurred_at"] for event in events] == sorted(event["occurred_at"] for event in events)


def test_elements_are_online_with_their_modes_and_room(archive: Archive) -> None:
    elements = {item["name"]: item for item in archive.get("/elements").json()["items"]}
    assert elements["vault"]["mode"] == "rw"
    assert all(element["state"] == "online" and element["capacity"]["free"] > 0 for element in elements.values())
    upload = archive.store("в-сейф.txt", b"vault", element_id="vault")
    assert upload["element_id"] == elements["vault"]["element_id"]


def test_every_error_is_a_problem_document(archive: Archive) -> None:
    answers = {
        archive.get("/nothing"): 404,
        archive.http.delete("/api/v1/uploads"): 405,
        archive.get("/documents/not-a-uuid"): 404,
        archive.get("/search", q=""): 400,
        archive.get("/documents", cursor="!"): 400,
        archive.announce("x", -1): 422,
        archive.announce("x", 1, retention_class="years-3"): 422,
        archive.announce("x", 1, element_id="nowhere"): 409,
        archive.announce("x", 1, custom={str(n): "ё" * 200 for n in range(90)}): 413,
    }
    for answer, status in answers.items():
        assert answer.status_code == status, (answer.url, answer.text)
        assert answer.headers["Content-Type"].startswith(PROBLEM)
        problem = answer.json()
        assert {"type", "title", "status", "detail", "code", "trace_id"} <= set(problem), problem
