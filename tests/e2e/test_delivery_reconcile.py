"""The ERP's bills against what was delivered, by the real programs: one lost there, and one not known here."""

import asyncio
import json
from pathlib import Path
from typing import Any

from adapters.simulators.kingdee_faults import KingdeeFault
from tests.bus_under_test import Bus, eventually
from tests.e2e.test_delivery import Outside, outside

SINCE = ("--since", "2026-01-01T00:00:00+08:00")
LONG_AGO = """
UPDATE deliveries SET settled_at = settled_at - interval '2 minutes' WHERE target = 'erp' AND settled_at IS NOT NULL
RETURNING 1"""


async def reconcile(world: Outside, *more: str) -> tuple[int, list[dict[str, Any]]]:
    """Run the command while the ERP answers; gives its exit code and lines."""
    done = await asyncio.to_thread(world.bus.run, "delivery", "reconcile", "erp", *SINCE, "--json", *more)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


async def test_delivery_reconcile_names_a_bill_lost_there_and_one_not_known_here(bus: Bus, tmp_path: Path) -> None:
    async def settled() -> bool:
        return bool(bus.query(LONG_AGO))

    async with outside(bus, tmp_path) as world:
        ticket_id = await world.ticket()
        lost = await world.ask_for(ticket_id)
        await world.happened(ticket_id, "parts.issued.v1")
        await eventually(settled, what=lambda: bus.last_words("worker"))
        [bill] = world.erp.books.bills
        world.erp.books.bills.clear()  # restored from a backup of yesterday's
        missing = await asyncio.to_thread(bus.run, "delivery", "reconcile", "erp", *SINCE)
        assert (missing.returncode, f"{bill.number} ({ticket_id} {lost})" in missing.stdout) == (1, True)
        assert f"ask for the parts again on ticket {ticket_id}" in missing.stdout
        world.erp.books.bills.append(bill)

        world.erp.fail(KingdeeFault.REFUSED, only=("Audit",))
        other = await world.ticket()
        await world.ask_for(other)
        await world.waiting("erp", parked=1)
        world.erp.heal()
        world.erp.books.bills[-1].status = "C"  # by hand, over there
        code, [head, unknown] = await reconcile(world)
        assert (code, unknown["kind"], unknown["here"], unknown["there"]) == (1, "unknown_here", "letter", "counted")
        assert unknown["ticket_id"] == other
        assert (head["unknown_here"], "retry the letter" in unknown["next_en"]) == (1, True)

        [(letter,)] = bus.query("SELECT id FROM letters")
        await asyncio.to_thread(bus.run, "deadletter", "retry", str(letter), "--by", "张工", "--why", "已人工审核")
        await world.happened(other, "parts.issued.v1")
        code, [head] = await reconcile(world)
        assert (code, head["listed"], head["known"]) == (0, 2, 2)
        assert [one.steps["made"] for one in world.erp.books.bills] == [1, 1]

        async def compared() -> bool:
            [one] = [one for one in await world.listed("delivery", "list") if one["target"] == "erp"]
            return one["reconciled_at"] is not None

        await eventually(compared, each_s=0.5, what=lambda: bus.last_words("worker"))
        await refuses(world)


async def refuses(world: Outside) -> None:
    """Ask for what cannot be compared, and for a list that does not come."""
    for arguments, says in (
        (("crm", *SINCE), "has no list of documents"),
        (("erp", "--since", "2026-01-02T00:00:00Z", "--until", "2026-01-01T00:00:00Z"), "not before the end"),
    ):
        done = await asyncio.to_thread(world.bus.run, "delivery", "reconcile", *arguments)
        assert done.returncode == 2
        assert says in " ".join(done.stderr.replace("│", " ").split())
    world.erp.fail(KingdeeFault.REFUSED, only=("ExecuteBillQuery",))
    done = await asyncio.to_thread(world.bus.run, "delivery", "reconcile", "erp", *SINCE)
    assert (done.returncode, "nothing was judged" in done.stderr) == (1, True)
    world.erp.heal()
