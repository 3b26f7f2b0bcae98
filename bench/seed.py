"""A past for a measurement: the incident log through the import's own door, as often as it takes, then on Kafka."""

import os
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Final

from adapters.history.file_order import rows_in_order
from adapters.history.importer import Summary, import_history
from adapters.history.map_file import HistoryMap, load_map
from adapters.history.rows import open_lines
from bus.app import Core

_ROOT: Final = Path(__file__).parent.parent
_SAMPLE: Final = _ROOT / "tests" / "data" / "uci_sample.csv.gz"


def history_map() -> HistoryMap:
    """Read how the incident log is to be understood."""
    return load_map(_ROOT / "adapters" / "history" / "uci_incident_log.yaml")


def incident_log() -> Path:
    """Name the full incident log where TICKETBUS_TEST_DATA says, else the sample."""
    folder = os.environ.get("TICKETBUS_TEST_DATA")
    return Path(folder) / "uci-incident-log" / "incidents.csv.gz" if folder else _SAMPLE


async def seed(core: Core, *, rows: int, published: bool = True) -> Summary:
    """Import so many rows, an event each or a little more; where the log ends it begins anew with other numbers."""
    with rows_in_order(_rows(rows), history_map()) as ordered:
        summary = await import_history(ordered, core.dispatcher, core.refused)
    while published and await core.relay.publish_once():
        pass
    return summary


def _rows(most: int) -> Iterator[bytes]:
    """Give the header and so many rows."""
    with open_lines(incident_log()) as (lines, _):
        yield next(iter(lines))
    yield from islice(_again_and_again(), most)


def _again_and_again() -> Iterator[bytes]:
    for turn in count():
        with open_lines(incident_log()) as (lines, _):
            next(iter(lines))
            for line in lines:
                yield line.replace(b"INC", b"I%dC" % turn, 1)
