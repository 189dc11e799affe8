"""The servers' own settings: loopback only, passwords asked for, odd paths survived."""

from pathlib import Path

import pytest

from infra.stack import kafka, postgres, valkey


def properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_kafka_listens_on_loopback_and_makes_no_topic_by_itself() -> None:
    found = properties(kafka.server_properties(Path("/data"), 20001, 20002))
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"
    assert found["auto.create.topics.enable"] == "false"


@pytest.mark.parametrize(
    ("folder", "written"),
    [("/дом", r"/\u0434\u043e\u043c"), ("/a b", "/a b"), ("/a\\b", r"/a\\b"), ("/📁", r"/\ud83d\udcc1")],
)
def test_kafkas_data_folder_may_have_any_name(folder: str, written: str) -> None:
    assert properties(kafka.server_properties(Path(folder), 1, 2))["log.dirs"] == written


def test_java_compiles_less_only_when_asked() -> None:
    jars = [Path("/j/a.jar"), Path("/j/b.jar")]
    assert "TieredStopAtLevel" not in kafka.java_arguments(jars, Path("/l"), 384, quick=False)
    quick = kafka.java_arguments(jars, Path("/l"), 256, quick=True)
    assert '"-XX:TieredStopAtLevel=1"\n' in quick
    assert '"-Xmx256m"\n' in quick
    assert quick.endswith('"-cp"\n"/j/a.jar:/j/b.jar"\n')


def test_postgres_has_no_socket_file_and_asks_for_a_password() -> None:
    lines = postgres.postgresql_conf(20003).splitlines()
    assert "listen_addresses = '127.0.0.1'" in lines
    assert "unix_socket_directories = ''" in lines
    assert "password_encryption = 'scram-sha-256'" in lines
    assert "port = 20003" in lines


def test_the_programs_of_postgres_are_found_without_importing_the_package() -> None:
    assert (postgres.programs() / "initdb").exists()


def test_valkey_asks_for_a_password_and_keeps_no_file() -> None:
    lines = valkey.valkey_conf(Path("/v"), 20004, "secret").splitlines()
    assert {"bind 127.0.0.1", "port 20004", "requirepass secret", 'save ""', "appendonly no"} <= set(lines)


def test_addresses_carry_the_passwords() -> None:
    assert postgres.dsn(5, "p") == "postgresql://artstore:p@127.0.0.1:5/artstore"
    assert valkey.url(6, "q") == "redis://:q@127.0.0.1:6/0"
