"""The stacks of the fault tests, started when first needed, and the seed that chance is taken from."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.bus_under_test import Bus, bus_on
from tests.faults.stack import FaultStack, running_stack

SEED = 20261122  # of the short selection: the same faults at every run
_FRESH = secrets.randbelow(2**31)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take a seed, to run the same faults again."""
    parser.addoption("--seed", type=int, default=None, help="seed of the fault tests; without it a fresh one is taken")


def pytest_report_header(config: pytest.Config) -> str:
    """Say the seed at the start."""
    return f"faults: marked tests take their chances from --seed {_seed(config, marked=True)}"


def _seed(config: pytest.Config, *, marked: bool) -> int:
    given: int | None = config.getoption("--seed", default=None)
    return given if given is not None else _FRESH if marked else SEED


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Random:
    """Give the test's own chance: from the seed and the test's name, so that other tests change nothing."""
    seed = _seed(request.config, marked=request.node.get_closest_marker("faults") is not None)
    print(f"--seed {seed}")  # shown with the failure that it repeats
    return Random(f"{seed} {request.node.name}")  # noqa: S311 - repeatable on purpose


@pytest.fixture(scope="package")
def one_broker() -> Iterator[FaultStack]:
    """Run PostgreSQL, one broker and a registry for the fault tests alone."""
    with running_stack(brokers=1) as stack:
        yield stack


@pytest.fixture(scope="package")
def three_brokers() -> Iterator[FaultStack]:
    """Run PostgreSQL, three brokers and a registry for the fault tests alone."""
    with running_stack(brokers=3) as stack:
        yield stack


@pytest.fixture
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus of this test's own; nothing runs yet.

    It is on the parts of all tests, unless the test takes the one broker to harm its parts: they are whole afterwards.
    """
    if "one_broker" in request.fixturenames:
        stack: FaultStack = request.getfixturevalue("one_broker")
        own = stack.bus(tmp_path)
    else:
        own = bus_on(request.getfixturevalue("parts"), tmp_path)
    with own as made:
        yield made


@pytest.fixture
def replicated_bus(three_brokers: FaultStack, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus of this test's own on three brokers; nothing runs yet, and every part is whole afterwards."""
    with three_brokers.bus(tmp_path) as made:
        yield made
