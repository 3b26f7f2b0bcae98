"""January without a bus: the same simulators wired to each other lose the 47 in silence."""

from pathlib import Path

from rich.console import Console

from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.drill.systems import listening
from adapters.simulators.drill.truth import TICKETS
from adapters.simulators.drill.without_bus import play_without_bus


async def test_without_bus_47_tickets_are_lost_and_nobody_hears_of_it(tmp_path: Path) -> None:
    async with listening() as systems:
        seen = await play_without_bus(tmp_path, systems, 200, Narrator(Console(quiet=True)))
    # One that was taken over from the queue when the ERP failed goes back: none of the 200 is lost, none moves.
    assert (seen.answered, seen.lost, seen.alarms, seen.waiting_for_erp) == (0, TICKETS, 0, 200)
    assert seen.wrong == []
