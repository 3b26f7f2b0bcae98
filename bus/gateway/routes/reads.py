"""The routes that read: one ticket, its events, lists of tickets, journeys, and the topic contract."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.errors import MalformedInput
from bus.domain.naming import state_named
from bus.domain.phone_numbers import is_phone
from bus.domain.routing_rules import NO_ROUTING, RoutingMode
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit, reader_of
from bus.gateway.auth.binding import Client
from bus.gateway.auth.roles import Access
from bus.gateway.deps import body_of
from bus.gateway.http.answers import EventPage, TicketAnswer, TicketPage, TopicAnswer
from bus.gateway.http.journey_answers import JourneyAnswer
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import flag_of, query_of
from bus.gateway.ports import FilesOf, InClear, JourneyOf, TicketQuery, TicketReader
from bus.gateway.read.page_cursor import (
    read_page_cursor,
    read_version_cursor,
    write_place,
    write_version_cursor,
)
from bus.gateway.read.reach import reached_ticket, reaches_number, scope_of
from bus.gateway.read.responsibility_view import ResponsibilityAnswer, responsibility_view
from bus.gateway.read.routing_view import RoutingsAnswer, routing_view
from bus.gateway.read.ticket_ids import no_such_ticket, read_ticket_id
from bus.gateway.read.ticket_view import events_view, ticket_view
from bus.intake.command_bodies import within_limits
from bus.intake.reserved_names import person_name
from bus.intake.store_port import Store
from bus.observability.masking import mask_text
from bus.wire.json_body import read_object
from schemas.topics import Contract

LIMIT_DEFAULT, LIMIT_MAX = 50, 500
_PAGED = [
    {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": "`next` of the page before"},
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    },
]
_PERSON = {
    "name": "person",
    "in": "query",
    "schema": {"type": "string"},
    "description": "for whom an app reads that speaks for persons",
}
_NAME = {"type": "object", "required": ["any"], "properties": {"any": {"type": "string", "examples": ["13800001111"]}}}
_FILTERED = [
    *({"name": name, "in": "query", "schema": {"type": "string"}} for name in ("state", "assignee")),
    {
        "name": "synthetic",
        "in": "query",
        "schema": {"enum": ["true", "false"], "default": "false"},
        "description": "true: virtual tickets, and no others",
    },
]


def read_routes(
    *,
    store: Store,
    tickets: TicketReader,
    journey: JourneyOf,
    contract: Contract,
    in_clear: InClear,
    files: FilesOf,
    mode_of: Callable[[str], RoutingMode] = NO_ROUTING.mode_of,
) -> Sequence[HttpRoute]:
    """Make the routes: tickets as committed, lists from the read model, journeys, and the topic contract. Pure."""
    handlers = _ReadHandlers(
        store=store,
        tickets=tickets,
        journey=journey,
        contract=contract,
        in_clear=in_clear,
        files=files,
        mode_of=mode_of,
    )
    return [
        reading(
            "/v1/tickets", handlers.list_tickets, "List tickets", TicketPage, parameters=[*_FILTERED, *_PAGED, _PERSON]
        ),
        reading("/v1/tickets/{ticket_id}", handlers.show_ticket, "Show a ticket", TicketAnswer, parameters=[_PERSON]),
        reading(
            "/v1/tickets/{ticket_id}/events",
            handlers.show_events,
            "Show a ticket's events",
            EventPage,
            parameters=[*_PAGED, _PERSON],
        ),
        reading(
            "/v1/tickets/{ticket_id}/responsibility",
            handlers.show_responsibility,
            "Who answers for the ticket?",
            ResponsibilityAnswer,
            parameters=[_PERSON],
        ),
        reading(
            "/v1/tickets/{ticket_id}/routing",
            handlers.show_routing,
            "Why was the ticket routed to whom?",
            RoutingsAnswer,
            parameters=[_PERSON],
        ),
        reading(
            "/v1/journeys/{any:path}",
            handlers.show_journey,
            "Where is my ticket stuck?",
            JourneyAnswer,
            parameters=[*_PAGED, _PERSON],
        ),
        HttpRoute(
            method="POST",
            path="/v1/journeys",
            run=handlers.find_journey,
            about={
                "summary": "Where is my ticket stuck? By a name that stands in no address, such as a phone",
                "security": [{"bearer": []}],
                "parameters": [*_PAGED, _PERSON],
                "requestBody": {"required": True, "content": {"application/json": {"schema": _NAME}}},
            },
            answers={200: JourneyAnswer},
            query=("cursor", "limit", "person"),
        ),
        reading("/v1/topics", handlers.show_topics, "Show the topic contract", list[TopicAnswer]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReadHandlers:
    store: Store
    tickets: TicketReader
    journey: JourneyOf
    contract: Contract
    in_clear: InClear
    files: FilesOf
    mode_of: Callable[[str], RoutingMode]

    async def show_ticket(self, http: HttpRequest) -> Response:
        """Show a ticket as committed: whoever wrote reads its own write."""
        client = await admit(http, Access.READ)
        ticket = await reached_ticket(self.store, http, client)
        ticket_id = ticket.ticket_id
        reader = reader_of(http, client)
        (shown,) = await self.in_clear([(ticket_id, ticket_view(ticket))], reader)
        shown = {**shown, "files": await self.files(ticket_id, reader)}
        return json_response(shown, headers={"Ticket-Trace-Id": ticket.trace_id})

    async def show_responsibility(self, http: HttpRequest) -> Response:
        """Show who answers now, the lead with backup, and each collaborator with their part."""
        ticket = await reached_ticket(self.store, http, await admit(http, Access.READ))
        return json_response(responsibility_view(ticket))

    async def show_routing(self, http: HttpRequest) -> Response:
        """Show each routing of a ticket with its whole table: points, or why somebody cannot take it."""
        ticket = await reached_ticket(self.store, http, await admit(http, Access.READ))
        events = await self.store.events(ticket.ticket_id)
        return json_response(routing_view(ticket, events, self.mode_of(ticket.type)))

    async def show_events(self, http: HttpRequest) -> Response:
        """Show a ticket's events in order of version; `next` is the cursor of the following page."""
        client = await admit(http, Access.READ)
        after, limit = _versions(http)
        ticket_id = read_ticket_id(http.path_params["ticket_id"])
        page = await self.store.events_page(ticket_id, after=after, most=limit)
        if page is None or not await reaches_number(self.store, scope_of(http, client), ticket_id):
            raise no_such_ticket(ticket_id)
        content = {
            "ticket_id": ticket_id,
            "events": await self.in_clear(
                [(ticket_id, one) for one in events_view(page.events)], reader_of(http, client)
            ),
            "next": write_version_cursor(page.following),
        }
        return json_response(content, headers={"Ticket-Trace-Id": page.trace_id})

    async def list_tickets(self, http: HttpRequest) -> Response:
        """List tickets of the read model, newest number first; `next` is the cursor of the following page."""
        client = await admit(http, Access.READ)
        query = {name: within_limits(text, name) for name, text in query_of(http).items()}
        limit = _limit(query.get("limit"))
        asked = TicketQuery(
            state=state_named(query["state"]) if "state" in query else None,
            assignee=person_name(query["assignee"], "assignee") if "assignee" in query else None,
            before=read_page_cursor(query["cursor"]) if "cursor" in query else None,
            limit=limit + 1,
            scope=scope_of(http, client),
            synthetic=flag_of(query, "synthetic"),
        )
        rows = await self.tickets.page(asked)
        page = await self.in_clear([(row["ticket_id"], row) for row in rows[:limit]], reader_of(http, client))
        following = write_place(page[-1]["ticket_id"]) if len(rows) > limit else None
        return json_response({"tickets": page, "next": following})

    async def show_journey(self, http: HttpRequest) -> Response:
        """Show where a ticket is stuck, by any of its names but a phone; `next` is the cursor of what follows."""
        client = await admit(http, Access.READ)
        name = within_limits(http.path_params["any"], "any")
        if mask_text(name) != name or is_phone(name):
            zh, en = "电话不要写在地址里:用 POST /v1/journeys", "a phone stands in no address: POST /v1/journeys"
            raise HttpProblem(400, "phone_in_address", "any", Text(zh, en))
        return await self._journey(http, client, name)

    async def find_journey(self, http: HttpRequest) -> Response:
        """Show the same, by a name in the body: `{"any": "13800001111"}`."""
        client = await admit(http, Access.READ)
        body = read_object(body_of(http))
        name = body.get("any")
        if not isinstance(name, str) or not name.strip():
            zh, en = '请给出名称,如 {"any": "13800001111"}', 'give a name: {"any": "13800001111"}'
            raise HttpProblem(400, "missing", "any", Text(zh, en))
        return await self._journey(http, client, within_limits(name, "any"))

    async def _journey(self, http: HttpRequest, client: Client, name: str) -> Response:
        after, limit = _versions(http)
        scope, journey = scope_of(http, client), await self.journey(name, after=after, most=limit)
        if scope and journey:
            # Of the tickets that have the name it sees those that it reaches, and hears of no other.
            known = [journey["ticket_id"], *journey["also"]]
            reached = [one for one in known if await reaches_number(self.store, scope, one)]
            if reached and reached[0] != journey["ticket_id"]:
                journey = await self.journey(reached[0], after=after, most=limit)
            journey = {**journey, "also": reached[1:]} if reached and journey else None
        if journey is None:
            shown = mask_text(name)
            zh = f"没有与 {shown!r} 对应的工单、死信、被拒或排队的请求"
            en = f"no ticket, letter, refused or waiting request is known by {shown!r}"
            raise HttpProblem(404, "no_such_journey", "any", Text(zh, en))
        return json_response(journey)

    async def show_topics(self, http: HttpRequest) -> Response:
        """Show the topic contract."""
        await admit(http, Access.READ)
        topics = self.contract.topics
        return json_response(
            [
                {"name": name, "event_types": topic.event_names, **topic.model_dump(mode="json")}
                for name, topic in topics.items()
            ]
        )


def _versions(http: HttpRequest) -> tuple[int, int]:
    """Read which events are wanted: those after a version, and how many."""
    query = query_of(http)
    cursor = query.get("cursor")
    return 0 if cursor is None else read_version_cursor(cursor), _limit(query.get("limit"))


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= LIMIT_MAX):
        raise MalformedInput("out_of_range", "limit", f"limit 须为 1–{LIMIT_MAX}", f"limit is 1 to {LIMIT_MAX}")
    return int(text)
