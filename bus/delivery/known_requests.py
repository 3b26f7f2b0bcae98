"""What the bus believes of the requests for parts that a target had, or of which it lists a document."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bus.delivery.compare_documents import KnownRequest, RequestState
from bus.delivery.document_list import ListedDocument, ListingTarget
from bus.delivery.target import Call, DeliveryFailed, LaggingTarget, delivery_key
from bus.domain.events import PartsIssued, PartsRefused, PartsRequested, Recorded
from bus.postgres.pool import Pool, connected, read_rows
from schemas.catalogue import BY_CLASS

SETTLED_AFTER: Final = timedelta(minutes=1)  # clocks of workers differ: what was settled since then may not be listed
CALLED_WITHIN: Final = timedelta(minutes=5)  # a request first tried since then may still come to its end by itself
AT_ONCE: Final = 1_000  # requests whose events are read together
# By ticket and number through indexes; of a target's queue only its settled rows of the time, and its heads.
_PLACES: Final = b"""
SELECT ticket_id, version FROM events WHERE ticket_id = ANY(%(tickets)s) AND ce_type = %(asked)s
UNION
SELECT d.ticket_id, d.version FROM deliveries d WHERE d.reference = ANY(%(numbers)s) AND d.reference <> ''
UNION
SELECT d.ticket_id, d.version FROM deliveries d JOIN events e USING (ticket_id, version)
WHERE d.target = %(target)s AND d.settled_at >= %(since)s AND d.settled_at < %(until)s AND e.ce_type = %(asked)s
UNION
SELECT h.ticket_id, h.version FROM delivery_heads h JOIN events e USING (ticket_id, version)
WHERE h.target = %(target)s AND e.ce_type = %(asked)s
ORDER BY 1, 2"""
# A request may have gone to another target first, as the old version of a rollout, whose numbers are ours as well.
_ROWS: Final = b"""
SELECT e.ticket_id, e.version, e.value, t.target, d.state, d.reference, d.settled_at,
    coalesce(h.parked, false) AS parked, coalesce(h.unsure AND h.next_at > %(now)s, false) AS called,
    h.first_tried_at, h.edited
