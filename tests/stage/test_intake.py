"""The intake stage: what waited on Kafka is run, what is refused is kept, and the stage goes on."""

from dataclasses import dataclass, field

from bus.errors import CommandRefused, MalformedInput, Refusal, StoreUnavailable
from bus.stage.intake import IntakeHandler
from bus.stage.record import Record
from tests.bus_under_test import eventually
from tests.stage.rig import Rig


@dataclass(slots=True)
class Desk:
    """Runs requests that are plain words."""

    ran: list[str] = field(default_factory=list)
    kept: list[tuple[int, str]] = field(default_factory=list)
    away: int = 0

    def decode(self, value: bytes) -> str:
        """Read a word."""
        if value == b"\xff":
            raise MalformedInput("malformed_record", "value", "读不了", "unreadable")
        return value.decode()

    async def run(self, word: str) -> None:
        """Run a word; idempotent, as dispatch is."""
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        if word == "no":
            raise CommandRefused("not_now", "state", "不行", "no")
        if word not in self.ran:
            self.ran.append(word)

    async def keep(self, record: Record, refusal: Refusal) -> None:
        """Keep what was refused, once per record."""
        if (record.offset, refusal.code) not in self.kept:
            self.kept.append((record.offset, refusal.code))


async def test_waiting_requests_are_run_in_order_and_refused_ones_kept(rig: Rig) -> None:
    desk = Desk(away=2)
    rig.work(IntakeHandler(decode=desk.decode, run=desk.run, keep=desk.keep))
    await rig.produce(0, b"open", b"\xff", b"no", b"close")

    async def done() -> bool:
        standing = await rig.standing("intake")
        return bool(standing) and standing[0].next_offset == 4

    await eventually(done, within_s=15)
    assert desk.ran == ["open", "close"]
    assert desk.kept == [(1, "malformed_record"), (2, "not_now")]
    assert (await rig.standing("intake"))[0].failure is None
