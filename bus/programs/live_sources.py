"""The sources that a program serves: those of its files, and those plugged in by maps, taken up while it runs."""

import asyncio
import os
from collections.abc import Collection, Iterator, Mapping
from typing import Final

import structlog

from adapters.mapped.listing import mapped_source
from adapters.mapped.read_map import SourceMapInvalid, read_map
from adapters.mapped.source import MappedSource
from adapters.mapped.versions import Check, MapVersion, count, in_force
from bus.app import Core
from bus.domain.errors import Conflict, StoreUnavailable
from bus.domain.text import Text
from bus.intake.source_adapter import Source
from bus.postgres.pool import Pool, connected
from bus.programs.sources import names_of, sharing_a_secret, sources

MAPS_PART: Final = "source maps"
"""What the heartbeat of a gateway calls the taking up of maps."""
LOOK_EVERY_S: Final = 1.0
log = structlog.get_logger()


class SourceTaken(Conflict):
    """A map has the name of a source that is none of the maps'."""


class SecretShared(Conflict):
    """A map's secret is another source's, too: each could speak as the other."""


class MapOutdated(Conflict):
    """A version of a map has faults by the rules of today."""


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

    @property
    def unmapped(self) -> Collection[str]:
        """Name the sources of the files, which no map can be of."""
        return self._fixed.keys()

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

    def check(self, name: str, content: str) -> None:
        """Refuse a map that could not be taken up here. Any thread. Raises SourceTaken, SecretShared, MapOutdated."""
        try:
            self._made(name, 0, content)
        except SourceMapInvalid as error:
            zh, en = "这份对照表不合现在的规则", "the map is not what the rules of today ask for"
            raise MapOutdated(Text(f"{zh}:{error.faults[0]}", f"{en}: {error.faults[0]}")) from None

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
            for one in versions:
                await self._take(one)
            self._rows = rows

    async def _take(self, one: MapVersion) -> None:
        now = self._mapped.get(one.source)
        if one.content is None:
            self._refused.pop(one.source, None)
            if self._mapped.pop(one.source, None):
                log.info("source_map_taken_off", source=one.source, version=one.version)
        elif now is None or now.version != one.version:
            try:
                made = await asyncio.to_thread(self._made, one.source, one.version, one.content)
            except (SourceMapInvalid, Conflict) as error:
                self._refused[one.source] = f"{one.source} version {one.version}: {error}"
                log.error("source_map_refused", source=one.source, version=one.version, cause=str(error))
                return
            self._refused.pop(one.source, None)
            self._mapped[one.source] = made
            log.info("source_map_in_force", source=one.source, version=one.version, trouble=made.trouble)

    def _made(self, name: str, version: int, content: str) -> MappedSource:
        refuse_taken(name, self._fixed)
        made = mapped_source(read_map(content, f"map of {name}"), version, self._environment)
        if shared := sharing_a_secret({**self._fixed, **self._mapped, name: made}):
            zh = f"来源 {shared[0]} 和 {shared[1]} 的密钥相同:请让对方各用一个"
            en = f"the sources {shared[0]!r} and {shared[1]!r} have the same secret: let each have its own"
            raise SecretShared(Text(zh, en))
        return made


def refuse_taken(name: str, fixed: Collection[str]) -> None:
    """Refuse a map of a source that the deployment's own settings plug in. Raises SourceTaken. Pure."""
    if name in fixed:
        where = "TICKETBUS_SOURCES_FILE / TICKETBUS_WEBHOOK_SECRETS"
        zh = f"来源“{name}”已由 {where} 接入:请给对照表另取 source,或先从那里删除它"
        en = f"the source {name!r} is plugged in by {where}: give the map another `source`, or take it out there"
        raise SourceTaken(Text(zh, en))


async def checking(core: Core) -> Check:
    """Check as the gateways will, by the secrets that are set here. Raises StoreUnavailable, ConfigFileInvalid."""
    live, taken = LiveSources({}, core.pool), names_of(core.settings)
    await live.refresh()

    def check(name: str, content: str) -> None:
        refuse_taken(name, taken)
        live.check(name, content)

    return check


async def live_sources(core: Core) -> LiveSources:
    """Give the sources as they are now. Raises StoreUnavailable."""
    made = LiveSources(sources(core.settings), core.pool)
    await made.refresh()
    return made
