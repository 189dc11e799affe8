"""Kafka's jars: what the lock promises, and what counts as unfit."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from infra.stack.jars import jar_folder, locked_builds, unfit_jars
from infra.stack.shell import ca_bundle


def put(folder: Path, files: Mapping[str, bytes]) -> dict[str, str]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def test_the_lock_names_ninety_two_jars_by_sha256_and_no_address() -> None:
    jars = {name: digest for build in locked_builds() for name, digest in build.jars.items()}
    assert len(jars) == 92
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in jars.values())
    assert all(re.fullmatch(r"[\w.-]+\.jar", name) for name in jars)


def test_two_builds_never_disagree_about_a_jar() -> None:
    first, second = locked_builds()
    assert {name: first.jars[name] for name in first.jars.keys() & second.jars.keys()} == {
        name: second.jars[name] for name in first.jars.keys() & second.jars.keys()
    }


def test_of_log4j_only_the_versions_of_its_own_build_are_taken() -> None:
    jars = {name for build in locked_builds() for name in build.jars}
    assert {name for name in jars if name.startswith("log4j-")} == {
        "log4j-api-2.25.1.jar",
        "log4j-core-2.25.1.jar",
        "log4j-slf4j-impl-2.25.1.jar",
    }
    assert {"kafka_2.13-4.3.1.jar", "kafka-clients-4.3.1.jar", "kafka-tools-4.3.1.jar"} <= jars


def test_a_missing_and_a_damaged_jar_are_unfit(tmp_path: Path) -> None:
    jars = put(tmp_path, {"good.jar": b"good", "bad.jar": b"bad", "gone.jar": b"gone"})
    (tmp_path / "bad.jar").write_bytes(b"bae")
    (tmp_path / "gone.jar").unlink()
    assert unfit_jars(tmp_path, jars) == ["bad.jar", "gone.jar"]


def test_a_given_folder_goes_before_the_users_cache(tmp_path: Path) -> None:
    assert jar_folder(tmp_path) == tmp_path
    assert jar_folder(None).name == "jars"


def test_certificates_come_from_the_environment_first(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    assert ca_bundle({"SSL_CERT_FILE": str(bundle)}) == str(bundle)
    assert ca_bundle({"SSL_CERT_FILE": str(tmp_path / "absent")}) != str(tmp_path / "absent")
