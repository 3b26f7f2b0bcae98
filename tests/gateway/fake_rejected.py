"""Rejected input of one gateway in memory, listed as the table is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from bus.postgres.personal_keys import Reader
from bus.wire.rejected_input import ListedInput, ShownInput
from deadletter.rejected_listing import shown_bytes

AT = datetime(2026, 11, 29, 3, tzinfo=UTC)
REJECTED = ListedInput(
    number=7, origin="webhook:crm", source="crm", code="missing", field="title", zh="缺少 title", en="title is missing",
    ticket_id=None, trace_id="0" * 32, first_at=AT, last_at=AT, times=3,
)  # fmt: skip


@dataclass
class FakeRejectedInputs:
    """Keeps rows and bytes; `read_by`: who read which."""

    rows: list[ListedInput] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    read_by: list[tuple[int, str]] = field(default_factory=list)

    async def listed(
        self, *, source: str | None, code: str | None, since: datetime | None, most: int
    ) -> Sequence[ListedInput]:
        found = [
            one
            for one in self.rows
            if source in (None, one.source) and code in (None, one.code) and (since is None or one.last_at >= since)
        ]
        return found[:most]

    async def one(self, number: int, reader: Reader) -> ShownInput | None:
        for row in self.rows:
            if row.number == number:
                self.read_by.append((number, reader.client))
                return ShownInput(**asdict(row), **shown_bytes(self.bodies.get(number, b"")))
        return None
