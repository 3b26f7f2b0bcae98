"""The rig that tests of peers stand on, the site of the docs, and a phone with the network between it and a bus."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on
from tests.peers.phone import Phone, driver
from tests.proxy import Proxy, proxy_to
from tests.stage.conftest import rig

__all__ = ("rig",)
ROOT = Path(__file__).parents[2]
BUILD_S_MAX = 500


@pytest.fixture(scope="session")
def docs_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does."""
    flags = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("SITE = "))
    into = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", *flags.removeprefix("SITE = ").split(), ".", str(into)]
    command[command.index("build/doctrees")] = str(tmp_path_factory.mktemp("doctrees"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    return into


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Give a bus whose gateway serves pages to phones."""
    with bus_on(parts, tmp_path_factory.mktemp("page"), database_kept=False) as made:
        made.environment |= {"TICKETBUS_FILES_FREE_BYTES_MIN": "0"}
        made.start("gateway")
        yield made


@pytest.fixture
async def network(bus: Bus) -> AsyncIterator[Proxy]:
    """Give the network between phones and the bus, which can be cut."""
    await bus.ready()
    async with proxy_to("127.0.0.1", bus.settings.http_port) as proxy:
        yield proxy


@pytest.fixture
async def phone(network: Proxy, tmp_path: Path) -> AsyncIterator[Phone]:
    """Give a phone at the other end of the network."""
    async with driver() as playwright:
        made = Phone(playwright, tmp_path / "profile", f"http://127.0.0.1:{network.port}")
        yield made
        await made.context.close()
        assert made.complaints == []
