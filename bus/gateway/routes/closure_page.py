"""The page on which the customer's contact confirms a closure, or says why not: by a link, without a login (R20).

To look at it changes nothing, so that a chat's preview of a link confirms nothing; the token in the path is the proof.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs
from uuid import UUID, uuid5

import jinja2
import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.batch import Refused
from bus.domain.closing_commands import ConfirmClosure, RejectClosure
from bus.domain.closure_proof import PAGE_PATH, PageClaim, claim_of
from bus.domain.closure_rules import ClosureRules
from bus.domain.commands import Request
from bus.domain.errors import MalformedInput, Transient
from bus.domain.naming import kebab
from bus.domain.terms import CLOSURE_PAGE, CommandId, State, Tick
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.gateway.deps import body_of, trace_of
from bus.gateway.http.routing import HttpRoute
from bus.gateway.write.group_commit import GroupCommit
from bus.gateway.write.write_side import WriteSide
from bus.intake.command_bodies import within_limits
from bus.intake.outcomes import count
from bus.intake.store_port import Store

ACTOR: Final = "customer"
_NAMESPACE: Final = UUID("0b6c1f0e-53b7-5d0c-9f6e-2f4d1c7a9e35")  # never changes: it makes the ids of commands
_FIELDS_MAX: Final = 20
_PACKAGE: Final = files("bus.gateway").joinpath("closure_page")
_CSS: Final = _PACKAGE.joinpath("page.css").read_text(encoding="utf-8").strip()
_STYLE: Final = b64encode(sha256(_CSS.encode()).digest()).decode()
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE}'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TICKS_EN: Final[Mapping[str, str]] = {
    Tick.FULLY_SOLVED.value: "The problem is solved completely",
    Tick.NO_SIDE_RISK.value: "It has caused no other risk",
    Tick.NO_FOLLOW_UP.value: "No further support is needed",
}
_GONE: Final = Text("此链接无效或已过期,请联系客服", "this link is not valid, or has expired; please ask our service")
_CONFIRMED: Final = Text("已收到您的确认,谢谢!", "you have confirmed it, thank you")
_REJECTED: Final = Text("已收到您的反馈,我们会继续处理。", "thank you for telling us, we go on working on it")
_AWAY: Final = Text("系统暂时无法受理,请稍后再打开此链接", "not now: please open this link again in some minutes")
_NAME: Final = Text("请填写您的姓名", "please give your name")
_ALL: Final = Text(
    "三项都勾选才能确认;若有一项不符,请选择“问题没有解决”",
    "tick all three to confirm; or choose that it is not solved",
)
_WHY: Final = Text("请选择原因", "please choose why")
_SAY: Final = Text("请说明哪里没有解决", "please say what is not solved")
_OTHER: Final = "other"  # of the reasons: it wants words
_ANSWER: Final = Text("请选择确认或未解决", "please choose whether it is solved")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """What the form says."""

    answer: str = ""
    name: str = field(default="", repr=False)
    ticks: Sequence[str] = ()
    reason: str = ""
    words: str = field(default="", repr=False)


def closure_page_routes(rules: ClosureRules, writes: WriteSide, now: Callable[[], datetime]) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    page = _ClosurePage(rules=rules, store=writes.store, group=writes.group, check=writes.check, now=now)
    path = f"{PAGE_PATH}{{token}}"
    # What a chat adds to the address of a link is nobody's.
    return [HttpRoute(method=method, path=path, run=page.serve, query=None) for method in ("GET", "POST")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClosurePage:
    rules: ClosureRules
    store: Store
    group: GroupCommit
    check: Callable[[], None]
    now: Callable[[], datetime]

    async def serve(self, http: HttpRequest) -> Response:
        """Show what is to be confirmed, or take the answer; whoever's link is none, or too old, learns nothing."""
        claim, now = claim_of(self.rules.key, http.path_params["token"]), self.now()
        if claim is None or now >= claim.expires_at:
            return _page(410, notice=_GONE)
        try:
            ticket = await self.store.ticket(claim.ticket_id)
            if ticket is None or ticket.closure is None or ticket.closure.version != claim.version:
                return _answered(ticket, claim)
            if http.method != "POST":
                return self._form(200, ticket)
            return await self._take(http, claim, ticket, now)
        except Transient as error:
            log.info("closure_page_waits", error=type(error).__name__)
            return _page(503, notice=_AWAY)

    async def _take(self, http: HttpRequest, claim: PageClaim, ticket: Ticket, now: datetime) -> Response:
        given = _given(body_of(http))
        try:
            command = self._command(given)
        except MalformedInput as wrong:
            return self._form(422, ticket, given, wrong.text)
        name = f"{claim.ticket_id}|{claim.version}|{kebab(type(command))}"
        request = Request(
            command_id=CommandId(uuid5(_NAMESPACE, name)),
            command=command,
            source=CLOSURE_PAGE,
            actor=ACTOR,
            at=now,
            received_at=now,
            trace_id=trace_of(http).trace_id,
            fingerprint=sha256(name.encode()).hexdigest(),  # the first answer counts, whoever presses twice
            ticket_id=claim.ticket_id,
        )
        self.check()
        [outcome] = await self.group.submit([request])
        count(request, outcome)
        if isinstance(outcome, Refused):
            after = await self.store.ticket(claim.ticket_id)
            if after is None or after.closure is None or after.closure.version != claim.version:
                return _answered(after, claim)  # somebody else answered meanwhile
            return self._form(422, ticket, given, outcome.error.text)
        return _page(200, notice=_CONFIRMED if isinstance(command, ConfirmClosure) else _REJECTED)

    def _command(self, given: GivenAnswer) -> ConfirmClosure | RejectClosure:
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

    def _form(
        self, status: int, ticket: Ticket, given: GivenAnswer | None = None, problem: Text | None = None
    ) -> Response:
        reasons = self.rules.rejection_reasons
        return _page(status, ticket=ticket, given=given or GivenAnswer(), problem=problem, reasons=reasons)


def _answered(ticket: Ticket | None, claim: PageClaim) -> Response:
    """Say what became of a request that waits no more; a later one has a link of its own."""
    if ticket is None or ticket.closure is not None:
        return _page(410, notice=_GONE)
    match ticket.state:
        case State.CLOSED:
            return _page(200, notice=_CONFIRMED)
        case State.IN_PROGRESS if ticket.version > claim.version:
            return _page(200, notice=_REJECTED)
        case _:
            return _page(410, notice=_GONE)


def _given(body: bytes) -> GivenAnswer:
    try:
        fields = parse_qs(body.decode(), max_num_fields=_FIELDS_MAX)
    except ValueError:
        return GivenAnswer()

    def one(name: str) -> str:
        return fields.get(name, [""])[0].strip()

    return GivenAnswer(
        answer=one("answer"),
        name=one("name"),
        ticks=fields.get("tick", []),
        reason=one("reason"),
        words=one("words"),
    )


def _page(status: int, **context: object) -> Response:
    shown = {"notice": None, "problem": None, "css": _CSS, "ticks": list(Tick), "tick_words": _TICKS_EN, **context}
    return Response(_TEMPLATE.render(shown), status, _HEADERS, "text/html")


_TEMPLATE: Final = jinja2.Environment(
    autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
).from_string(_PACKAGE.joinpath("page.html").read_text(encoding="utf-8"))
