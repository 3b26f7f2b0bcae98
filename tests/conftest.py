"""What all tests share: one set of real parts for the whole run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from bus.local.stack import Urls
from tests.stack import Running, parts_for_tests
from tests.workers import COSTLY, Controller, group_of, parts_of_the_run, write_groups

settings.register_profile("project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


def pytest_configure(config: pytest.Config) -> None:
    """Share one set of parts where tests are handed out to workers (`-n 3`)."""
    if config.getoption("tx", None) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Controller(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put tests that share what is costly first, and say which they are."""
    items.sort(key=lambda item: group_of(item) not in COSTLY)
    write_groups(config, items)


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Hold that a test leaves the logs of this process as they were: a program that it runs in here sets them up."""
    before = structlog.get_config()["logger_factory"]
    yield
    assert structlog.get_config()["logger_factory"] is before, "run a command that logs in a process: `bus.run`"


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Start PostgreSQL, Kafka and a schema registry, once for all workers."""
    shared = parts_of_the_run(request.config)
    if shared is not None:
        yield shared
        return
    with parts_for_tests() as running:
        yield running


@pytest.fixture(scope="session")
def parts(stack: Running) -> Urls:
    """Say where the parts are; tests keep apart by database and namespace."""
    return stack.urls


@pytest.fixture(scope="session")
def full_data() -> Path:
    """Name the full incident log, where the environment says; skip with the reason otherwise."""
    folder = os.environ.get("TICKETBUS_TEST_DATA")
    if not folder:
        pytest.skip("TICKETBUS_TEST_DATA is not set: it names the folder that holds uci-incident-log/incidents.csv.gz")
    return Path(folder) / "uci-incident-log" / "incidents.csv.gz"
