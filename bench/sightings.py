"""When a change was committed and when its effect was: PostgreSQL notifies at each commit, a thread notes the time."""

import threading
from collections.abc import Iterator, KeysView
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Self

import psycopg

from bench.bus import until

_TRIGGER = """
CREATE FUNCTION sight_{channel}() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('{channel}', new.ticket_id || ' ' || new.version); RETURN NULL; END $$;
CREATE TRIGGER sight_{channel} AFTER INSERT OR UPDATE ON {table} FOR EACH ROW {condition}
EXECUTE FUNCTION sight_{channel}();
"""
_LIVE = "WHEN (NOT new.historic)"
Named = tuple[str, int]
"""A ticket and its version."""


def sight_live(database_url: str) -> None:
    """Tell of live events as `committed`, and of their rows in the read model as `projected`."""
    sight(database_url, "events", "committed", condition=_LIVE)
    sight(database_url, "tickets", "projected", condition=_LIVE)


def sight(database_url: str, table: str, channel: str, *, condition: str = "") -> None:
    """Let the table tell of each row of a ticket, once its transaction is committed."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_TRIGGER.format(channel=channel, table=table, condition=condition).encode())


@dataclass(slots=True)
class Sightings:
    """When each (ticket, version) was first seen on each channel, by the clock `monotonic`."""

    database_url: str
    channels: tuple[str, ...]
    seen: dict[str, dict[Named, float]] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _listening: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    async def until_all(self, named: KeysView[Named], channel: str, *, within_s: float) -> dict[Named, float]:
        """Wait until all that are named were seen on the channel, and give when. Raises TimeoutError."""
        seen = self.seen[channel]

        async def all_seen() -> bool:
            return not named - seen.keys()

        await until(all_seen, within_s=within_s)
        return seen

    def __enter__(self) -> Self:
        self.seen = {channel: {} for channel in self.channels}
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        assert self._thread
        self._thread.join()

    def _listen(self) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            for channel in self.channels:
                connection.execute(f"LISTEN {channel}".encode())
            self._listening.set()
            while not self._stopping.is_set():
                for notify in connection.notifies(timeout=0.2):
                    ticket_id, version = notify.payload.split(" ")
                    self.seen[notify.channel].setdefault((ticket_id, int(version)), monotonic())


@contextmanager
def sightings(database_url: str, *channels: str) -> Iterator[Sightings]:
    """Listen while the block lasts."""
    with Sightings(database_url, channels) as listening:
        yield listening


def quantile_ms(seconds: list[float], share: float) -> float:
    """Give the value that this share of the others does not exceed, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000
