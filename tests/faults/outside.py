"""The systems outside the bus, with ledgers of their own, and what those must say once all is quiet."""

import asyncio
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
import yaml

from adapters.erp.kingdee_wire import bill_number
from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.kingdee import KingdeeSimulator
from bus.delivery.target import delivery_key
from bus.domain.terms import EventId
from bus.intake.command_ids import command_id
from tests.bus_under_test import WEBHOOK_SECRET, Bus, eventually
from tests.faults.clients import PART_NO
from tests.faults.effects import answer_key
from tests.faults.trial import START_S_MAX

CRM, ERP = "crm", "erp"
UNKNOWN_PART: Final = "M-99"  # until somebody tells the ERP of it
PLENTY: Final = 1e9
FEW: Final = 10
QUICK: Final = {"attempt_timeout": "PT3S"}  # a claim that a kill leaves behind is over after 13 s
_CRM = {"adapter": "crm-callback", "events": "all", "rate_per_s": 1000, "concurrency": 16}
_ERP = {
    "adapter": "kingdee",
    "events": ["PartsRequested"],
    "rate_per_s": 1000,
    "concurrency": 8,
}
_REQUESTS = """
SELECT event_id, ticket_id FROM events WHERE ce_type = 'parts.requested.v1' AND NOT historic
ORDER BY ticket_id, version"""
_LATE = """
SELECT count(*) FILTER (WHERE d.state = 'done'),
       count(*) FILTER (WHERE d.state IS DISTINCT FROM 'done' AND e.recorded_at < now() - interval '1 s')
FROM events e LEFT JOIN deliveries d ON d.target = %s AND (d.ticket_id, d.version) = (e.ticket_id, e.version)
WHERE NOT e.historic"""
# What a target told is an event, or a refusal that was kept: late, the ticket was past it.
_TOLD = """
SELECT command_id::text FROM commands WHERE command_id = ANY(%s::uuid[]) UNION ALL
SELECT origin_ref FROM refused_inputs WHERE origin = %s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """A CRM that is told everything, and an ERP that hands out parts and says so."""

    bus: Bus
    crm: CallbackReceiver
    erp: KingdeeSimulator

    def judge(self, *, letters: int = 0, discarded: int = 0) -> None:
        """Hold both ledgers against the events, and say what that was; the bus must be quiet."""
        heads = self.bus.query("SELECT * FROM delivery_heads LIMIT 3")
        assert not heads, f"waiting: {heads}; {self.bus.log_of('worker')[-1500:]}"
        events = self._judge_crm()
        bills = self._judge_erp(discarded)
        assert self.bus.query("SELECT count(*) FROM letters WHERE target <> ''") == [(letters,)]
        assert self.crm.ledger.unproven == 0
        calls = Counter({CRM: sum(self.crm.ledger.calls.values()), ERP: len(self.erp.calls)})
        print(
            f"crm: {events} events, {len(self.crm.ledger.effects)} effects, {calls[CRM]} calls; "
            f"erp: {bills} requests, {len(self.erp.books.bills)} bills, {calls[ERP]} calls; "
            f"0 lost, 0 repeated, {letters} letters"
        )

    def _judge_crm(self) -> int:
        told, true = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
        for one in self.crm.ledger.effects:
            told[one.body["data"]["ticket_id"]].append(one.body["data"]["version"])
        for ticket_id, version in self.bus.query(
            "SELECT ticket_id, version FROM events WHERE NOT historic AND ticket_id < 'V' ORDER BY 1, 2"
        ):  # the notes on virtual tickets, the bus's own probes, go to no target
            true[ticket_id].append(version)
        assert told == true, _differing(told, true)
        ids = Counter(one.delivery_id for one in self.crm.ledger.effects)
        assert not [one for one, count in ids.items() if count > 1]
        return sum(map(len, true.values()))

    def _judge_erp(self, discarded: int) -> int:
        """Every request has one bill, handed out or voided once, in the order of its ticket, and the bus was told."""
        requests: Sequence[tuple[UUID, str]] = self.bus.query(_REQUESTS)
        wanted = defaultdict[str, list[str]](list)
        for event_id, ticket_id in requests:
            wanted[ticket_id].append(bill_number(delivery_key(EventId(event_id), ERP)))
        made = defaultdict[str, list[str]](list)
        for bill in self.erp.books.bills:
            made[str(bill.model["FNote"]).split()[0]].append(bill.number)
            steps = {name: bill.steps[name] for name in ("made", "audited", "voided")}
            assert steps in ({"made": 1, "audited": 1, "voided": 0}, {"made": 1, "audited": 0, "voided": 1}), bill
            assert bill.voided or bill.steps["submitted"] == 1, bill
        if discarded:
            assert len(self.erp.books.bills) == len(requests) - discarded
            wanted = defaultdict(list, {t: [n for n in all_ if n in made[t]] for t, all_ in wanted.items()})
        assert {**made} == {ticket: numbers for ticket, numbers in wanted.items() if numbers}, _differing(made, wanted)
        keys = [answer_key(EventId(event_id), ERP) for event_id, _ in requests]
        ids = {str(command_id(ERP, key)): key for key in keys}
        told = Counter(ids.get(one, one) for (one,) in self.bus.query(_TOLD, list(ids), f"answer:{ERP}"))
        assert set(told.values()) <= {1}
        assert len(told) == len(requests) - discarded
        assert set(told) <= set(keys)
        return len(requests)

    async def flows(self) -> None:
        """Wait until the CRM was told of nearly all that happened up to a moment ago: the worker has caught up."""

        async def flow() -> bool:
            ((told, late),) = self.bus.query(_LATE, CRM)
            return bool(told) and int(late) < FEW

        await eventually(flow, within_s=START_S_MAX, each_s=0.2, what=lambda: self.bus.log_of("worker")[-1500:])

    async def drained(self, *, within_s: float = 300) -> None:
        """Wait until nothing is due at any target, letters left aside."""

        async def nothing_waits() -> bool:
            return not self.bus.query("SELECT FROM delivery_heads WHERE NOT parked LIMIT 1")

        await eventually(nothing_waits, within_s=within_s, each_s=0.2, what=lambda: str(self.standing()))

    async def command(self, *arguments: str) -> None:
        """Run a command of `ticketbus` that must end well; both systems answer meanwhile."""
        run = await asyncio.to_thread(self.bus.run, *arguments)
        assert run.returncode == 0, run.stdout + run.stderr

    def standing(self) -> dict[str, dict[str, Any]]:
        """Tell how the targets stand, as `delivery list` does; for last words: it blocks."""
        run = self.bus.run("delivery", "list", "--json")
        assert run.returncode in (0, 1), run.stderr
        return {one["target"]: one for one in map(orjson.loads, run.stdout.splitlines())}

    def waited_s(self, target: str, share: float, *, since: float = 0, until: float = 4e9) -> float:
        """Give what share of the deliveries waited no longer than, of events recorded in that time (Unix seconds).

        From before the event's commit to after the effect, so that it errs against us.
        """
        ((waited,),) = self.bus.query(
            """
            SELECT percentile_cont(%s) WITHIN GROUP (ORDER BY extract(epoch FROM d.settled_at - e.recorded_at))
            FROM deliveries d JOIN events e USING (ticket_id, version)
            WHERE d.target = %s AND d.state = 'done' AND e.recorded_at BETWEEN to_timestamp(%s) AND to_timestamp(%s)""",
            share,
            target,
            since,
            until,
        )
        assert waited is not None, f"nothing was delivered to {target} in that time"
        return float(waited)


@asynccontextmanager
async def outside(
    bus: Bus,
    folder: Path,
    *,
    stock: float = PLENTY,
    remembers: bool = True,
    crm: Mapping[str, object] | None = None,
    erp: Mapping[str, object] | None = None,
) -> AsyncIterator[Outside]:
    """Serve a CRM and an ERP, and name them to the bus's programs, which start later.

    `crm` and `erp` replace fields of their targets.
    """
    books = KingdeeSimulator(stock={PART_NO: stock})
    async with CallbackReceiver(WEBHOOK_SECRET, remembers=remembers) as receiver, books.serving():
        account = books.account
        options = {
            "base_url": books.url,
            "acct_id": account.acct_id,
            "user": account.user,
            "app_id": account.app_id,
            "app_secret": "ERP_SECRET",
            "org": "100",
            "stock": "CK001",
        }
        targets = {
            CRM: {**_CRM, "options": {"url": receiver.url, "secrets": ["CRM_SECRET"]}, **(crm or {})},
            ERP: {**_ERP, "options": options, **(erp or {})},
        }
        file = folder / "targets.yaml"
        file.write_text(yaml.safe_dump({"targets": targets}))
        secrets = {"CRM_SECRET": WEBHOOK_SECRET, "ERP_SECRET": account.app_secret}
        bus.environment |= {"TICKETBUS_TARGETS_FILE": str(file), **secrets}
        try:
            yield Outside(bus=bus, crm=receiver, erp=books)
        finally:
            if "worker" in bus.processes:  # it ends before those that it calls
                bus.stop("worker", signal.SIGKILL)


def _differing(told: Mapping[str, Sequence[Any]], true: Mapping[str, Sequence[Any]]) -> str:
    """Name the first tickets of which a ledger says other than the events."""
    names = sorted(name for name in {*told, *true} if list(told.get(name, ())) != list(true.get(name, ())))
    return f"{len(names)} tickets, the first (told, true): {[(n, told.get(n), true.get(n)) for n in names[:3]]}"
