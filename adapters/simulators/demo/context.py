"""The demo's shared context: its simulators, its clients, and waiting for a condition."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from adapters.simulators.crm import Crm, Receipt
from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.demo.systems import DemoSystems
from adapters.simulators.dispatcher import DispatcherClient
from adapters.simulators.engineer_app import EngineerApp
from adapters.simulators.host_client import HostClient
from adapters.simulators.zendesk import ZendeskSimulator
from bus.delivery.status import TargetStatus
from bus.domain.people import Person

EVENT_S_MAX: Final = 60.0
ENGINEER: Final = "张伟"
DISPATCHER: Final = "王芳"
CLERK: Final = "客服小刘"


class Operator(Protocol):
    """What an operator does at a terminal: the same functions as those of the commands named."""

    async def target_status(self, target: str) -> TargetStatus | None:
        """Look at a target, as `ticketbus delivery list` shows it; None while no worker serves it."""

    async def letter(self, target: str) -> Mapping[str, Any]:
        """Look for a dead letter of a target, as `ticketbus deadletter show --json` gives it; empty without one."""

    async def apply_map(self, name: str, *, by: str, why: str) -> int:
        """Bring a map that comes with the bus into force, as `ticketbus map apply` does; give its version."""

    async def keep_people(self, people: Sequence[Person], *, by: str) -> None:
        """Put people into the directory, as `ticketbus people apply` does."""

    async def retry(self, letter: int, *, by: str, why: str) -> Mapping[str, Any]:
        """Send a letter again, as `ticketbus deadletter retry` does; give it as it then stands on file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskMade:
    """A disk that there is not, in bytes; it grows by `growth` a second."""

    host: str
    path: str
    total_bytes: float
    used_bytes: float
    growth: float


class Faults(Protocol):
    """What goes wrong around the bus, so that there is something to send an alarm about."""

    async def give_history(self, disk: DiskMade) -> None:
        """Keep samples of the ten minutes before now, as if its watch had run."""

    def misspelled_consumer(self) -> AbstractAsyncContextManager[str]:
        """Run a consumer of a topic that there is not; give its group and the topic, as an alert names them."""

    def broken_openings(self) -> AbstractAsyncContextManager[None]:
        """Let every opening fail in the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoContext:
    """Who plays: all of them speak to the bus over real sockets. `systems` are those that the bus calls."""

    crm: Crm
    dispatcher: DispatcherClient
    app: EngineerApp
    wrong_app: EngineerApp
    host: HostClient
    zendesk: ZendeskSimulator
    systems: DemoSystems
    operator: Operator
    faults: Faults


async def tapped(context: DemoContext, tell: Narrator, ticket_id: str, label: str, values: Mapping[str, Any]) -> None:
    """Tap a button of the app, which must be taken. Raises DemoFailed."""
    answer = await context.app.tap(label, ticket_id, **values)
    tell.expect(answer.done, f"“{label}”应被接受", f"{label} is accepted", answer)
    tell.fact(f"{label}")


def expect_answer(tell: Narrator, receipt: Receipt, answer: str) -> None:
    """Go on if the bus answered so. Raises DemoFailed."""
    tell.expect(
        receipt.result.get("answer") == answer,
        f"应答应为 {answer}",
        f"the answer is {answer}",
        receipt,
    )