FROM unnest(%(tickets)s::text[], %(versions)s::int[]) AS w (ticket_id, version)
JOIN events e ON (e.ticket_id, e.version) = (w.ticket_id, w.version) AND e.ce_type = %(asked)s
CROSS JOIN unnest(%(targets)s::text[]) AS t (target)
LEFT JOIN deliveries d ON (d.target, d.ticket_id, d.version) = (t.target, e.ticket_id, e.version)
LEFT JOIN delivery_heads h ON (h.target, h.ticket_id, h.version) = (t.target, e.ticket_id, e.version)"""
_ANSWERS: Final = b"SELECT value FROM events WHERE ticket_id = ANY(%s) AND ce_type = ANY(%s)"
_ASKED: Final = BY_CLASS[PartsRequested].ce_type
_ANSWERED: Final = [BY_CLASS[one].ce_type for one in (PartsIssued, PartsRefused)]


@dataclass(slots=True)
class _TicketSays:
    """What a ticket says of one request: by which documents its parts were issued, or that they were refused."""

    documents: set[str] = field(default_factory=set)
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRequests:
    """Reads them for one target whose list is read from `began` on.

    `events` decodes events of the log; what it gives may stay sealed.
    """

    pool: Pool
    name: str
    target: ListingTarget
    events: Callable[[Sequence[bytes]], Awaitable[Sequence[Recorded]]]
    began: datetime

    async def read(self, listed: Sequence[ListedDocument], since: datetime, until: datetime) -> Sequence[KnownRequest]:
        """Read the target's requests settled from `since` on and before `until`, those that are not, and all listed.

        To be read after the list: whatever is listed then had its call begun before. Raises StoreUnavailable,
        Transient.
        """
        tickets = {one.note.partition(" ")[0] for one in listed}
        numbers = {one.number for one in listed}
        asked = {
            "tickets": sorted(tickets), "numbers": sorted(numbers), "asked": _ASKED, "target": self.name,
            "since": since, "until": until,
        }  # fmt: skip
        async with connected(self.pool) as connection:
            places = await (await connection.execute(_PLACES, asked)).fetchall()
            rows = await (await connection.execute(b"SELECT target FROM delivery_targets")).fetchall()
        targets, known = sorted({self.name, *(name for (name,) in rows)}), list[KnownRequest]()
        for begin in range(0, len(places), AT_ONCE):
            known += await self._some(places[begin : begin + AT_ONCE], targets, numbers)
        return known

    async def _some(
        self, places: Sequence[tuple[str, int]], targets: Sequence[str], numbers: set[str]
    ) -> Sequence[KnownRequest]:
        tickets = [ticket_id for ticket_id, _ in places]
        asked = {
            "now": self.began, "tickets": tickets, "versions": [version for _, version in places], "asked": _ASKED,
            "targets": targets,
        }  # fmt: skip
        async with connected(self.pool) as connection:
            rows = await read_rows(connection, _ROWS, _RequestRow, asked)
            answers = await (await connection.execute(_ANSWERS, (tickets, _ANSWERED))).fetchall()
        says = _ticket_says(await self.events([value for (value,) in answers]))
        values = [*{value for row in rows for value in (row.value, row.edited) if value is not None}]
        decoded = dict(zip(values, await self.events(values), strict=True))
        known = [self._known(row, decoded, says) for row in rows]
        return [one for one in known if one and (one.own or not numbers.isdisjoint(one.numbers))]

    def _known(
        self, row: "_RequestRow", decoded: Mapping[bytes, Recorded], says: Mapping[str, "_TicketSays"]
    ) -> KnownRequest | None:
        """Say what is known of one request at one target; None where it makes no document there."""
        recorded = decoded[row.value]
        match recorded.event:
            case PartsRequested(request_no=request_no):
                answer = says.get(f"{row.ticket_id} {request_no}", _TicketSays())
            case _:
                return None
        key = delivery_key(recorded.event_id, row.target)
        try:
            numbers = [self.target.document_number(_call(recorded, key, mended=False))]
            if row.edited is not None:
                numbers.insert(0, self.target.document_number(_call(decoded[row.edited], key, mended=True)))
        except DeliveryFailed:
            return None
        if row.state == "done" and row.reference:
            numbers.insert(0, row.reference)
        numbers.sort(key=lambda number: number not in answer.documents)
        return KnownRequest(
            ticket_id=row.ticket_id,
            version=row.version,
            request_no=request_no,
            numbers=tuple(dict.fromkeys(numbers)),
            state=self._state(row, answer, issued=numbers[0] in answer.documents),
            own=row.target == self.name and row.state is not None,
        )

    def _state(self, row: "_RequestRow", answer: _TicketSays, *, issued: bool) -> RequestState:
        if row.called or self._is_fresh(row):
            return RequestState.UNDER_WAY
        match row.state:
            case None:
                return RequestState.GONE
            case _ if issued:
                return RequestState.ISSUED
            case "done":
                return RequestState.REFUSED if answer.refused else RequestState.DONE
            case "discarded":
                return RequestState.DISCARDED
            case _:
                return RequestState.LETTER if row.parked else RequestState.WAITING

    def _is_fresh(self, row: "_RequestRow") -> bool:
        """Say whether the list may be older than what is known of a request."""
        if row.settled_at:
            settles_s = self.target.lookup_settles_s if isinstance(self.target, LaggingTarget) else 0.0
            return row.settled_at > self.began - max(SETTLED_AFTER, timedelta(seconds=settles_s))
        tried_at = row.first_tried_at
        return not row.parked and tried_at is not None and tried_at > self.began - CALLED_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class _RequestRow:
    """A request for parts and its delivery to one target; `state` None: there is no such delivery."""

    ticket_id: str
    version: int
    value: bytes
    target: str
    state: str | None
    reference: str | None
    settled_at: datetime | None
    parked: bool
    called: bool
    first_tried_at: datetime | None
    edited: bytes | None


def _call(recorded: Recorded, key: str, *, mended: bool) -> Call:
    return Call(event=recorded, key=key, attempt=1, within_s=0, traceparent="", mended=mended)


def _ticket_says(answers: Sequence[Recorded]) -> Mapping[str, _TicketSays]:
    says = defaultdict[str, _TicketSays](_TicketSays)
    for one in answers:
        match one.event:
            case PartsIssued(request_no=request_no, document_no=document_no):
                says[f"{one.ticket_id} {request_no}"].documents.add(document_no)
            case PartsRefused(request_no=request_no):
                says[f"{one.ticket_id} {request_no}"].refused = True
            case _:
                pass
    return says
