"""Fixtures that every room may use: the three real servers, a whole live stack, and an honest count at the end."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from infra.runtime.settings import Settings
from tests.archive import Archive
from tests.integration.docker.engine import docker_is_the_provider
from tests.stacks import SERVERS, Stack, running_stack, whole_stack

# With ARTSTORE_TESTS_PROVIDER=docker servers and stacks are containers; nothing of that is loaded otherwise.
pytest_plugins = ["tests.integration.docker.fixtures"] if docker_is_the_provider() else []

REAL = ("servers", "stack")
REAL_PROPERTY = "runs on"
MEASURED = "measured"


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Yield the addresses of a private Kafka, PostgreSQL and Valkey; no program runs beside them."""
    if docker_is_the_provider():
        yield request.getfixturevalue("contained_servers")
        return
    with running_stack(tmp_path_factory.mktemp("servers"), ARTSTORE_STACK__SERVICES=SERVERS) as stack:
        yield stack.settings


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a whole stack, alive for the session."""
    if docker_is_the_provider():
        yield request.getfixturevalue("containers")
        return
    stack = whole_stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.artstore("up")
        yield stack
    finally:
        stack.artstore("down")


@pytest.fixture(scope="module")
def patient_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a module's own whole stack, whose uploads wait for their bytes longer than any test lasts."""
    patient = dict.fromkeys(("DEADLINE_SECONDS", "DEADLINE_SECONDS_MAX"), "7200")
    more = {f"ARTSTORE_GATEWAY__UPLOAD_{name}": seconds for name, seconds in patient.items()}
    stack = whole_stack(tmp_path_factory.mktemp("patient"), **more)
    try:
        stack.artstore("up")
        yield stack
    finally:
        stack.artstore("down")


@pytest.fixture
def archive(stack: Stack) -> Iterator[Archive]:
    """Yield a client signed in as the administrator."""
    with Archive(stack) as client:
        yield client


def pytest_configure() -> None:
    """Let no generated example fail by the clock: how fast a machine is at the moment is no property of the code."""
    patient = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("house", deadline=None, suppress_health_check=patient)
    hypothesis.settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the real servers by its fixtures, and run the cheap tests first.

    So a mistake is told early, and programs that integration tests build in this process, with their tracing, come
    after everything that expects none.
    """
    items.sort(key=_cost)
    for item in items:
        used = getattr(item, "fixturenames", ())
        for name in REAL:
            if name in used:
                item.add_marker(name)
                item.user_properties.append((REAL_PROPERTY, name))
        if {"acceptance", "benchmarks", "e2e"} & set(Path(str(item.fspath)).parts):
            item.add_marker(pytest.mark.timeout(600))


def _cost(item: pytest.Item) -> int:
    folder = Path(str(item.fspath)).relative_to(item.config.rootpath / "tests").parts[0]
    return {"integration": 1, "acceptance": 2, "e2e": 2, "benchmarks": 3, "planted": 4, "campaigns": 5}.get(folder, 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests ran on real servers and what some have measured, and repeat aloud what was skipped and why."""
    passed = terminalreporter.stats.get("passed", [])
    counts = {name: sum((REAL_PROPERTY, name) in report.user_properties for report in passed) for name in REAL}
    terminalreporter.write_line(
        f"on real Kafka, PostgreSQL and Valkey: {counts['servers']} tests on the servers alone, "
        f"{counts['stack']} on a whole live stack"
    )
    for text in (text for report in passed for name, text in report.user_properties if name == MEASURED):
        terminalreporter.write_line(f"measured: {text}")
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"SKIPPED {report.nodeid}: {report.longrepr}")
