"""What pytest-xdist's workers share: one set of parts for the run, and which tests stay together on one worker."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from bus.local.stack import Urls
from tests.stack import Running, parts_for_tests

# Fixtures that start a stack or programs: tests with one of them run on one worker, and first, as they take longest.
COSTLY = ("one_broker", "three_brokers", "shared_bus")
_FOLDER, _PARTS, _GROUPS = "run_folder", "parts.json", "groups.json"


class Controller:
    """Starts the parts in the process that hands tests out to workers, and tells the workers where they are."""

    def __init__(self, config: pytest.Config) -> None:
        self._held = ExitStack()
        self._folder = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="ticketbus-run-")))
        config.option.loadscopereorder = False  # groups are handed out in the order of the tests

    def pytest_configure_node(self, node: Any) -> None:
        """Name the folder that says where the parts are; no test runs before it does."""
        node.workerinput[_FOLDER] = str(self._folder)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Iterator[None]:
        """Start the parts while the workers, which have begun by then, collect the tests."""
        yield
        running = self._held.enter_context(parts_for_tests())
        (self._folder / _PARTS).write_text(json.dumps(asdict(running), default=str))

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> LoadScopeScheduling:
        """Hand out whole groups."""
        return Groups(config, log, file=self._folder / _GROUPS)

    def pytest_unconfigure(self) -> None:
        """Stop the parts."""
        self._held.close()


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out groups of tests, as a worker has written them down."""

    def __init__(self, config: pytest.Config, log: Producer, *, file: Path) -> None:
        super().__init__(config, log)
        self._file = file

    @cached_property
    def _groups(self) -> dict[str, str]:
        groups: dict[str, str] = json.loads(self._file.read_text())
        return groups

    def _split_scope(self, nodeid: str) -> str:
        """Name the group of a test; asked once all workers have collected."""
        return self._groups[nodeid]


def parts_of_the_run(config: pytest.Config) -> Running | None:
    """Answer the parts that the controller has started; None where there is none, so that there are no workers."""
    folder = _folder(config)
    if folder is None:
        return None
    told = json.loads((folder / _PARTS).read_text())
    return Running(urls=Urls(**told["urls"]), data=Path(told["data"]))


def write_groups(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Tell the controller which tests share something, a costly fixture or else their module."""
    folder, worker = _folder(config), os.environ.get("PYTEST_XDIST_WORKER")
    if folder and worker == "gw0":
        (folder / _GROUPS).write_text(json.dumps({item.nodeid: group_of(item) for item in items}))


def group_of(item: pytest.Item) -> str:
    """Name the group of a test."""
    fixtures = getattr(item, "fixturenames", ())
    return next((name for name in COSTLY if name in fixtures), str(item.path))


def _folder(config: pytest.Config) -> Path | None:
    workerinput: dict[str, Any] = getattr(config, "workerinput", {})
    return Path(workerinput[_FOLDER]) if workerinput else None
