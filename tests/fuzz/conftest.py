"""Where the chance of garbage comes from: the same at every run, a fresh one, which is said, in marked tests."""

import secrets
from collections.abc import Iterator
from random import Random

import pytest
import structlog

SEED = 20261122


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """Give the test's own chance, from the seed and the test's name; `--seed` repeats a marked test's."""
    given = request.config.getoption("--seed", default=None)
    seed = given if given is not None else secrets.randbelow(2**31) if _marked(request) else SEED
    print(f"--seed {seed}")
    return Random(f"{seed} {request.node.name}")  # noqa: S311 - repeatable on purpose


@pytest.fixture
def quiet() -> Iterator[None]:
    """Log nothing: ten thousand refusals are no news."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.configure(**before)


def _marked(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("faults") is not None
