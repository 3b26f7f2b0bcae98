"""The sources that a program serves: those of its files, and those plugged in by maps, taken up while it runs."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from typing import Final

import structlog

from adapters.mapped.listing import mapped_source
from adapters.mapped.read_map import SourceMapInvalid, read_map
from adapters.mapped.source import MappedSource
from adapters.mapped.versions import MapVersion, count, in_force
from bus.app import Core
from bus.domain.errors import StoreUnavailable
from bus.intake.source_adapter import Source
from bus.postgres.pool import Pool, connected
from bus.programs.sources import refuse_shared_secrets, sources
from bus.settings import SettingsInvalid

MAPS_PART: Final = "source maps"
"""What the heartbeat of a gateway calls the taking up of maps."""
LOOK_EVERY_S: Final = 1.0
log = structlog.get_logger()


class LiveSources(Mapping[str, Source]):
    """Sources by name. A version of a map that cannot be taken up leaves the one before in force, and says so."""

    def __init__(self, fixed: Mapping[str, Source], pool: Pool, environment: Mapping[str, str] = os.environ) -> None:
        """Serve those of the files alone, until `refresh`."""
        self._fixed, self._pool, self._environment = fixed, pool, environment
        self._mapped = dict[str, MappedSource]()
        self._refused = dict[str, str]()
        self._rows = 0
        self._turn = asyncio.Lock()

    def __getitem__(self, name: str) -> Source:
        found = self._fixed.get(name) or self._mapped.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter({**self._fixed, **self._mapped})

    def __len__(self) -> int:
        return len({**self._fixed, **self._mapped})

    def trouble(self) -> str | None:
        """Say which maps cannot be taken up, and which sources have no secret here; None where all is well."""
        found = [self.refused() or "", *(one.trouble for one in self._mapped.values() if one.trouble)]
        return "; ".join(filter(None, found)) or None

    def refused(self) -> str | None:
        """Say which maps cannot be taken up here; of a program that proves no sender, that is all of its trouble."""
        return "; ".join(self._refused.values()) or None

    def refusal_of(self, name: str) -> str:
        """Say why the newest version of a source's map cannot be taken up here; empty where it can."""
        return self._refused.get(name, "")

    async def run(self) -> None:
        """Take up what is applied, a second after at most, until cancelled; while PostgreSQL is away all stays."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.refresh()
            except StoreUnavailable as error:
                log.warning("source_maps_not_read", cause=str(error))

    async def refresh(self) -> None:
        """Take up every version in force. Raises StoreUnavailable."""
        async with self._turn:  # of two at once the one that read first could end last
            async with connected(self._pool) as connection:
                rows = await count(connection)
                if rows == self._rows:
                    return
                versions = await in_force(connection)
            self._rows = rows
            for one in versions:
                self._take(one)

    def _take(self, one: MapVersion) -> None:
        now = self._mapped.get(one.source)
        if one.content is None:
            self._refused.pop(one.source, None)
            if self._mapped.pop(one.source, None):
                log.info("source_map_taken_off", source=one.source, version=one.version)
        elif now is None or now.version != one.version:
            try:
                made = self._made(one, one.content)
            except (SourceMapInvalid, SettingsInvalid) as error:
                self._refused[one.source] = f"{one.source} version {one.version}: {error}"
                log.error("source_map_refused", source=one.source, version=one.version, cause=str(error))
                return
            self._refused.pop(one.source, None)
            self._mapped[one.source] = made
            log.info("source_map_in_force", source=one.source, version=one.version, trouble=made.trouble)

    def _made(self, one: MapVersion, content: str) -> MappedSource:
        if one.source in self._fixed:
            raise SettingsInvalid(
                f"the source {one.source!r} is in the sources file or TICKETBUS_WEBHOOK_SECRETS already"
            )
        made = mapped_source(read_map(content, f"map of {one.source}"), one.version, self._environment)
        refuse_shared_secrets({**self, one.source: made})
        return made


async def live_sources(core: Core) -> LiveSources:
    """Give the sources as they are now. Raises StoreUnavailable."""
    made = LiveSources(sources(core.settings), core.pool)
    await made.refresh()
    return made
