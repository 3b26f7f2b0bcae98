"""What all tests share: one set of real parts for the whole run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bus.local.stack import Urls
from tests.stack import parts_for_tests

settings.register_profile("project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


@pytest.fixture(scope="session")
def parts() -> Iterator[Urls]:
    """PostgreSQL, Kafka and a schema registry, started once; tests keep apart by database and namespace."""
    with parts_for_tests() as urls:
        yield urls


@pytest.fixture(scope="session")
def full_data() -> Path:
    """Name the full incident log, where the environment says; skip with the reason otherwise."""
    folder = os.environ.get("TICKETBUS_TEST_DATA")
    if not folder:
        pytest.skip("TICKETBUS_TEST_DATA is not set: it names the folder that holds uci-incident-log/incidents.csv.gz")
    return Path(folder) / "uci-incident-log" / "incidents.csv.gz"
