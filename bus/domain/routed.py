"""What routing decided about a ticket: the whole table with reasons as an event, and what the ticket keeps of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from typing_extensions import Doc

from bus.domain.routing_rules import RoutingMode
from bus.domain.terms import Term
from bus.domain.text import Text

NOBODY = "nobody"  # why nobody suits: there is nobody
_NO_PEOPLE = Text("名录里没有人", "nobody is in the directory")


class Unfit(Term):
    """Why somebody cannot take a ticket: the first that holds, in this order."""

    TYPE = "type", "工单类型不符"
    REGION = "region", "区域不符"
    SKILL = "skill", "缺少技能"
    SENT_BACK = "sent_back", "曾退回此单"
    MISSED = "claim_missed", "未按时接此单"
    SHIFT = "shift", "不在班"
    BACKUP = "backup", "没有在岗的备份"
    FULL = "full", "已满"


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedPerson:
    """A line of the table: a person with the points of each criterion, 0 to 100, or why they cannot take the ticket."""

    person: Annotated[str, Doc("who, by name")]
    unfit: Annotated[Unfit | None, Doc("why they cannot take the ticket; null: they can")] = None
    score: Annotated[int, Doc("the sum of points times weight, 0 to 10,000")] = 0
    load: Annotated[int, Doc("points for free capacity")] = 0
    skill: Annotated[int, Doc("points for the levels of the skills that the ticket asks for")] = 0
    device: Annotated[int, Doc("points for having had the last ticket of this device")] = 0
    first_fix: Annotated[int, Doc("points for tickets solved at the first go; 50: too few to tell")] = 0
    travel: Annotated[int, Doc("points for the class of the way there: own region, another of theirs, any")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRouted:
    """The bus ranked who could take the ticket (R5): suggested, assigned by the event that follows, or nobody suits."""

    mode: Annotated[RoutingMode, Doc("what the bus does with the first of the table")]
    person: Annotated[str, Doc("who comes first, by name; empty: nobody suits")]
    unroutable: Annotated[str, Doc("why nobody suits: codes with commas, or `nobody`; empty: somebody does")]
    ranking: Annotated[tuple[RankedPerson, ...], Doc("who fits, the best first, then who does not; at most 100")]
    more: Annotated[int, Doc("how many who do not fit the table leaves out")]


@dataclass(frozen=True, kw_only=True)  # no slots: bus.domain.fast_replace
class Routing:
    """What a ticket keeps of it until it is claimed: whom the bus suggested, why nobody suits, and who sent it back.

    `claim_due_at`: when the offer to whom it is with ends. `missed_by`: who had it offered and did not claim it.
    """

    suggested: str = ""
    unroutable: str = ""
    sent_back_by: tuple[str, ...] = ()
    claim_due_at: datetime | None = None
    missed_by: tuple[str, ...] = ()


NOT_ROUTED = Routing()


def waits_again(routing: Routing, person: str, *, missed: bool) -> Routing:
    """Give what a ticket keeps when `person` has it no more: who sent it back, or `missed` to claim it. Pure."""
    sent_back_by, missed_by = routing.sent_back_by, routing.missed_by
    if missed:
        return Routing(sent_back_by=sent_back_by, missed_by=(*missed_by, person))
    return Routing(sent_back_by=(*sent_back_by, person) if person else sent_back_by, missed_by=missed_by)


def reasons_text(codes: str, *, region: str = "", skills: Sequence[str] = ()) -> Text:
    """Say why nobody suits, by the codes of one routing or several, and what the ticket asks for. Pure."""
    names = {code for code in codes.split(",") if code}
    asked = {Unfit.REGION: region, Unfit.SKILL: "、".join(skills)}
    found = [_NO_PEOPLE] if NOBODY in names else []
    for one in Unfit:
        if one.value in names:
            what = asked.get(one)
            found.append(Text(f"{one.zh}“{what}”", f"{one.value} {what!r}") if what else Text(one.zh, one.value))
    return Text("、".join(one.zh for one in found), ", ".join(one.en for one in found))
