"""The route of the dispatcher's board 派单台: tickets by state, what nobody takes, and who could take it (R11, R15)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.board import BoardCard, BoardLane, UnheardCard, UnroutableCard, card_of, day_began, lane_of, lanes_for
from bus.domain.calendars import Calendars
from bus.domain.dwell import DwellLimits
from bus.domain.errors import MalformedInput
from bus.domain.terms import State
from bus.domain.ticket import Ticket
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import query_of, whole_number
from bus.gateway.read.page_cursor import read_place, write_place
from bus.gateway.read.reach import scope_of
from bus.gateway.read.ticket_ids import read_ticket_id
from bus.intake.command_bodies import within_limits
from bus.intake.reserved_names import person_name
from bus.postgres.board_rows import BoardPlace, BoardQuery, BoardRows

LIMIT_DEFAULT: Final = 25
LIMIT_MAX: Final = 100
CANDIDATES_MAX: Final = 20  # of a ticket's routing, the first ones
_TEXT: Final = {"type": "string"}
_ASKED: Final = [
    *({"name": name, "in": "query", "schema": _TEXT} for name in ("region", "type")),
    {"name": "person", "in": "query", "schema": _TEXT, "description": "whose tickets, by name"},
    {"name": "cursor", "in": "query", "schema": _TEXT, "description": "`next` of a column: the rest of that one"},
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
        "description": "tickets a column",
    },
]


class BoardColumn(TypedDict):
    """A column: how many tickets there are, from the cursor on, and the first of them, the longest in it first.

    Of closed tickets those of today in China. `next`: the cursor of what follows, null at the end.
    """

    state: State
    state_zh: str
    tickets: int
    cards: list[BoardCard]
    next: str | None


class BoardAnswer(TypedDict):
    """The five columns in their order, or one for a cursor; above them what nobody takes; beside them who could.

    `unroutable`, `unheard`: 20 at most, out of so many `_tickets`. `lanes`: engineers of the region and type that were
    asked for, those on shift first, with least to do first. With a cursor these are empty.
    """

    columns: list[BoardColumn]
    unroutable_tickets: int
    unroutable: list[UnroutableCard]
    unheard_tickets: int
    unheard: list[UnheardCard]
    lanes: list[BoardLane]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSources:
    """What a board is made of. `read` raises StoreUnavailable, RegistryUnavailable."""

    read: Callable[[BoardQuery], Awaitable[BoardRows]]
    limits: DwellLimits
    calendars: Calendars
    now: Callable[[], datetime]


def board_routes(sources: BoardSources) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def show_board(http: HttpRequest) -> Response:
        """Show the tickets that the client reaches as committed, and the engineers beside them."""
        scope = scope_of(http, await admit(http, Access.PEOPLE))
        now, query = sources.now(), _query(http, scope.regions if scope else (), day_began(sources.now()))
        return json_response(_answer(await sources.read(query), query, sources, now))

    return [reading("/v1/board", show_board, "Show the dispatcher's board", BoardAnswer, parameters=_ASKED)]


def _answer(rows: BoardRows, query: BoardQuery, sources: BoardSources, now: datetime) -> BoardAnswer:
    def card(ticket: Ticket) -> BoardCard:
        return card_of(ticket, sources.limits, sources.calendars, now)

    lanes = [lane_of(one.profile, one.open_tickets, sources.calendars, now) for one in rows.people]
    return {
        "columns": [
            {
                "state": state,
                "state_zh": state.zh,
                "tickets": column.total,
                "cards": [card(one) for one in column.tickets],
                "next": write_cursor(column.following),
            }
            for state, column in rows.columns.items()
        ],
        "unroutable_tickets": rows.unroutable_total,
        "unroutable": [
            UnroutableCard(
                card=card(ticket),
                candidates=routed.ranking[:CANDIDATES_MAX] if routed else (),
                more=routed.more + max(len(routed.ranking) - CANDIDATES_MAX, 0) if routed else 0,
            )
            for ticket, routed in rows.unroutable
        ],
        "unheard_tickets": rows.unheard_total,
        "unheard": [
            UnheardCard(card=card(one.ticket), targets=one.targets, waiting_since=one.since) for one in rows.unheard
        ],
        "lanes": lanes_for(lanes, query.region, query.type, query.regions),
    }


def _query(http: HttpRequest, regions: tuple[str, ...], closed_since: datetime) -> BoardQuery:
    query = {name: within_limits(text, name) for name, text in query_of(http).items()}
    return BoardQuery(
        limit=_limit(query),
        closed_since=closed_since,
        region=query.get("region", ""),
        type=query.get("type", ""),
        person=person_name(query["person"], "person") if "person" in query else "",
        regions=regions,
        after=read_cursor(query["cursor"]) if "cursor" in query else None,
    )


def _limit(query: Mapping[str, str]) -> int:
    limit = whole_number("limit", query.get("limit", str(LIMIT_DEFAULT)))
    if not 1 <= limit <= LIMIT_MAX:
        raise MalformedInput("out_of_range", "limit", f"limit 须为 1–{LIMIT_MAX}", f"limit is 1 to {LIMIT_MAX}")
    return limit


def write_cursor(place: BoardPlace | None) -> str | None:
    """Give the cursor of what follows a place; None: nothing does. Pure."""
    return write_place(place.state, place.since, place.ticket_id) if place else None


def read_cursor(cursor: str) -> BoardPlace:
    """Read a cursor that we gave. Pure. Raises MalformedInput."""
    return read_place(cursor, _place)


def _place(parts: Sequence[str]) -> BoardPlace:
    state, since, ticket_id = parts
    datetime.fromisoformat(since)
    return BoardPlace(state=State(state), since=since, ticket_id=read_ticket_id(ticket_id))
