"""One real stack for all tests of the local stack, and what they read of processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bus.local.parts import REPLACED_BY
from bus.local.parts import embedded as embedded_parts
from bus.local.stack import Urls
from bus.settings import Settings, load, variables
from tests.stack import Running, fresh_data, parts_for_tests


@pytest.fixture(scope="session")
def embedded(request: pytest.FixtureRequest) -> Iterator[tuple[Path, Urls]]:
    """Give all parts as a local stack runs them: those of all tests, unless the environment names others."""
    if embedded_parts(load()) == [*REPLACED_BY]:
        stack: Running = request.getfixturevalue("stack")
        yield stack.data, stack.urls
        return
    with parts_for_tests(only_embedded()) as running:
        yield running.data, running.urls


def only_embedded() -> Settings:
    """Answer settings that name no outside part."""
    return Settings().model_copy(update=dict.fromkeys((*REPLACED_BY.values(), "schema_registry_basic_auth")))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no setting in the environment."""
    for variable in variables().values():
        monkeypatch.delenv(variable, raising=False)


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
            "schema_registry_basic_auth": SecretStr(urls.schema_registry_basic_auth or ""),
        }
        return Settings().model_copy(update=named | changes)

    return settings
