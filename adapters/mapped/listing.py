"""A mapped source that has a list of its own: what was opened there, read as the map reads what comes."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Final

from adapters.adapter import EnvironmentSecrets
from adapters.expressions import bounded
from adapters.mapped.asked_list import ListAway, ListReader
from adapters.mapped.map_file import SourceMap
from adapters.mapped.source import MappedSource
from adapters.mapped.transports import SINCE, UNTIL, Listing
from bus.config_file import ConfigFileInvalid
from bus.domain.errors import MalformedInput
from bus.domain.text import Text
from bus.reconcile.source_list import ListedTicket, ListUnavailable

ATTEMPTS: Final = 5  # of a page
PAUSE_S: Final = 0.5  # before the second attempt; twice as long each time


class ListedSource(MappedSource):
    """A source by its map whose own list is compared with what came."""

    def __init__(
        self, mapped: SourceMap, version: int, environment: Mapping[str, str], *, pause_s: float = PAUSE_S
    ) -> None:
        """Make the readers; the list's secret is read when it is asked for."""
        super().__init__(mapped, version, environment)
        assert mapped.listing is not None, "the map has a list"
        self._listing: Listing = mapped.listing
        self._opened_at = self._translator.time_reader(mapped.listing.opened_at)
        self._lent = EnvironmentSecrets(environment=environment, where=f"map of {mapped.source}: listing.login")
        self._reader: ListReader | None = None
        self._pause_s = pause_s

    async def listed(self, since: datetime, until: datetime) -> AsyncGenerator[Sequence[ListedTicket], None]:
        """Give, page by page, every ticket that was opened there; what the map passes over is none.

        Raises ListUnavailable and nothing else.
        """
        try:
            self._reader = self._reader or ListReader(self._listing, self._listing.documents, self._lent)
            times = {SINCE: since, UNTIL: until}
            async for documents in self._reader.pages(times, attempts=ATTEMPTS, pause_s=self._pause_s):
                with bounded():
                    read = [self._translator.listed(one, self._opened_at) for one in documents]
                yield [one for one in read if one is not None]
        except MalformedInput as refused:
            where = f"{refused.field}: "
            raise ListUnavailable(Text(where + refused.zh, where + refused.en)) from None
        except (ListAway, ConfigFileInvalid) as away:
            raise ListUnavailable(Text(str(away), str(away))) from None


def mapped_source(mapped: SourceMap, version: int, environment: Mapping[str, str]) -> MappedSource:
    """Make the source of a map, with a list where the map has one."""
    kind = MappedSource if mapped.listing is None else ListedSource
    return kind(mapped, version, environment)
