"""The commands about documents, run against the double."""

import json
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from infra.cli.session import Place
from schemas import errors
from tests.unit.cli.archive_double import PASSWORD, Command, World, as_lines
from tests.unit.cli.shown import NOW

AFFIDAVIT = "Ледоход на реке".encode()


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "Отчёт_о_ледоходе.txt"
    path.write_bytes(AFFIDAVIT)
    return path


def document_id_of(artstore: Command, report: Path) -> str:
    return str(as_lines(artstore("put", report, "--json").stdout)[0]["document_id"])


def test_the_session_is_kept_for_its_owner_alone(artstore: Command, place: Place) -> None:
    result = artstore("login", "--user", "maria", "--password-stdin", typed=f"{PASSWORD}\n")
    assert result.exit_code == 0
    assert place.session_file.stat().st_mode & 0o777 == 0o600
    assert json.loads(place.session_file.read_text())["login"] == "maria"
    assert PASSWORD not in place.session_file.read_text()


def test_a_password_may_be_typed(artstore: Command) -> None:
    assert artstore("login", typed=f"{PASSWORD}\n").exit_code == 0


def test_a_wrong_password_ends_with_code_one_and_a_sentence(artstore: Command) -> None:
    result = artstore("login", "--password-stdin", typed="wrong\n")
    assert result.exit_code == 1
    assert "Wrong login or password" in result.stderr


def test_the_local_administrator_is_signed_in_by_itself_and_told_once(artstore: Command) -> None:
    assert "Signing in" in artstore("ls").stderr
    assert artstore("ls").stderr == ""


def test_without_password_and_session_the_way_to_sign_in_is_named(artstore: Command, place: Place) -> None:
    (place.home / "admin-password").unlink()
    result = artstore("ls")
    assert result.exit_code == 1
    assert "artstore login --user NAME" in result.stderr


def test_a_session_that_someone_began_is_not_replaced_by_the_administrators(artstore: Command, place: Place) -> None:
    artstore("login", "--user", "maria", "--password-stdin", typed=f"{PASSWORD}\n")
    kept = json.loads(place.session_file.read_text())
    place.session_file.write_text(json.dumps({**kept, "expires_at": 0}))
    result = artstore("ls")
    assert result.exit_code == 1
    assert "artstore login --user maria" in result.stderr


def test_a_damaged_session_file_is_as_good_as_none(artstore: Command, place: Place) -> None:
    place.session_file.write_text("[half")
    assert artstore("ls").exit_code == 0


def test_putting_the_same_file_twice_adds_nothing(artstore: Command, world: World, report: Path) -> None:
    first, second = (as_lines(artstore("put", report, "--json").stdout)[0] for _ in range(2))
    assert (first["already"], second["already"]) == (False, True)
    assert first["document_id"] == second["document_id"]
    assert world.puts == [report.name]


def test_a_person_is_told_that_the_file_was_there(artstore: Command, report: Path) -> None:
    artstore("put", report)
    assert "already there" in artstore("put", report).stdout


def test_another_description_of_a_file_that_was_put_is_refused_with_the_reason(artstore: Command, report: Path) -> None:
    artstore("put", report)
    result = artstore("put", report, "--title", "Другой")
    assert result.exit_code == 1
    assert "another description" in result.stderr


def test_the_description_goes_with_the_file(artstore: Command, world: World, report: Path) -> None:
    words = ["--title", "Ледоход", "--tag", "река", "--tag", "лёд", "--class", "отчёт", "--retention", "years-5"]
    fields = ["--custom", "год=1887", "--custom", "код=007", "--custom", "верно=true", "--custom", "доля=0.5"]
    assert artstore("put", report, *words, *fields, "--element", "vault").exit_code == 0
    (stored,) = world.committed()
    assert stored.body.tags == ("река", "лёд")
    assert stored.body.custom == {"год": 1887, "код": "007", "верно": True, "доля": 0.5}
    assert (stored.body.retention_class, stored.body.element_id) == ("years-5", "vault")
    assert stored.body.media_type == "text/plain"


@pytest.mark.parametrize("words", [["--retention", "weeks-2"], ["--custom", "nothing"], ["--custom", "=x"]])
def test_wrong_options_are_wrong_usage(artstore: Command, report: Path, words: list[str]) -> None:
    assert artstore("put", report, *words).exit_code == 2


def test_one_file_that_fails_does_not_keep_the_others_out(
    artstore: Command, world: World, report: Path, tmp_path: Path
) -> None:
    late = tmp_path / "late.txt"
    late.write_text("late")
    world.failing_names.add("late.txt")
    result = artstore("put", late, report)
    assert result.exit_code == 3
    assert "late.txt: Upload abandoned" in result.stderr
    assert len(world.committed()) == 1


def test_when_no_file_went_in_the_code_is_one(artstore: Command, world: World, report: Path) -> None:
    world.refused_puts = [errors.TypeRefused()]
    result = artstore("put", report, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr.splitlines()[-1])["code"] == "type_refused"


def test_a_document_is_found_by_another_form_of_its_word(artstore: Command, report: Path) -> None:
    document_id = document_id_of(artstore, report)
    assert [hit["document_id"] for hit in as_lines(artstore("find", "ледоходом", "реке", "--json").stdout)] == [
        document_id
    ]
    assert report.name in artstore("find", "ледоходами").stdout


