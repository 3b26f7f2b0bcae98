"""Input that had no effect, as a value: its bytes, where it came from and why it was refused."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bus.domain.errors import MalformedInput, Refusal
from bus.domain.refusals import ALREADY


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedInput:
    """Input without effect, kept once per (origin, origin_ref).

    Origins are http, webhook:crm, import:NAME, intake, commands, answer:TARGET and, for unreadable records, log.
    `kind` is malformed or refused. `heard`: its sender was answered and can mend it; input without one becomes a
    dead letter. `began_at`: when it came in, where that is not now.
    """

    origin: str
    origin_ref: str
    source: str
    code: str
    field: str
    detail_zh: str
    detail_en: str
    body: bytes
    trace_id: str
    kind: str
    ticket_id: str | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    heard: bool = False
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInput:
    """Input without effect, kept once and counted as often as it came; `field` and reason say what to mend."""

    number: int
    origin: str
    source: str
    code: str
    field: str
    zh: str
    en: str
    ticket_id: str | None
    trace_id: str
    first_at: datetime
    last_at: datetime
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownInput(ListedInput):
    """One with its bytes as text, phones masked, escaped where it is none; `bytes`: how many there are.

    `text` null: its keys are destroyed. `cut`: the first 10,000 characters are shown.
    """

    text: str | None
    bytes: int
    cut: bool


class RejectedInputStore(Protocol):
    """Where refused input is kept, so that nothing is lost and nothing is refused in silence."""

    async def keep(self, inputs: Sequence[RejectedInput]) -> None:
        """Keep each input once; a repeat counts up and renews reason, bytes and headers. Raises StoreUnavailable."""
        ...


def refused_input(  # one argument a fact
    refusal: Refusal,
    *,
    origin: str,
    origin_ref: str,
    source: str,
    body: bytes,
    trace_id: str,
    ticket_id: str | None = None,
    headers: Mapping[str, str] | None = None,
    heard: bool = False,
    began_at: datetime | None = None,
) -> RejectedInput:
    """Join an input with the reason of its refusal; where that is so already, nobody has to mend anything."""
    return RejectedInput(
        origin=origin,
        origin_ref=origin_ref,
        source=source,
        code=refusal.code,
        field=refusal.field,
        detail_zh=refusal.zh,
        detail_en=refusal.en,
        body=body,
        trace_id=trace_id,
        kind="malformed" if isinstance(refusal, MalformedInput) else "refused",
        ticket_id=ticket_id,
        headers=headers or {},
        heard=heard or refusal.code == ALREADY,
        began_at=began_at,
    )
