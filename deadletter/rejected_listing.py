"""Rejected input for people: what came last by source and code, and one with its bytes, phones masked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from bus.observability.masking import mask_text
from bus.postgres.personal_keys import INPUT, PersonalKeys, Reader
from bus.postgres.pool import Pool, connected, read_row, read_rows
from bus.wire.rejected_input import ListedInput, ShownInput
from bus.wire.sealing import ERASED, opened_bytes

TEXT_CHARS_MAX: Final = 10_000
_COLUMNS: Final[LiteralString] = """id AS number, origin, source, code, field, detail_zh AS zh, detail_en AS en,
    ticket_id, trace_id, first_at, last_at, times"""
_LISTED: Final[LiteralString] = f"""
SELECT {_COLUMNS} FROM refused_inputs
WHERE (%(source)s::text IS NULL OR source = %(source)s) AND (%(code)s::text IS NULL OR code = %(code)s)
    AND (%(since)s::timestamptz IS NULL OR last_at >= %(since)s)
ORDER BY last_at DESC, id DESC LIMIT %(most)s"""  # noqa: S608 - our own columns
_ONE: Final[LiteralString] = f"SELECT {_COLUMNS}, body FROM refused_inputs WHERE id = %(number)s"  # noqa: S608 - our own columns


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredInput(ListedInput):
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresRejectedListing:
    """Meets bus.gateway.ports.RejectedInputService."""

    pool: Pool
    keys: PersonalKeys

    async def listed(
        self, *, source: str | None, code: str | None, since: datetime | None, most: int
    ) -> Sequence[ListedInput]:
        asked = {"source": source, "code": code, "since": since, "most": most}
        async with connected(self.pool) as connection:
            return await read_rows(connection, _LISTED, ListedInput, asked)

    async def one(self, number: int, reader: Reader) -> ShownInput | None:
        async with connected(self.pool) as connection:
            found = await read_row(connection, _ONE, _StoredInput, {"number": number})
            keys = await self.keys.load(connection, [found.body], reader) if found else {}
        if found is None:
            return None
        row = asdict(found)
        return ShownInput(**shown_bytes(opened_bytes(keys, INPUT, row.pop("body"))), **row)


def shown_bytes(body: bytes) -> Mapping[str, Any]:
    """Give bytes as text for people: phones and secrets masked, what is no text escaped. Pure."""
    if body == ERASED.encode():
        return {"text": None, "bytes": 0, "cut": False}
    text = mask_text(body.decode(errors="backslashreplace"))
    escaped = "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in text[:TEXT_CHARS_MAX])
    return {"text": escaped, "bytes": len(body), "cut": len(text) > TEXT_CHARS_MAX}
