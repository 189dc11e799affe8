"""Rebuilding the views on real servers: the same rows from the log and from the disks, while everything goes on."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.runtime.installation import ensure_installation, load_programs_key, program_secret
from infra.runtime.settings import Settings
from projections.catalogue import DOCUMENTS, VIEWS
from projections.diff import differences
from projections.documents.fold import fold
from projections.documents.queries import document
from projections.documents.search import search
from projections.projector import Projector
from projections.rebuild import Plan, Report, Source, rebuild
from projections.shape import REBUILD_LOCK, ensure_views
from schemas.attributes import Attributes
from schemas.elements import ElementIdentity
from schemas.errors import Busy, PreconditionFailed
from schemas.identifiers import new_id
from schemas.topics import DOCUMENT_EVENT
from tests.builders import NOW, a_document_committed
from tests.projecting import (
    Bench,
    a_damage,
    a_document,
    a_heartbeat,
    a_mending,
    a_pass,
    a_registration,
    a_text,
    an_identity,
    flipped,
    next_state,
    open_bench,
    write_element,
)

TEXT = "Рукописи не горят."


@pytest.fixture
async def bench(servers: Settings, tmp_path: Path) -> AsyncIterator[Bench]:
    ensure_installation(tmp_path / "keys")
    async with open_bench(servers, tmp_path) as bench:
        yield bench


def stored_at(attributes: Attributes, identity: ElementIdentity) -> Attributes:
    placement = attributes.element.model_copy(update={"element_id": identity.element_id})
    return attributes.model_copy(update={"element": placement})


def telling(lines: list[str] | None = None) -> Any:
    return (lines if lines is not None else []).append


async def build_anew(bench: Bench, source: Source, root: Path, text_seconds: float = 0) -> Report:
    return await rebuild(bench.settings, Plan(source, (root,), text_seconds), telling())


async def rows_of(bench: Bench, documents: list[Attributes]) -> dict[str, list[dict[str, object]]]:
    """Every column of every row about these documents."""
    ids = [each.document_id for each in documents]
    found: dict[str, list[dict[str, object]]] = {}
    for table in ("documents", "versions", "damages"):
        records = await bench.pool.fetch(
            f"SELECT * FROM views.{table} WHERE document_id = ANY($1::text[]) ORDER BY document_id, version",  # noqa: S608
            ids,
        )
        found[table] = [dict(record) for record in records]
    return found


async def an_archive(bench: Bench, root: Path, identity: ElementIdentity) -> list[Attributes]:
    """Three documents on a disk and on the log: a plain one, a changed one, one with two versions."""
    plain = stored_at(a_document("Опись", tags=("фонд",), custom={"лист": 5, "доля": 0.5, "копия": True}), identity)
    changed = next_state(stored_at(a_document("Акт"), identity), title="Акт приёма")
    second = next_state(stored_at(a_document("Письмо"), identity)).model_copy(update={"version": 2, "supersedes": 1})
    first = second.model_copy(update={"version": 1, "attr_seq": 1, "supersedes": None})
    write_element(root, identity, (plain, changed, first, second))
    earlier = changed.model_copy(update={"attr_seq": 1})
    events = [a_document_committed(state) for state in (plain, earlier, changed, first, second)]
    await bench.publish(a_registration(identity), *events)
    # One is damaged, one was; the log says it twice and in disorder.
    mended = (a_mending(changed.document_id, 9), a_damage(changed.document_id, 8))
    await bench.publish(a_damage(second.document_id, 7, version=2), *mended, *mended, a_pass(identity.element_id, 1))
    return [plain, changed, second]


async def test_dropped_views_come_back_the_same_from_the_log_and_from_the_disks(bench: Bench, tmp_path: Path) -> None:
    root, identity = tmp_path / "elements" / "hot", an_identity(new_id(NOW))
    documents = await an_archive(bench, root, identity)
    await bench.project(*VIEWS)
    before = await rows_of(bench, documents)
    assert [len(rows) for rows in before.values()] == [3, 4, 2]
    assert sorted(str(row["state"]) for row in before["damages"]) == ["damaged", "mended"]
    passes = "SELECT * FROM views.scrubs WHERE element_id = $1"
    assert (scrubbed := await bench.pool.fetchrow(passes, identity.element_id)) is not None
    sources: tuple[Source, ...] = ("log", "attributes")
    for source in sources:
        await bench.pool.execute("DROP SCHEMA views CASCADE")
        report = await build_anew(bench, source, root)
        assert report.comparison is None
        assert not report.broken
        assert await rows_of(bench, documents) == before
        assert await bench.pool.fetchrow(passes, identity.element_id) == scrubbed
        assert await bench.pool.fetchval("SELECT built_from FROM views.generation") == source
        assert await bench.pool.fetchval("SELECT to_regnamespace('views_prev')") is None
    assert await ensure_views(bench.pool) is False


async def test_what_is_committed_while_the_disks_are_read_is_taken_from_the_log(bench: Bench, tmp_path: Path) -> None:
    root, identity = tmp_path / "hot", an_identity(new_id(NOW))
    documents = await an_archive(bench, root, identity)
    late = stored_at(a_document("Поздний"), identity)
    told: list[asyncio.Task[None]] = []

    def meanwhile(line: str) -> None:
        if line.startswith("disks:") and not told:
            told.append(asyncio.get_running_loop().create_task(bench.publish(a_document_committed(late))))

    await rebuild(bench.settings, Plan("attributes", (root,), 0), meanwhile)
    await asyncio.gather(*told)
    await bench.project(DOCUMENTS)
    assert await document(bench.pool, late.document_id) is not None
    assert all([await document(bench.pool, each.document_id) for each in documents])


async def test_a_running_projector_goes_on_in_the_rebuilt_views(bench: Bench, tmp_path: Path) -> None:
    root, identity = tmp_path / "hot", an_identity(new_id(NOW))
    documents = await an_archive(bench, root, identity)
    running = asyncio.create_task(Projector(DOCUMENTS, bench.ground()).run())
    try:
        report = await build_anew(bench, "log", root)
        late = stored_at(a_document("После обмена"), identity)
        await bench.publish(a_document_committed(late))
        async with asyncio.timeout(20):
            while await document(bench.pool, late.document_id) is None:  # noqa: ASYNC110 - the database has no event
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert report.comparison is not None
    assert report.comparison.missing == 0
    assert all([await document(bench.pool, each.document_id) for each in documents])


async def test_a_broken_file_is_told_and_the_rebuild_is_not_whole(bench: Bench, tmp_path: Path) -> None:
    root, identity = tmp_path / "hot", an_identity(new_id(NOW))
    broken, whole = stored_at(a_document("Битый"), identity), stored_at(a_document("Целый"), identity)
    write_element(root, identity, (broken, whole))
    path = next(root.rglob(f"{broken.document_id}*"))
    path.write_bytes(flipped(broken.sealed()))
    lines: list[str] = []
    report = await rebuild(bench.settings, Plan("attributes", (root,), 0), telling(lines))
    assert [each.path for each in report.broken] == [path]
    assert not report.whole
    assert any(line.startswith(f"broken: {path}") for line in lines)
    assert await document(bench.pool, whole.document_id) is not None
    assert await document(bench.pool, broken.document_id) is None


async def test_documents_are_not_lost_because_a_root_was_forgotten(bench: Bench, tmp_path: Path) -> None:
    root, identity = tmp_path / "hot", an_identity(new_id(NOW))
    await an_archive(bench, root, identity)
    elsewhere = stored_at(a_document("На другом диске", now=datetime.now(UTC) - timedelta(hours=1)), identity)
    await bench.publish(a_document_committed(elsewhere))
    await bench.project(*VIEWS)
    with pytest.raises(PreconditionFailed, match="--root"):
        await build_anew(bench, "attributes", root)
    assert await document(bench.pool, elsewhere.document_id) is not None
    report = await rebuild(bench.settings, Plan("attributes", (root,), 0, allow_missing=True), telling())
    assert not report.whole
    assert await document(bench.pool, elsewhere.document_id) is None


async def test_two_rebuilds_at_once_are_refused(bench: Bench, tmp_path: Path) -> None:
    async with bench.pool.acquire() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", REBUILD_LOCK)
        with pytest.raises(Busy, match="Another rebuild"):
            await build_anew(bench, "log", tmp_path)


async def test_log_disks_and_views_agree_until_one_of_them_is_touched(bench: Bench, tmp_path: Path) -> None:
    root, identity = tmp_path / "hot", an_identity(new_id(NOW))
    documents = await an_archive(bench, root, identity)
    await bench.project(*VIEWS)
    assert await about(bench, root, documents, identity) == []
    touched, forgotten = documents[0].document_id, documents[1].document_id
    await bench.pool.execute("UPDATE views.documents SET title = 'иначе' WHERE document_id = $1", touched)
    for path in root.rglob(f"{forgotten}*"):
        path.unlink()
    lines = await about(bench, root, documents, identity)
    assert any(line.startswith(f"documents {touched}: title:") for line in lines)
    assert any(line.startswith(f"documents {forgotten}:") and "disk has nothing" in line for line in lines)


async def test_an_old_valid_pair_put_back_is_told_by_its_number_and_seal(bench: Bench, tmp_path: Path) -> None:
    """Nothing on the disk is wrong then: that it is not the newest state only the log and the views know."""
    root, identity = tmp_path / "hot", an_identity(new_id(NOW))
    documents = await an_archive(bench, root, identity)
    old, new = documents[0], next_state(documents[0], title="после")
    await bench.publish(a_document_committed(new))
    write_element(root, identity, (new,))
    await bench.project(*VIEWS)
    assert await about(bench, root, documents, identity) == []
    write_element(root, identity, (old,))
    seals = [fold(each.sealed())[0].attr_sha256 for each in (new, old)]
    line = "documents {}: log has attr_seq {} attr_sha256 {} {}, disk has attr_seq {} attr_sha256 {} {}, views has {}"
    epoch, newest = f"mode_epoch {old.element.mode_epoch}", f"attr_seq {new.attr_seq} attr_sha256 {seals[0]}"
    told = line.format(
        old.document_id, new.attr_seq, seals[0], epoch, old.attr_seq, seals[1], epoch, f"{newest} {epoch}"
    )
    lines = await about(bench, root, documents, identity)
    assert [each for each in lines if each.startswith("documents")] == [told]
    assert not any(each.startswith("disk") for each in lines)


async def about(bench: Bench, root: Path, documents: list[Attributes], identity: ElementIdentity) -> list[str]:
    """The differences about these documents: the log of the tests holds others too."""
    ids = [each.document_id for each in documents] + [identity.element_id]
    return [line for line in await differences(bench.settings, [root]) if any(name in line for name in ids)]


async def test_unreadable_records_and_files_are_differences_too(bench: Bench, tmp_path: Path) -> None:
    root, identity = tmp_path / "hot", an_identity(new_id(NOW))
    document_id = new_id(NOW)
    event = a_document_committed(stored_at(a_document("Подделка"), identity))
    meta = event.meta.model_copy(update={"aggregate_id": document_id})
    await bench.publish(event.model_copy(update={"meta": meta}))
    write_element(root, identity, ())
    (root / "element.json").write_bytes(b"{}")
    lines = await differences(bench.settings, [root])
    assert any(line.startswith(f"disk {root / 'element.json'}") for line in lines)
    assert any(line.startswith(f"log {DOCUMENT_EVENT}/") and "seal_broken" in line for line in lines)


@pytest.fixture
def agent() -> Iterator[tuple[str, list[str]]]:
    """An agent that serves one text, and the secrets it was shown."""
    shown: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers["Authorization"])
            self.send_response(200 if self.path.endswith("/versions/1/text") else 404)
            self.end_headers()
            self.wfile.write(TEXT.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", shown
    server.shutdown()
    server.server_close()
    thread.join(5)


async def test_texts_are_fetched_from_their_agents_before_the_swap(
    bench: Bench, tmp_path: Path, agent: tuple[str, list[str]]
) -> None:
    url, shown = agent
    identity = an_identity(new_id(NOW))
    attributes = stored_at(a_document("Без слов", "x.txt"), identity)
    await bench.publish(
        a_document_committed(attributes), a_text(attributes, TEXT), a_heartbeat(identity.element_id, url)
    )
    await rebuild(bench.settings, Plan("log", text_seconds=5), telling())
    page = await search(bench.pool, "рукопись", 100)
    assert attributes.document_id in [hit.document_id for hit in page.items]
    secret = program_secret(load_programs_key(tmp_path / "keys" / "programs.key"), identity.element_id)
    assert set(shown) == {f"Bearer {secret}"}
