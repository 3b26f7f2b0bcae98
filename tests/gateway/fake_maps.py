"""Maps of one gateway in memory, each in force as soon as it is applied; trials are real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from adapters.mapped.learned import learned
from adapters.mapped.shipped import shipped, shipped_names
from adapters.mapped.versions import MapVersion, refuse_newer, refuse_unchanged, to_bring_back
from bus.domain.errors import Conflict
from bus.programs.map_trials import MapTrials
from bus.programs.maps import as_problem, content_in_force, refuse_faults, refuse_reach, version_json
from tests.domain.people import RULES

AT = datetime(2026, 11, 29, 3, tzinfo=UTC)


@dataclass
class FakeMaps:
    """Keeps versions as the table does."""

    rows: list[MapVersion] = field(default_factory=list)
    trials: MapTrials = field(default_factory=lambda: MapTrials(RULES))

    async def listed(self) -> Sequence[Mapping[str, Any]]:
        return [self._state(self._of(source)) for source in sorted({one.source for one in self.rows})]

    async def one(self, source: str) -> Mapping[str, Any] | None:
        known = self._of(source)
        return {**self._state(known), "versions": [version_json(one) for one in known]} if known else None

    async def version(self, source: str, number: int) -> Mapping[str, Any] | None:
        known = self._of(source)
        return next(({**version_json(one), "content": one.content} for one in known if one.version == number), None)

    def shipped_names(self) -> Sequence[str]:
        return shipped_names()

    def others(self) -> Sequence[str]:
        return ["crm"]

    def shipped(self, name: str) -> str | None:
        return shipped(name) if name in shipped_names() else None

    async def learned(self, source: str, samples: Sequence[bytes]) -> str:
        return learned(source, samples)

    async def tried(self, content: str, samples: Sequence[bytes], headers: Mapping[str, str]) -> Mapping[str, Any]:
        return await self.trials.tried(content, samples, headers, AT)

    async def apply(self, source: str, content: str, *, over: int, by: str, why: str) -> None:
        refuse_faults(await self.tried(content, [], {}), source)
        refuse_reach(content, content_in_force(self._of(source)), "content")
        self._add(source, content, over=over, by=by, why=why)

    async def rollback(self, source: str, to: int | None, *, over: int, by: str, why: str) -> None:
        known = self._of(source)
        try:
            refuse_newer(known, over)
            found = to_bring_back(known, source, to)
        except Conflict as error:
            raise as_problem(error) from error
        if found.content:
            refuse_reach(found.content, content_in_force(known), "to")
        self._add(source, found.content, over=over, by=by, why=why, copy_of=found.version)

    async def remove(self, source: str, *, over: int, by: str, why: str) -> None:
        self._add(source, None, over=over, by=by, why=why)

    def _add(
        self, source: str, content: str | None, *, over: int, by: str, why: str, copy_of: int | None = None
    ) -> None:
        known = self._of(source)
        try:
            refuse_newer(known, over)
            if copy_of is None:
                refuse_unchanged(known, source, content)
        except Conflict as error:
            raise as_problem(error) from error
        self.rows.append(
            MapVersion(
                source=source, version=len(known) + 1, content=content, made_by=by, reason=why, made_at=AT,
                copy_of=copy_of,
            )
        )  # fmt: skip

    def _of(self, source: str) -> list[MapVersion]:
        return [one for one in reversed(self.rows) if one.source == source]

    def _state(self, known: Sequence[MapVersion]) -> dict[str, Any]:
        return {
            **version_json(known[0]),
            "kind": "webhook",
            "place": "",
            "secrets": [],
            "worker_secrets": [],
            "trouble": "",
        }
