"""What a customer answers on a page to the request to confirm a closure: read, and decided once (R20)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID, uuid5

from bus.domain.batch import Refused
from bus.domain.closing_commands import AskClosureCode, ConfirmClosure, RejectClosure
from bus.domain.closure_rules import ClosureRules
from bus.domain.commands import AskProgress, Request
from bus.domain.errors import MalformedInput
from bus.domain.naming import kebab
from bus.domain.terms import CUSTOMER_PAGE, CommandId, Tick, TicketId, TraceId
from bus.domain.text import Text
from bus.gateway.write.group_commit import GroupCommit
from bus.intake.command_bodies import within_limits
from bus.intake.outcomes import count

ACTOR: Final = "customer"
_NAMESPACE: Final = UUID("0b6c1f0e-53b7-5d0c-9f6e-2f4d1c7a9e35")  # never changes: it makes the ids of commands
_FIELDS_MAX: Final = 20
_OTHER: Final = "other"  # of the reasons: it wants words
_TICKS_EN: Final[Mapping[str, str]] = {
    Tick.FULLY_SOLVED.value: "The problem is solved completely",
    Tick.NO_SIDE_RISK.value: "It has caused no other risk",
    Tick.NO_FOLLOW_UP.value: "No further support is needed",
}
_NAME: Final = Text("请填写您的姓名", "please give your name")
_ALL: Final = Text(
    "三项都勾选才能确认;若有一项不符,请选择“问题没有解决”",
    "tick all three to confirm; or choose that it is not solved",
)
_WHY: Final = Text("请选择原因", "please choose why")
_SAY: Final = Text("请说明哪里没有解决", "please say what is not solved")
_ANSWER: Final = Text("请选择确认或未解决", "please choose whether it is solved")
_CODE: Final = Text("请填写短信验证码", "please give the code of the SMS")


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """What a form says."""

    answer: str = ""
    name: str = field(default="", repr=False)
    ticks: Sequence[str] = ()
    reason: str = ""
    words: str = field(default="", repr=False)
    code: str = field(default="", repr=False)


NOTHING_GIVEN: Final = GivenAnswer()


def given_answer(body: bytes) -> GivenAnswer:
    """Read a form; what is none says nothing. Pure."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=_FIELDS_MAX)
    except ValueError:
        return NOTHING_GIVEN

    def one(name: str) -> str:
        return fields.get(name, [""])[0].strip()

    return GivenAnswer(
        answer=one("answer"),
        name=one("name"),
        ticks=fields.get("tick", []),
        reason=one("reason"),
        words=one("words"),
        code=one("code"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerAnswers:
    """Decides what customers answer and ask on pages; `check` raises IntakeStopped while nothing may be taken in."""

    rules: ClosureRules
    group: GroupCommit
    check: Callable[[], None]

    def form(self, given: GivenAnswer = NOTHING_GIVEN, problem: Text | None = None) -> Mapping[str, Any]:
        """Give what the closure's form is rendered with. Pure."""
        reasons = self.rules.rejection_reasons
        words = {"reasons": reasons, "ticks": list(Tick), "tick_words": _TICKS_EN}
        return {"given": given, "problem": problem, "code": None, **words}

    async def close(
        self,
        given: GivenAnswer,
        ticket_id: TicketId,
        version: int,
        trace_id: TraceId,
        now: datetime,
        *,
        tried: int | None = None,
    ) -> ConfirmClosure | RejectClosure:
        """Decide the answer to the request of that version, and give it; the first answer counts.

        `tried`: it wants the code, of which so many wrong ones were given; None: it wants none. Raises Refusal with
        what to put right, Transient.
        """
        command = self._closing(given)
        name = f"{ticket_id}|{version}|{kebab(type(command))}"
        if tried is not None:
            if not given.code:
                raise MalformedInput("missing", "code", _CODE.zh, _CODE.en)
            command, name = within_limits(replace(command, code=given.code)), f"{name}|{tried}"
        await self.decide(command, name, ticket_id, trace_id, now)
        return command

    async def decide(
        self,
        command: ConfirmClosure | RejectClosure | AskClosureCode | AskProgress,
        name: str,
        ticket_id: TicketId,
        trace_id: TraceId,
        now: datetime,
    ) -> None:
        """Decide what a customer wants, once by its name, whoever presses twice. Raises CommandRefused, Transient."""
        request = Request(
            command_id=CommandId(uuid5(_NAMESPACE, name)),
            command=command,
            source=CUSTOMER_PAGE,
            actor=ACTOR,
            at=now,
            received_at=now,
            trace_id=trace_id,
            fingerprint=sha256(name.encode()).hexdigest(),
            ticket_id=ticket_id,
        )
        self.check()
        [outcome] = await self.group.submit([request])
        count(request, outcome)
        if isinstance(outcome, Refused):
            raise outcome.error

    def _closing(self, given: GivenAnswer) -> ConfirmClosure | RejectClosure:
        """Read the answer, in words for customers. Raises MalformedInput."""
        if given.answer in ("confirm", "reject") and not given.name:
            raise MalformedInput("missing", "name", _NAME.zh, _NAME.en)
        match given.answer:
            case "confirm":
                ticks = tuple(tick for tick in Tick if tick.value in given.ticks)
                if len(ticks) < len(Tick):
                    raise MalformedInput("missing", "tick", _ALL.zh, _ALL.en)
                return within_limits(ConfirmClosure(confirmed_by=given.name, ticks=ticks))
            case "reject":
                return within_limits(self._rejection(given))
            case _:
                raise MalformedInput("missing", "answer", _ANSWER.zh, _ANSWER.en)

    def _rejection(self, given: GivenAnswer) -> RejectClosure:
        chosen = self.rules.rejection_reasons.get(given.reason)
        if chosen is None:
            raise MalformedInput("missing", "reason", _WHY.zh, _WHY.en)
        if given.reason == _OTHER and not given.words:
            raise MalformedInput("missing", "words", _SAY.zh, _SAY.en)
        return RejectClosure(rejected_by=given.name, reason=given.words or chosen.zh, reason_code=given.reason)
