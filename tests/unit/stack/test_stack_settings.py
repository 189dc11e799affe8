"""What the launcher takes from the environment."""

import pytest

from infra.runtime.settings import load_settings
from schemas.errors import ConfigurationInvalid


def test_services_are_written_with_commas() -> None:
    settings = load_settings({"ARTSTORE_STACK__SERVICES": "kafka, postgres"})
    assert settings.stack.services == ("kafka", "postgres")


def test_an_unknown_service_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigurationInvalid, match=r"ARTSTORE_STACK__SERVICES.*'redis'"):
        load_settings({"ARTSTORE_STACK__SERVICES": "kafka,redis"})


def test_a_quick_java_has_to_be_asked_for() -> None:
    assert load_settings({}).stack.quick_jvm is False
    assert load_settings({"ARTSTORE_STACK__QUICK_JVM": "true"}).stack.quick_jvm is True
