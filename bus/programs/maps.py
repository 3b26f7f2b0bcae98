"""Maps of sources as the gateway asks for them: versions in PostgreSQL, and what this gateway serves of them."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final

from adapters.mapped import versions
from adapters.mapped.learned import learned
from adapters.mapped.map_file import SourceMap
from adapters.mapped.reach import reaches_further
from adapters.mapped.read_map import SourceMapInvalid, fault_at, read_map
from adapters.mapped.shipped import shipped, shipped_names
from adapters.mapped.source import MappedSource
from adapters.mapped.versions import MapVersion, NewerVersion
from adapters.mapped.way import place_of, secrets_of_workers
from bus.domain.errors import Conflict
from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem
from bus.intake.dispatch import utc_now
from bus.postgres.pool import Connection, Pool, in_transaction
from bus.programs.live_sources import LiveSources, MapOutdated, SecretShared, SourceTaken
from bus.programs.map_trials import MapTrials
from bus.secret_files import SecretFileUnusable, secret_from

VERSIONS_MAX: Final = 100
_CONFLICTS: Final[Mapping[type[Conflict], tuple[str, str]]] = {
    NewerVersion: ("newer_version", "over"),
    SourceTaken: ("source_taken", "source"),
    SecretShared: ("secret_shared", "content"),
    MapOutdated: ("map_invalid", "content"),
}


@dataclass(frozen=True, slots=True)
class PostgresMaps:
    """The maps of one gateway, which takes up at once what it applies itself."""

    pool: Pool
    known: LiveSources
    trials: MapTrials
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    async def listed(self) -> Sequence[Mapping[str, Any]]:
        """Give the newest version of each source, and how this gateway serves it. Raises StoreUnavailable."""
        newest = await in_transaction(self.pool, versions.in_force)
        return [state_json(one, self.known, self.environment) for one in newest]

    async def one(self, source: str) -> Mapping[str, Any] | None:
        """Give a source with its versions, the newest first, a hundred at most. Raises StoreUnavailable."""
        known = await in_transaction(self.pool, versions.versions, source)
        return with_versions(known, self.known, self.environment)

    async def version(self, source: str, number: int) -> Mapping[str, Any] | None:
        """Give one version with its content. Raises StoreUnavailable."""
        one = await in_transaction(self.pool, versions.version, source, number)
        return {**version_json(one), "content": one.content} if one else None

    def shipped_names(self) -> Sequence[str]:
        """Name the maps that come with the bus."""
        return shipped_names()

    def others(self) -> Sequence[str]:
        """Name the sources of this gateway's files."""
        return sorted(self.known.unmapped)

    def shipped(self, name: str) -> str | None:
        """Give the text of one."""
        return shipped(name) if name in shipped_names() else None

    async def learned(self, source: str, samples: Sequence[bytes]) -> str:
        """Guess a first map. Raises MalformedInput."""
        return await asyncio.to_thread(learned, source, samples)

    async def tried(self, content: str, samples: Sequence[bytes], headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Check a map, and play samples under it. Raises HttpProblem (422, 429)."""
        return await self.trials.tried(content, samples, headers, utc_now())

    async def apply(self, source: str, content: str, *, over: int, by: str, why: str) -> None:
        """Bring a map into force. Raises HttpProblem (409, 422, 429), StoreUnavailable."""
        refuse_faults(await self.tried(content, [], {}), source)
        known = await self._known(source, over)
        await self._refuse_beyond(source, content, known, "content")
        await self._decided(partial(versions.apply, source=source, content=content, by=by, why=why, over=over))

    async def rollback(self, source: str, to: int | None, *, over: int, by: str, why: str) -> None:
        """Bring an earlier version into force again. Raises HttpProblem (409, 422), StoreUnavailable."""
        known = await self._known(source, over)
        try:
            content = versions.to_bring_back(known, source, to).content
        except Conflict as error:
            raise as_problem(error) from error
        if content is not None:
            await self._refuse_beyond(source, content, known, "to")
        await self._decided(partial(versions.rollback, source=source, to=to, by=by, why=why, over=over))

    async def remove(self, source: str, *, over: int, by: str, why: str) -> None:
        """Take a source off. Raises HttpProblem (409), StoreUnavailable."""
        await self._decided(partial(versions.apply, source=source, content=None, by=by, why=why, over=over))

    async def _known(self, source: str, over: int) -> Sequence[MapVersion]:
        """Give the versions of a source, of which `over` is the newest: they stay so, or deciding refuses it."""
        known = await in_transaction(self.pool, versions.versions, source)
        try:
            versions.refuse_newer(known, over)
        except Conflict as error:
            raise as_problem(error) from error
        return known

    async def _refuse_beyond(self, source: str, content: str, known: Sequence[MapVersion], named: str) -> None:
        """Refuse what reaches too far or stands against another source; a long map is read beside the event loop."""
        await asyncio.to_thread(refuse_reach, content, content_in_force(known), named)
        try:
            await asyncio.to_thread(self.known.check, source, content)
        except Conflict as error:
            raise as_problem(error) from error

    async def _decided(self, act: Callable[[Connection], Awaitable[object]]) -> None:
        try:
            await in_transaction(self.pool, act)
        except Conflict as error:
            raise as_problem(error) from error
        await self.known.refresh()


def as_problem(error: Conflict) -> HttpProblem:
    """Answer 409: somebody else was first, there is nothing to change, or another source stands against it. Pure."""
    code, field = _CONFLICTS.get(type(error), ("unchanged", "source"))
    return HttpProblem(409, code, field, error.text)


def refuse_faults(found: Mapping[str, Any], source: str) -> None:
    """Refuse a map that has faults, each with its place, or that is of another source. Raises HttpProblem. Pure."""
    faults = found["faults"]
    if not faults and found["source"] != source:
        text = Text(f"source 须是“{source}”", f"`source` must be {source!r}")
        faults = [{"line": 1, "column": 1, "path": "source", "why": str(text)}]
    if faults:
        raise _invalid(faults, "content")


def _invalid(faults: Sequence[Mapping[str, Any]], field: str) -> HttpProblem:
    first = faults[0]
    where = f"{first['line']}:{first['column']} {first['path']}"
    text = Text(f"对照表有 {len(faults)} 处错误,第一处 {where}", f"the map has {len(faults)} faults; first {where}")
    return HttpProblem(422, "map_invalid", field, text, faults=faults)


def refuse_reach(content: str, in_force: str | None, field: str) -> None:
    """Refuse a map that reaches further than the one in force: that is decided on the server. Raises HttpProblem."""
    try:
        wanted = read_map(content)
    except SourceMapInvalid as error:  # an earlier version; the rules are stricter now
        raise _invalid([asdict(one) for one in error.faults], field) from None
    further = reaches_further(wanted, None) and reaches_further(wanted, _readable(in_force))
    if not further:
        return
    zh = "须由服务器上的 `ticketbus map apply` 生效"
    en = "by `ticketbus map apply` on the server"
    faults = [fault_at(content, one.place, Text(f"{one.why.zh}:{zh}", f"{one.why.en}: {en}")) for one in further]
    text = Text(
        f"浏览器和 HTTP 不能让对照表伸到这里:{faults[0].path}。{zh}",
        f"a map may not reach for {faults[0].path} over HTTP or in the browser: {en}",
    )
    raise HttpProblem(422, "server_only", field, text, faults=[asdict(one) for one in faults])


def content_in_force(known: Sequence[MapVersion]) -> str | None:
    """Give the text of the newest of a source's versions; None where it has no map. Pure."""
    return known[0].content if known else None


def _readable(content: str | None) -> SourceMap | None:
    """Read the map in force; one that cannot be read any more has no reach, since nobody serves it."""
    try:
        return read_map(content) if content else None
    except SourceMapInvalid:
        return None


def version_json(one: MapVersion) -> dict[str, Any]:
    """Give a version without its content. Pure."""
    return {
        "source": one.source,
        "version": one.version,
        "removed": one.content is None,
        "copy_of": one.copy_of,
        "made_at": one.made_at,
        "made_by": one.made_by,
        "reason": one.reason,
        "sha256": one.sha256,
    }


def state_json(one: MapVersion, known: LiveSources, environment: Mapping[str, str]) -> dict[str, Any]:
    """Give the newest version of a source, how its documents come, and what this gateway lacks for it."""
    source = known.get(one.source)
    live = source if isinstance(source, MappedSource) and source.version == one.version else None
    secrets = live.map.proof.secrets if live and live.map.proof else ()
    return {
        **version_json(one),
        "kind": live.map.transport.kind if live else "",
        "place": place_of(live.map) if live else "",
        "secrets": [{"name": name, "set": _is_set(name, environment)} for name in secrets],
        "worker_secrets": secrets_of_workers(live.map) if live else [],
        "trouble": (live.trouble if live else known.refusal_of(one.source)),
    }


def with_versions(
    newest_first: Sequence[MapVersion], known: LiveSources, environment: Mapping[str, str]
) -> dict[str, Any] | None:
    """Give a source with its versions; None where it has none."""
    if not newest_first:
        return None
    state = state_json(newest_first[0], known, environment)
    return {**state, "versions": [version_json(one) for one in newest_first[:VERSIONS_MAX]]}


def _is_set(name: str, environment: Mapping[str, str]) -> bool:
    try:
        return bool(secret_from(environment, name))
    except SecretFileUnusable:
        return False
