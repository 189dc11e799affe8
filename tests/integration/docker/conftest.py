"""The Docker tests are skipped aloud unless Docker is the provider; all their fixtures come with it."""

from pathlib import Path

import pytest

from tests.integration.docker.engine import reason_against

HERE = Path(__file__).parent
IMAGES_ARE_MADE = pytest.mark.timeout(1800)  # the first test waits for every image to be made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say the reason against before a fixture is looked for."""
    reason = reason_against()
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(IMAGES_ARE_MADE)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))