def test_the_limit_cuts_a_list_that_goes_over_many_pages(artstore: Command, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.txt" for number in range(12)]
    for file in files:
        file.write_text(file.name)
    artstore("put", *files)
    assert len(as_lines(artstore("ls", "--json").stdout)) == 12
    assert len(artstore("ls", "--limit", "9").stdout.splitlines()) == 9


def test_get_writes_the_file_only_when_its_digest_holds(
    artstore: Command, world: World, report: Path, tmp_path: Path
) -> None:
    document_id = document_id_of(artstore, report)
    target = tmp_path / "out" / "copy.txt"
    target.parent.mkdir()
    world.flipped_bit_in.add(report.name)
    assert artstore("get", document_id, "-o", target).exit_code == 1
    assert list(target.parent.iterdir()) == []
    world.flipped_bit_in.clear()
    assert artstore("get", document_id, "-o", target).exit_code == 0
    assert target.read_bytes() == AFFIDAVIT


def test_get_replaces_a_file_only_when_forced(artstore: Command, report: Path, tmp_path: Path) -> None:
    document_id = document_id_of(artstore, report)
    target = tmp_path / "mine.txt"
    target.write_text("mine")
    result = artstore("get", document_id, "-o", target)
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert target.read_text() == "mine"
    assert artstore("get", document_id, "-o", target, "--force").exit_code == 0
    assert target.read_bytes() == AFFIDAVIT


def test_get_can_write_to_the_next_program(artstore: Command, report: Path) -> None:
    assert artstore("get", document_id_of(artstore, report), "-o", "-").stdout_bytes == AFFIDAVIT


def test_stat_shows_a_document_to_people_and_to_programs(artstore: Command, report: Path) -> None:
    document_id = document_id_of(artstore, report)
    assert "Administrator (admin)" in artstore("stat", document_id).stdout
    assert json.loads(artstore("stat", document_id, "--json").stdout)["retention"] == {
        "class": "permanent",
        "until": None,
    }
    assert "attr_sha256" in json.loads(artstore("stat", document_id, "--attributes").stdout)


def test_a_link_is_printed_alone_for_the_next_program_and_its_end_for_people(artstore: Command, report: Path) -> None:
    document_id = document_id_of(artstore, report)
    result = artstore("link", document_id, "--hours", "36")
    assert result.stdout.count("\n") == 1
    assert httpx2.get(result.stdout.strip(), trust_env=False).content == AFFIDAVIT
    assert f"{NOW + timedelta(hours=36):%Y-%m-%d %H:%M:%S}" in result.stderr
    assert json.loads(artstore("link", document_id, "--json").stdout)["document_id"] == document_id
    assert artstore("link", document_id, "--hours", "169").exit_code == 2


def test_an_unknown_document_is_an_error(artstore: Command) -> None:
    result = artstore("stat", "0" * 8)
    assert result.exit_code == 1
    assert "Not found" in result.stderr


def test_the_trail_shows_each_event_under_its_cause(artstore: Command, report: Path) -> None:
    lines = artstore("events", "--document", document_id_of(artstore, report)).stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["SagaAdvanced", "DocumentCommitted"]
    assert lines[1].startswith("  2026")


def test_a_description_that_breaks_a_limit_names_the_field(artstore: Command, report: Path) -> None:
    result = artstore("put", report, "--title", "т" * 2000)
    assert result.exit_code == 1
    assert "/title" in result.stderr


def test_a_name_cannot_steer_the_terminal(artstore: Command, report: Path) -> None:
    artstore("put", report, "--title", "red \x1b[31m alert")
    assert "red  [31m alert" in artstore("find", "alert").stdout


def test_a_file_that_fails_is_named_in_json_too(artstore: Command, world: World, report: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_bytes(b"other")
    world.refused_puts.append(errors.TypeRefused())
    result = artstore("put", other, report, "--json")
    assert result.exit_code == 3
    told = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert [(line["about"], line["code"]) for line in told] == [(str(other), "type_refused")]


def test_what_the_disk_refuses_is_json_where_json_is_asked_for(artstore: Command, report: Path) -> None:
    document_id = document_id_of(artstore, report)
    result = artstore("get", document_id, "-o", report, "--json")
    (told,) = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert (result.exit_code, told["code"], told["about"]) == (1, "os_error", str(report))


def test_damaged_documents_are_listed_and_marked_wherever_they_are_shown(
    artstore: Command, world: World, report: Path
) -> None:
    assert artstore("damages").stderr.endswith("0 damaged.\n")
    document_id = document_id_of(artstore, report)
    assert "damaged" not in artstore("ls").stdout
    world.damaged.add(report.name)
    listed = artstore("damages")
    assert listed.stdout == f"{document_id} v1  2026-11-24 12:00:00  hot  body: digest  {report.name}\n"
    assert listed.stderr == "1 damaged.\n"
    (item,) = as_lines(artstore("damages", "--json").stdout)
    assert (item["document_id"], item["found_by"]) == (document_id, "scrub")
    assert artstore("ls").stdout.rstrip().endswith("damaged")
    assert "damaged (body: digest), seen 2026-11-24 12:00:00" in artstore("stat", document_id).stdout
