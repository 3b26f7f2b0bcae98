"""One real stack for all tests of the local stack, and what they read of processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.local.stack import Urls, running_parts
from bus.settings import Settings
from tests.stack import fresh_data


@pytest.fixture(scope="session")
def embedded() -> Iterator[tuple[Path, Urls]]:
    """Run PostgreSQL, Kafka and the registry in a directory of their own, whatever the environment names."""
    with fresh_data() as data, running_parts(data, settings=only_embedded()) as urls:
        yield data, urls


def only_embedded() -> Settings:
    """Answer settings that name no outside part."""
    return Settings().model_copy(update=dict.fromkeys(("database_url", "kafka_bootstrap", "schema_registry_url")))


@pytest.fixture
def data() -> Iterator[Path]:
    """Answer an empty data directory."""
    with fresh_data() as directory:
        yield directory


@pytest.fixture
def said() -> list[str]:
    """Collect what a stack says."""
    return []


@pytest.fixture
def outside(embedded: tuple[Path, Urls]) -> Callable[..., Settings]:
    """Answer a maker of settings that name the running parts as outside ones, less those given as None."""
    _, urls = embedded

    def settings(**changes: object) -> Settings:
        named = {
            "database_url": urls.database_url,
            "kafka_bootstrap": urls.kafka_bootstrap,
            "schema_registry_url": urls.schema_registry_url,
        }
        return Settings().model_copy(update=named | changes)

    return settings
