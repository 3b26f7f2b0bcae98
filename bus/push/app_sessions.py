"""Who has an app connected, as this gateway knows it: rows that `trace` reads."""

from collections.abc import Collection
from dataclasses import dataclass, field
from time import monotonic

from bus.postgres.pool import Connection

RENEW_EVERY_S = 10.0

_SEEN = b"""
INSERT INTO app_sessions AS s (person, seen_at, answered_at)
SELECT person, now(), CASE WHEN person = ANY(%(answered)s) THEN now() END
FROM unnest(%(seen)s::text[]) AS w (person) ORDER BY person
ON CONFLICT (person) DO UPDATE SET seen_at = excluded.seen_at,
    answered_at = coalesce(excluded.answered_at, s.answered_at)"""
_LEFT = b"""
UPDATE app_sessions SET left_at = now() WHERE person IN (
    SELECT person FROM app_sessions WHERE person = ANY(%s) ORDER BY person FOR UPDATE)"""


@dataclass(slots=True)
class AppSessions:
    """Notes who is connected: at once when somebody comes, leaves or answers, and every RENEW_EVERY_S."""

    _came: set[str] = field(default_factory=set)
    _left: set[str] = field(default_factory=set)
    _answered: set[str] = field(default_factory=set)
    _noted_at: float = 0.0

    @property
    def changed(self) -> bool:
        """Say whether something is to be noted now."""
        return bool(self._came or self._left)

    def came(self, person: str) -> None:
        """Note that a session of this person began."""
        self._came.add(person)
        self._left.discard(person)

    def left(self, person: str) -> None:
        """Note that the last session of this person ended."""
        self._left.add(person)
        self._came.discard(person)

    def answered(self, person: str) -> None:
        """Note that their app acknowledged a push; written with the next renewal."""
        self._answered.add(person)

    async def write(self, connection: Connection, connected: Collection[str]) -> None:
        """Write what is due; whoever is connected here stays so for others as long as this goes on."""
        if not self.changed and monotonic() - self._noted_at < RENEW_EVERY_S:
            return
        left, seen, answered = set(self._left), {*connected}, set(self._answered)
        if seen:
            await connection.execute(_SEEN, {"seen": sorted(seen), "answered": sorted(answered)})
        if left:
            await connection.execute(_LEFT, (sorted(left),))
        self._came, self._noted_at = set(), monotonic()
        self._left -= left
        self._answered -= answered
