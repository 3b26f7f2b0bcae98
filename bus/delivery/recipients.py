"""What is remembered of persons that a target writes to: what they refused, and when they were last written to.

Addresses (openids, phones, user ids) are kept as keyed digests alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from bus.postgres.pool import Pool, connected, read_rows

KEPT = timedelta(days=1)  # of what was sent
_REFUSED = b"SELECT FROM notice_refusals WHERE (target, address, kind) = (%s, %s, %s)"
_REMEMBER = b"""
INSERT INTO notice_refusals (target, address, kind, code, since) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (target, address, kind) DO UPDATE SET code = excluded.code"""
_LOCK = b"SELECT pg_advisory_xact_lock(hashtextextended(%s || %s, 540))"
_OLD = b"DELETE FROM notice_sends WHERE (target, address) = (%s, %s) AND sent_at < %s AND call <> %s"
_KNOWN = b"SELECT FROM notice_sends WHERE (target, address, call) = (%s, %s, %s)"
_LAST = b"""
SELECT sent_at FROM notice_sends WHERE (target, address) = (%s, %s) ORDER BY sent_at DESC OFFSET %s LIMIT 1"""
_TAKE = b"INSERT INTO notice_sends (target, address, call, sent_at) VALUES (%s, %s, %s, %s)"
_LIST = b"""
SELECT target, right(address, 12) AS person, kind, code, since FROM notice_refusals ORDER BY target, kind, since"""
_FORGET = b"DELETE FROM notice_refusals WHERE target = %s AND (%s = '' OR right(address, 12) = %s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLimit:
    """At most so many messages to one person within a time, which is at most KEPT."""

    most: int
    within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRefusal:
    """A person who wants no messages of a kind; `person` is the end of the address's digest."""

    target: str
    person: str
    kind: str
    code: str
    since: datetime


class Recipients(Protocol):
    """Persons by their addresses at one target. Every function raises Transient where the store is away."""

    async def refused(self, address: str, kind: str) -> bool:
        """Say whether the person refused messages of that kind."""
        ...

    async def remember_refusal(self, address: str, kind: str, code: str, at: datetime) -> None:
        """Remember that they did, with the other side's code for it. Idempotent."""

    async def free_at(self, address: str, call: str, limits: Sequence[SendLimit], now: datetime) -> datetime | None:
        """Count a message, and give None; where a limit is reached count none, and give when there is room again.

        A call that is made again counts once.
        """
        ...


@dataclass(slots=True)
class RecipientsInMemory:
    """They last as long as the process: for tests, and for targets that are only checked."""

    refusals: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict, repr=False)
    sent: dict[str, dict[str, datetime]] = field(default_factory=dict, repr=False)

    async def refused(self, address: str, kind: str) -> bool:
        return (address, kind) in self.refusals

    async def remember_refusal(self, address: str, kind: str, code: str, at: datetime) -> None:
        self.refusals[address, kind] = code, at

    async def free_at(self, address: str, call: str, limits: Sequence[SendLimit], now: datetime) -> datetime | None:
        sent = self.sent.setdefault(address, {})
        if call in sent:
            return None
        newest = sorted(sent.values(), reverse=True)
        if at := _free_at(limits, lambda place: newest[place] if place < len(newest) else None, now):
            return at
        sent[call] = now
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecipients:
    """The persons of one target in PostgreSQL, for all workers. `digest` gives what stands for an address."""

    target: str
    pool: Pool
    digest: Callable[[str], str]

    async def refused(self, address: str, kind: str) -> bool:
        """As the port says."""
        async with connected(self.pool) as connection:
            found = await connection.execute(_REFUSED, (self.target, self._key(address), kind))
            return await found.fetchone() is not None

    async def remember_refusal(self, address: str, kind: str, code: str, at: datetime) -> None:
        """As the port says."""
        async with connected(self.pool) as connection:
            await connection.execute(_REMEMBER, (self.target, self._key(address), kind, code, at))

    async def free_at(self, address: str, call: str, limits: Sequence[SendLimit], now: datetime) -> datetime | None:
        """As the port says."""
        whom = (self.target, self._key(address))
        async with connected(self.pool) as connection:
            await connection.execute(_LOCK, whom)
            await connection.execute(_OLD, (*whom, now - KEPT, call))
            if await (await connection.execute(_KNOWN, (*whom, call))).fetchone() is not None:
                return None
            last = dict[int, datetime | None]()
            for place in {one.most - 1 for one in limits}:
                row = await (await connection.execute(_LAST, (*whom, place))).fetchone()
                last[place] = row[0] if row else None
            if at := _free_at(limits, last.__getitem__, now):
                return at
            await connection.execute(_TAKE, (*whom, call, now))
        return None

    def _key(self, address: str) -> str:
        return self.digest(f"{self.target}|{address}")


def _free_at(limits: Sequence[SendLimit], sent_at: Callable[[int], datetime | None], now: datetime) -> datetime | None:
    """Give when there is room again by all limits; None for now. `sent_at`: of the newest but so many messages."""
    free = [at + one.within for one in limits if (at := sent_at(one.most - 1)) is not None]
    return max((at for at in free if at > now), default=None)


async def list_refusals(pool: Pool) -> Sequence[RecipientRefusal]:
    """List what persons refused, by target. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        return await read_rows(connection, _LIST, RecipientRefusal)


async def forget_refusals(pool: Pool, target: str, person: str = "") -> int:
    """Forget the refusals of a person, as `list_refusals` names them, or of all at a target; how many they were.

    Raises StoreUnavailable.
    """
    async with connected(pool) as connection:
        return (await connection.execute(_FORGET, (target, person, person))).rowcount
