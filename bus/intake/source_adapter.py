"""The shape of every source, as gateway and intake stage see it; `adapters/source_contract.py` has its duties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from bus.domain.commands import Request
from bus.domain.errors import MalformedInput
from schemas.messages import RequestReceived

MISSPELLED_TYPE: Final = "misspelled_type"
"""The code of a MalformedInput for a delivery whose type is one of the source's, misspelled."""
UNKNOWN_TYPE: Final = "unknown_type"
"""The code of a MalformedInput for a delivery that is about a ticket, but of no type of the source's."""

PEER: Final = ":peer"
"""Among the headers that `verify` is given: the address that the sender called from."""
PATH_SECRET: Final = ":secret"  # noqa: S105 - a name, not a secret
"""Among the headers that `verify` is given: what follows `/webhook/` in the address that was called, or nothing."""
MAP_VERSION: Final = ":map-version"
"""Among the headers that are kept of a delivery: the version of the source's map that took it in."""


class Ignored(MalformedInput):
    """A delivery that asks for nothing here, as a ping: taken without effect and counted, and its sender hears so."""


class Source(Protocol):
    """A system that sends tickets and news of them."""

    @property
    def name(self) -> str:
        """The source's name, as it stands in addresses, events and settings."""
        ...

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Prove the sender and give the delivery's own id. Pure. Raises MalformedInput and nothing else."""
        ...

    def translate(self, received: RequestReceived) -> Sequence[Request]:
        """Give the requests of a verified delivery, in order; may be none. Pure. Raises MalformedInput, or Ignored."""
        ...


@runtime_checkable
class MappedByVersion(Protocol):
    """A source that a map describes; the map changes while the bus runs."""

    @property
    def version(self) -> int:
        """The map's version, from 1."""
        ...

    @property
    def kept_headers(self) -> Sequence[str]:
        """The headers that the map reads, in lower case; they are kept with a delivery."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedBatch:
    """Deliveries that came in one message, each known and taken by itself.

    `answer`, of `media_type`, is sent once each of them was taken, or refused and kept: nothing is to come again.
    """

    deliveries: Sequence[RequestReceived]
    answer: bytes
    media_type: str


@runtime_checkable
class SendsBatches(Source, Protocol):
    """A source one message of which may hold several deliveries; optional."""

    @property
    def sends_batches(self) -> bool:
        """Whether it does by now."""
        ...

    def batch(self, received: RequestReceived) -> ReceivedBatch | None:
        """Take a verified message apart; None where it is one delivery. Pure. Raises MalformedInput.

        A message that is refused may hold what nobody may keep: its reason is kept, without its bytes.
        """
        ...
