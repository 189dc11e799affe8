"""The Docker provider: our image on a real engine, and the story of an upload told by containers alone."""

import json

import pytest
from testcontainers.core.container import DockerContainer

from tests.acceptance.test_upload import test_a_document_goes_in_and_is_found as the_story_of_an_upload
from tests.archive import Archive
from tests.integration.docker.conftest import Containers
from tests.integration.docker.engine import Engine
from tests.integration.docker.images import OURS, Images
from tests.stacks import PROGRAMS, Stack

pytestmark = pytest.mark.timeout(1800)  # the first test waits for every image to be made
OUR_MEBIBYTES_MAX = 250
SERVERS_PROGRAMS = ("java", "postgres", "valkey-server", "pip")


def test_the_image_is_small_holds_no_server_and_runs_as_nobody_special(engine: Engine, images: Images) -> None:
    held = DockerContainer(OURS, entrypoint=["sleep", "60"], network_mode="none")
    with held as container:
        assert container.exec(["id", "-u"]).output.strip() == b"10001"
        assert container.exec(["touch", "/opt/artstore/x"]).exit_code != 0
        for program in SERVERS_PROGRAMS:
            assert container.exec(["sh", "-c", f"command -v {program}"]).exit_code != 0, program
        listed = container.exec(["artstore", "--help"]).output.decode()
        assert all(command in listed for command in ("gateway", "processor", "projector", "agent"))
    sizes = [int(engine.docker("image", "inspect", "--format", "{{.Size}}", name)) for name in (OURS, images.base)]
    assert (sizes[0] - sizes[1]) / 2**20 < OUR_MEBIBYTES_MAX


def test_a_document_goes_in_and_is_found_through_containers(stack: Stack, archive: Archive) -> None:
    the_story_of_an_upload(stack, archive)


def test_every_program_of_ours_runs_without_rights_and_every_step_has_ended_well(stack: Containers) -> None:
    for program in PROGRAMS:
        stack.await_healthy(program)
        [found] = json.loads(stack.engine.docker("inspect", stack.container(program)))
        assert found["Config"]["User"] == "10001:10001"
        assert found["HostConfig"]["CapDrop"] == ["ALL"]
        assert not found["HostConfig"]["Privileged"]
    for step in ("database", "topics", "keys"):
        [found] = json.loads(stack.engine.docker("inspect", stack.container(step)))
        assert (found["State"]["Status"], found["State"]["ExitCode"]) == ("exited", 0)


def test_the_containers_serve_the_demo(stack: Stack) -> None:
    first = json.loads(stack.artstore("demo", "--json").stdout)
    assert (first["wrong"], first["already_there"]) == ([], 0)
    again = json.loads(stack.artstore("demo", "--json").stdout)
    assert again["already_there"] == again["documents"] == first["documents"]


def test_what_was_put_outlives_its_containers(stack: Containers, archive: Archive) -> None:
    upload = archive.store("долго.txt", "Переживёт свой контейнер.".encode())
    stack.compose.stop(down=False)
    stack.compose.start()
    stack.await_gateway()
    with Archive(stack) as later:
        assert later.content(upload["document_id"]).content == "Переживёт свой контейнер.".encode()
        assert upload["document_id"] in {hit["document_id"] for hit in later.search("переживёт контейнер")}
        later.store("потом.txt", b"goes on")
