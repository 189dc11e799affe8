"""The installation key: made once, private, wraps for one subject, signs; secrets between programs."""

import stat
from pathlib import Path

import pytest

from infra.runtime.installation import (
    Installation,
    ensure_installation,
    load_programs_key,
    load_public,
    program_secret,
    same_secret,
    verify_signature,
)
from schemas.errors import ConfigurationInvalid, Corrupted

SECRET = bytes(range(32))
INSTALLATION = Installation.from_secret(SECRET)


def test_a_new_installation_has_three_private_files_that_fit_together(tmp_path: Path) -> None:
    ensure_installation(tmp_path / "keys")
    files = {path.name: path for path in (tmp_path / "keys").iterdir()}
    assert set(files) == {"installation.key", "installation.pub", "programs.key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert load_public(files["installation.pub"]) == Installation.load(files["installation.key"]).public
    assert len(load_programs_key(files["programs.key"])) == 32


def test_a_second_start_replaces_nothing(tmp_path: Path) -> None:
    ensure_installation(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ensure_installation(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_key_file_that_is_missing_cut_or_open_to_others_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "installation.key"
    with pytest.raises(ConfigurationInvalid, match="artstore up"):
        Installation.load(file)
    file.write_bytes(SECRET[:31])
    file.chmod(0o600)
    with pytest.raises(ConfigurationInvalid, match="31 bytes"):
        Installation.load(file)
    file.write_bytes(SECRET)
    file.chmod(0o640)
    with pytest.raises(ConfigurationInvalid, match="chmod 600"):
        Installation.load(file)


def test_a_public_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "installation.pub"
    for text in ("not hex", "abcd"):
        file.write_text(text)
        with pytest.raises(ConfigurationInvalid):
            load_public(file)


def test_a_sealed_secret_opens_for_its_subject_and_for_no_other() -> None:
    sealed = INSTALLATION.wrap(b"hash", "account-1")
    assert INSTALLATION.unwrap(sealed, "account-1") == b"hash"
    assert b"hash" not in sealed.ciphertext
    with pytest.raises(Corrupted):
        INSTALLATION.unwrap(sealed, "account-2")
    with pytest.raises(Corrupted):
        INSTALLATION.unwrap(sealed.model_copy(update={"ciphertext": sealed.ciphertext[:-1] + b"!"}), "account-1")


def test_a_secret_of_another_installation_is_named_as_such() -> None:
    other = Installation.from_secret(bytes(32))
    with pytest.raises(ConfigurationInvalid, match=other.key_id):
        INSTALLATION.unwrap(other.wrap(b"x", "a"), "a")


def test_a_signature_holds_for_its_data_and_its_installation_only() -> None:
    signature = INSTALLATION.sign(b"data")
    assert verify_signature(INSTALLATION.public, b"data", signature)
    assert not verify_signature(INSTALLATION.public, b"Data", signature)
    assert not verify_signature(INSTALLATION.public, b"data", b"")
    assert not verify_signature(Installation.from_secret(bytes(32)).public, b"data", signature)
    assert not verify_signature(b"short", b"data", signature)


def test_the_secret_between_programs_is_one_per_element() -> None:
    first = program_secret(SECRET, "element-1")
    assert first == program_secret(SECRET, "element-1")
    assert first != program_secret(SECRET, "element-2")
    assert same_secret(first, first)
    assert not same_secret(first, "ж")


def test_the_installation_key_never_shows_in_a_printout() -> None:
    assert "AESGCM" not in repr(INSTALLATION)
    assert SECRET.hex() not in repr(INSTALLATION)
