"""Rejected input in PostgreSQL, and in memory for tests; without a sender to answer it becomes a dead letter."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from psycopg.types.json import Jsonb

from bus.alerts.alert import Alert, AlertSink
from bus.alerts.rule_names import RuleName
from bus.intake.dispatch import utc_now
from bus.observability.masking import mask_text
from bus.postgres.personal_keys import PersonalKeys
from bus.postgres.pool import Connection, Pool, connected
from bus.wire import metrics
from bus.wire.numbers_in import numbers_in
from bus.wire.record_reader import ORIGIN
from bus.wire.rejected_input import RejectedInput
from deadletter import store as letters
from deadletter.daily_cap import DailyCap
from deadletter.dead_letter import NewDeadLetter, of_input
from deadletter.records import Encode
from deadletter.replay import kind_of_origin
from deadletter.senders_words import without_senders_words

_KEEP = """
INSERT INTO refused_inputs
    (origin, origin_ref, source, code, field, detail_zh, detail_en, body, headers, trace_id, ticket_id, lookups)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (origin, origin_ref) DO UPDATE SET
    code = excluded.code, field = excluded.field, detail_zh = excluded.detail_zh, detail_en = excluded.detail_en,
    body = excluded.body, headers = excluded.headers, lookups = excluded.lookups,
    last_at = now(), times = refused_inputs.times + 1"""

_CLOSED = "SELECT origin_ref FROM letters WHERE origin = %s AND origin_ref = ANY(%s) AND state <> 'open'"


class PostgresRejectedInputs:
    """Rejected input in its table; without a sender to answer also as a dead letter."""

    def __init__(
        self,
        pool: Pool,
        encode: Encode,
        keys: PersonalKeys,
        *,
        now: Callable[[], datetime] = utc_now,
        report: AlertSink,
    ) -> None:
        self._pool, self._encode, self._keys, self._now, self._report = pool, encode, keys, now, report
        self._cap = DailyCap()

    async def keep(self, inputs: Sequence[RejectedInput]) -> None:
        """Keep input; of what its sender heard of, no more than the day's share of its source.

        An import has a limit of its own, and every row that it refused is there to be mended.
        """
        at = self._now()
        kept = [one for one in inputs if not _is_capped(one) or self._cap.allows(one.source, at)]
        metrics.REFUSED_NOT_KEPT.inc(len(inputs) - len(kept))
        await self._keep(kept, at)

    async def _keep(self, inputs: Sequence[RejectedInput], at: datetime) -> None:
        if not inputs:
            return
        async with connected(self._pool) as connection:
            sealed = await self._keys.sealed_inputs(connection, [one.body for one in inputs])
            lookups = [[self._keys.lookup(one) for one in sorted(numbers_in(given.body))] for given in inputs]
            inputs = [_stored(one, body) for one, body in zip(inputs, sealed, strict=True)]
            rows = [
                (i.origin, i.origin_ref, i.source, i.code, i.field, i.detail_zh, i.detail_en, i.body,
                 Jsonb(dict(i.headers)), i.trace_id, i.ticket_id, found)
                for i, found in zip(inputs, lookups, strict=True)
            ]  # fmt: skip
            dead = [of_input(one, at) for one in inputs if not one.heard]
            async with connection.cursor() as cursor:
                await cursor.executemany(_KEEP, rows)
            dead = await _without_closed_records(connection, dead)
            fresh = len(await letters.post(connection, dead, self._encode)) if dead else 0
        if fresh:
            self._tell(fresh, [one for one in inputs if not one.heard])

    def _tell(self, fresh: int, inputs: Sequence[RejectedInput]) -> None:
        """Raise one alert a batch."""
        codes, first = Counter(one.code for one in inputs), inputs[0]
        origins = sorted({one.origin for one in inputs})
        self._report(
            Alert(
                rule=RuleName.DEAD_LETTER,
                about=", ".join(origins),
                zh=f"{fresh} 份输入没有生效,已转为死信;用 deadletter list 查看",
                en=f"{fresh} inputs had no effect and are dead letters; see `deadletter list`",
                ticket_id=first.ticket_id or "",
                trace_id=first.trace_id,
                facts={"letters": fresh, "code": codes.most_common(1)[0][0]},
            )
        )


def _is_capped(one: RejectedInput) -> bool:
    return one.heard and kind_of_origin(one.origin) != "import"


def _stored(one: RejectedInput, sealed: bytes) -> RejectedInput:
    """Give an input as it is stored: its body sealed, its reason without its sender's words, phones masked.

    An import has left out its cells by itself: it knows the words of its map from them.
    """
    reasons = [one.detail_zh, one.detail_en]
    if kind_of_origin(one.origin) != "import":
        reasons = [without_senders_words(text, one.body) for text in reasons]
    field, zh, en = map(mask_text, (one.field, *reasons))
    return replace(one, body=sealed, field=field, detail_zh=zh, detail_en=en)


async def _without_closed_records(connection: Connection, dead: Sequence[NewDeadLetter]) -> list[NewDeadLetter]:
    """Leave out records of the log whose letter was discarded: every rebuild reads them again."""
    places = [one.origin_ref for one in dead if one.origin == ORIGIN]
    found = await (await connection.execute(_CLOSED, (ORIGIN, places))).fetchall() if places else []
    closed = {place for (place,) in found}
    return [one for one in dead if one.origin != ORIGIN or one.origin_ref not in closed]


class MemoryRejectedInputs:
    """The same in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], RejectedInput] = {}

    async def keep(self, inputs: Sequence[RejectedInput]) -> None:
        self.kept.update({(one.origin, one.origin_ref): one for one in inputs})
