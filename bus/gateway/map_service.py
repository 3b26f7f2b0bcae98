"""The port of the maps of sources: what a gateway's routes ask, whoever reads and keeps maps."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class MapService(Protocol):
    """The maps of sources, and what this gateway serves of them. All of it raises StoreUnavailable."""

    async def listed(self) -> Sequence[Mapping[str, Any]]:
        """Give the newest version of each source, and how this gateway serves it."""
        ...

    async def one(self, source: str) -> Mapping[str, Any] | None:
        """Give a source with its versions, the newest first. None: it never had a map."""
        ...

    async def version(self, source: str, number: int) -> Mapping[str, Any] | None:
        """Give one version with its content. None: there is none."""
        ...

    def shipped_names(self) -> Sequence[str]:
        """Name the maps that come with the bus."""
        ...

    def others(self) -> Sequence[str]:
        """Name the sources that come otherwise: no map may be of one."""
        ...

    def shipped(self, name: str) -> str | None:
        """Give the text of one. None: there is none of that name."""
        ...

    async def learned(self, source: str, samples: Sequence[bytes]) -> str:
        """Guess a first map. Raises MalformedInput."""
        ...

    async def tried(self, content: str, samples: Sequence[bytes], headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Check a map, and play samples under it, in limits of time and memory. Raises HttpProblem (422, 429)."""
        ...

    async def apply(self, source: str, content: str, *, over: int, by: str, why: str) -> None:
        """Bring a map into force over the version that was seen last. Raises HttpProblem (409, 422, 429)."""
        ...

    async def rollback(self, source: str, to: int | None, *, over: int, by: str, why: str) -> None:
        """Bring an earlier version into force again, as a new one. Raises HttpProblem (409)."""
        ...

    async def remove(self, source: str, *, over: int, by: str, why: str) -> None:
        """Take a source off. Raises HttpProblem (409)."""
        ...
