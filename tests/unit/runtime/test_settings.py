"""Settings come from ARTSTORE_* variables alone, and a slip of the pen is told with the nearest right word."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from infra.runtime.settings import Settings, default_home, known_variables, load_settings
from infra.runtime.settings_sections import GatewaySettings, KafkaSettings, PostgresSettings, RedisSettings
from schemas.errors import ConfigurationInvalid


def test_sections_are_filled_from_nested_variables() -> None:
    settings = load_settings(
        {
            "ARTSTORE_HOME": "/data",
            "ARTSTORE_AGENT__NAME": "vault",
            "ARTSTORE_AGENT__MODE": "rw",
            "ARTSTORE_GATEWAY__UPLOAD_DEADLINE_SECONDS": "20",
            "ARTSTORE_AGENT__REFUSED_TYPES": "elf, script",
            "PATH": "/bin",
        }
    )
    assert settings.home == Path("/data")
    assert settings.agent.mode == "rw"
    assert settings.gateway.upload_deadline_seconds == 20
    assert settings.agent.refused_types == ("elf", "script")
    assert settings.agent_root == Path("/data/elements/vault")
    assert settings.installation_key_path == Path("/data/keys/installation.key")
    assert settings.agent_public_url == "http://127.0.0.1:8081"


def test_an_unknown_section_names_the_nearest_known_variable() -> None:
    with pytest.raises(ConfigurationInvalid, match="ARTSTORE_KAFKA__BOOTSTRAP_SERVERS") as caught:
        load_settings({"ARTSTORE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092"})
    assert caught.value.errors[0].pointer == "ARTSTORE_KAFKA_BOOTSTRAP_SERVERS"


def test_an_unknown_nested_key_names_the_nearest_known_variable() -> None:
    with pytest.raises(ConfigurationInvalid, match="nearest known one is ARTSTORE_GATEWAY__PORT"):
        load_settings({"ARTSTORE_GATEWAY__PROT": "80"})


def test_a_wrong_value_names_its_variable_and_never_shows_a_secret() -> None:
    with pytest.raises(ConfigurationInvalid, match="ARTSTORE_GATEWAY__PORT") as caught:
        load_settings({"ARTSTORE_GATEWAY__PORT": "many", "ARTSTORE_POSTGRES__DSN": "postgresql://u:hidden@h/d"})
    assert "hidden" not in caught.value.detail


def test_an_empty_variable_counts_as_unset() -> None:
    assert load_settings({"ARTSTORE_GATEWAY__PUBLIC_URL": ""}).gateway.public_url is None


def test_a_deadline_above_its_cap_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigurationInvalid, match="above upload_deadline_seconds_max"):
        load_settings({"ARTSTORE_GATEWAY__UPLOAD_DEADLINE_SECONDS": "999999"})


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings(home=Path("/data")).home = Path("/other")  # type: ignore[misc]


def test_every_field_says_what_it_is_for() -> None:
    settings = Settings(home=Path("/data"))
    sections = [type(settings), *(type(getattr(settings, name)) for name in type(settings).model_fields)]
    for section in sections:
        for name, field in getattr(section, "model_fields", {}).items():
            assert field.description, f"{section.__name__}.{name}"


def test_known_variables_follow_the_tree() -> None:
    known = known_variables()
    assert known[0] == "ARTSTORE_HOME"
    assert {"ARTSTORE_POSTGRES__DSN", "ARTSTORE_STACK__HOT_PORT", "ARTSTORE_BOOTSTRAP__ADMIN_PASSWORD"} <= set(known)


def test_masked_settings_hold_no_secret_and_are_plain_json() -> None:
    settings = Settings(
        home=Path("/data"),
        postgres=PostgresSettings(dsn=SecretStr("postgresql://u:hidden@h/d")),
        redis=RedisSettings(url=SecretStr("redis://:hidden@h")),
    )
    masked = settings.masked()
    assert "hidden" not in str(masked)
    assert masked["home"] == "/data"
    assert masked["postgres"] == {
        "dsn": "***",
        "pool_size": 8,
        "connect_timeout_seconds": 10.0,
        "statement_timeout_seconds": 30.0,
    }


def test_a_missing_address_says_what_to_set() -> None:
    with pytest.raises(ConfigurationInvalid, match="ARTSTORE_KAFKA__BOOTSTRAP_SERVERS"):
        KafkaSettings().required_servers()
    with pytest.raises(ConfigurationInvalid, match="artstore up"):
        PostgresSettings().required_dsn()
    assert RedisSettings(url=SecretStr("redis://h")).required_url() == "redis://h"


def test_a_public_url_loses_its_last_slash() -> None:
    settings = Settings(home=Path("/data"), gateway=GatewaySettings(public_url="https://archive.example/"))
    assert settings.gateway_public_url == "https://archive.example"


def test_home_lies_in_the_clone_around_the_folder(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "artstore"\n', encoding="utf-8")
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    assert default_home(inside) == tmp_path / ".artstore"


def test_home_outside_a_clone_is_the_users_data_folder(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n', encoding="utf-8")
    assert default_home(tmp_path).name == "artstore"
    assert tmp_path not in default_home(tmp_path).parents
