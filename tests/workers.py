"""What pytest-xdist's workers share: one set of parts for the run, and which tests stay together on one worker."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bus.local.stack import Urls
from tests.stack import parts_for_tests

# Fixtures that start a stack or programs: tests with one of them run on one worker, and first, as they take longest.
COSTLY = ("one_broker", "three_brokers", "embedded", "shared_bus")
_FILE = "parts_file"


class Controller:
    """Starts the parts in the process that hands tests out to workers, and tells the workers where they are."""

    def __init__(self) -> None:
        self._held = ExitStack()
        self._file = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="ticketbus-run-"))) / "parts.json"

    def pytest_configure_node(self, node: Any) -> None:
        """Name the file that will say where the parts are; no test runs before it does."""
        node.workerinput[_FILE] = str(self._file)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Iterator[None]:
        """Start the parts while the workers, which have begun by then, collect the tests."""
        yield
        urls = self._held.enter_context(parts_for_tests())
        self._file.write_text(json.dumps(asdict(urls)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Show a test's own name, without its group's."""
        report.nodeid = report.nodeid.rpartition("@")[0] or report.nodeid

    def pytest_unconfigure(self) -> None:
        """Stop the parts."""
        self._held.close()


def parts_of_the_run(config: pytest.Config) -> Urls | None:
    """Answer the parts that the controller has started; None where there is none, so that there are no workers."""
    workerinput: dict[str, Any] = getattr(config, "workerinput", {})
    return Urls(**json.loads(Path(workerinput[_FILE]).read_text())) if _FILE in workerinput else None


def keep_together(items: list[pytest.Item]) -> None:
    """Group tests by what they share, a costly fixture or else their module, the costly ones first."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=lambda item: _group(item) not in COSTLY)


def _group(item: pytest.Item) -> str:
    fixtures = getattr(item, "fixturenames", ())
    return next((name for name in COSTLY if name in fixtures), f"{item.path.parent.name}/{item.path.stem}")
