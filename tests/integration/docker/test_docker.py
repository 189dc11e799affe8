"""The Docker provider: our image on a real engine, servers and stack as containers, what they promise and survive."""

import stat

from testcontainers.core.container import DockerContainer

from infra.runtime.settings import Settings
from infra.stack.readiness import ask_kafka, ask_postgres, ask_redis
from tests.archive import Archive
from tests.integration.docker.composed import Containers
from tests.integration.docker.engine import Engine
from tests.integration.docker.images import OURS, Images
from tests.interface import assert_it_is_served
from tests.stacks import PROGRAMS

OUR_MEBIBYTES_MAX = 180
SERVERS_PROGRAMS = ("java", "postgres", "valkey-server", "redis-server", "pip")


def test_the_image_is_small_holds_no_server_and_runs_as_nobody_special(engine: Engine, images: Images) -> None:
    held = DockerContainer(OURS, entrypoint=["sleep", "60"], network_mode="none")
    with held as container:
        assert container.exec(["id", "-u"]).output.strip() == b"10001"
        assert container.exec(["touch", "/opt/artstore/x"]).exit_code != 0
        for program in SERVERS_PROGRAMS:
            searched = f"command -v {program} || find /opt /usr /var -xdev -type f -perm /111 -name {program} | grep ."
            assert container.exec(["sh", "-c", searched]).exit_code != 0, program
        listed = container.exec(["artstore", "--help"]).output.decode()
        assert all(command in listed for command in ("gateway", "processor", "projector", "agent"))
    sizes = [int(engine.docker("image", "inspect", "--format", "{{.Size}}", name)) for name in (OURS, images.base)]
    assert (sizes[0] - sizes[1]) / 2**20 < OUR_MEBIBYTES_MAX


async def test_each_server_is_a_container_that_answers_whoever_has_the_password(contained_servers: Settings) -> None:
    dsn = contained_servers.postgres.required_dsn()
    url = contained_servers.redis.required_url()
    assert await ask_kafka(contained_servers.kafka.required_servers()) is None
    assert await ask_postgres(dsn) is None
    assert await ask_redis(url) is None
    assert await ask_postgres(dsn.replace("artstore:", "artstore:no", 1))
    assert await ask_redis(url.replace("redis://:", "redis://:no", 1))


def test_every_program_of_ours_runs_without_rights_and_writes_only_where_its_volumes_are(
    containers: Containers,
) -> None:
    for program in PROGRAMS:
        found = containers.inspect(program)
        host = found["HostConfig"]
        assert found["Config"]["User"] == "10001:10001"
        assert (host["CapDrop"], host["Privileged"], host["ReadonlyRootfs"]) == (["ALL"], False, True)
        assert "no-new-privileges:true" in host["SecurityOpt"]
        written = "touch /opt/artstore/x || touch /var/lib/artstore/x || touch /etc/x"
        assert containers.composed("exec", "-T", program, "sh", "-c", written, check=False).returncode != 0, program


def test_what_runs_is_healthy_and_every_step_has_ended_well(containers: Containers) -> None:
    containers.await_ready(*PROGRAMS, "kafka", "postgres", "valkey")
    for step in ("database", "topics", "keys"):
        state = containers.inspect(step)["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", 0), step


def test_the_interface_has_travelled_into_the_image(containers: Containers) -> None:
    assert_it_is_served(containers.url)


def test_an_element_belongs_to_its_agent_alone(containers: Containers) -> None:
    for element in ("hot", "vault"):
        found = containers.root(element).stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (10001, 10001, 0o700)


def test_an_operators_commands_run_in_a_container_that_may_not_write_elements(containers: Containers) -> None:
    assert containers.artstore("diff").stdout == ""
    element = "/var/lib/artstore/elements/hot"
    touched = containers.run_inside("artstore", "--entrypoint", "touch", words=(f"{element}/x",), check=False)
    assert touched.returncode != 0
    assert "Read-only" in touched.stdout + touched.stderr


def test_a_stop_is_orderly(containers: Containers) -> None:
    containers.composed("stop", *PROGRAMS)
    ends = {program: containers.inspect(program)["State"] for program in PROGRAMS}
    containers.start()
    assert {program: state["ExitCode"] for program, state in ends.items()} == dict.fromkeys(PROGRAMS, 0)


def test_what_was_put_outlives_its_containers(containers: Containers, archive: Archive) -> None:
    upload = archive.store("долго.txt", "Переживёт свой контейнер.".encode())
    before = containers.inspect("agent-hot")["Id"]
    containers.composed("down")
    containers.start()
    assert containers.inspect("agent-hot")["Id"] != before
    with Archive(containers) as later:
        assert later.content(upload["document_id"]).content == "Переживёт свой контейнер.".encode()
        assert upload["document_id"] in {hit["document_id"] for hit in later.search("переживёт контейнер")}
        later.store("потом.txt", b"goes on")
