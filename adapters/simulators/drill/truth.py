"""What the drill does to the bus, written down before it does it, and how what was seen is judged by it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

TICKETS: Final = 47
ALARM_S_MAX: Final = 30.0
LIVE_P95_S_MAX: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAlarm:
    """An alarm that must arrive: what its message says, and what it is about."""

    fault: str
    title: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedVerdict:
    """The causes that `trace` must name of a ticket at that moment, and no other."""

    when: str
    source_no: str
    causes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillTruth:
    """The faults, the tickets that they hit, and what must be seen of them."""

    tickets: Sequence[str]
    backlog: int
    disk: str  # how the disk is filled
    alarms: Sequence[ExpectedAlarm]
    verdicts: Sequence[ExpectedVerdict]


@dataclass(slots=True, kw_only=True)
class DrillResult:
    """What was seen. Seconds count from the fault, `resumed_s` from when the disk was free.

    `wrong` says what was not as the truth says, in both languages.
    """

    truth: DrillTruth
    alarms: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, list[str]] = field(default_factory=dict)
    answered: int = 0
    lost: int = 0
    repeated: int = 0
    backlog_drained: int = 0
    drain_s: float = 0.0
    resumed_s: float = 0.0
    live_p95_s: float = 0.0
    took_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def alarm(self, expected: ExpectedAlarm, seconds: float | None) -> None:
        """Note when an alarm arrived."""
        if seconds is None:
            self.wrong.append(f"没有告警 / no alarm: {expected.title} {expected.about}")
            return
        self.alarms[expected.fault] = round(seconds, 1)
        if seconds > ALARM_S_MAX:
            self.wrong.append(f"告警太晚 / late: {expected.title}, {seconds:.1f} s > {ALARM_S_MAX:.0f} s")

    def verdict(self, expected: ExpectedVerdict, causes: Sequence[str]) -> None:
        """Note what `trace` said of a ticket."""
        self.verdicts[f"{expected.when}: {expected.source_no}"] = [*causes]
        if [*causes] != [*expected.causes]:
            self.wrong.append(
                f"误判 / misjudged: {expected.source_no} {expected.when}: {', '.join(causes)} "
                f"≠ {', '.join(expected.causes)}"
            )

    def live(self, resumed_s: float, p95_s: float) -> None:
        """Note when the ERP took something again once its disk was free, and how fast live deliveries were then."""
        self.resumed_s, self.live_p95_s = round(resumed_s, 1), round(p95_s, 2)

    def count(self) -> None:
        """Judge the count of the ledgers, and the speed of what was live meanwhile."""
        if self.answered != len(self.truth.tickets):
            self.wrong.append(f"未全部应答 / answered: {self.answered} of {len(self.truth.tickets)}")
        if self.lost or self.repeated:
            self.wrong.append(f"丢失 lost {self.lost}, 重复 repeated {self.repeated}")
        if self.resumed_s > ALARM_S_MAX:
            self.wrong.append(f"恢复太晚 / resumed late: {self.resumed_s:.1f} s > {ALARM_S_MAX:.0f} s")
        if self.live_p95_s > LIVE_P95_S_MAX:
            self.wrong.append(f"实时投递变慢 / live deliveries: p95 {self.live_p95_s:.2f} s > {LIVE_P95_S_MAX:.0f} s")

    @property
    def ending(self) -> str:
        """Say in one line how it ended."""
        return (
            "演练未通过 / the drill failed" if self.wrong else "演练通过:没有丢失、重复、迟到或误判 / the drill passed"
        )

    def as_json(self) -> Mapping[str, Any]:
        """Give it as JSON values, the truth first."""
        return asdict(self)
