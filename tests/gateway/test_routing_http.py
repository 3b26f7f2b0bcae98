"""Why a ticket was routed to whom, over HTTP: in words, with the table, for whoever reaches the ticket (R5)."""

from dataclasses import replace
from typing import Any

import pytest

from bus.domain.commands import Command, Start
from bus.domain.inside_commands import RouteTicket
from bus.domain.routing_rules import RoutingMode
from bus.domain.terms import BUS, TicketId
from bus.gateway.read.routing_view import routing_view
from bus.intake.dispatch import Dispatcher
from tests.domain.given import given, request
from tests.domain.people import ASSIGN, OPEN, RESOLVE, ROUTING_RULES
from tests.gateway.conftest import Gateway
from tests.people.staff import LI, WANG


async def test_routing_http_each_table_is_shown_with_what_it_came_to(gateway: Gateway) -> None:
    ticket_id = await gateway.opened()
    path = f"/v1/tickets/{ticket_id}/routing"
    fresh = (await gateway.get(path, "dispatcher")).json()
    assert (fresh["mode"], fresh["zh"], fresh["routings"]) == ("off", "类型 hardware_fault 未启用派单", [])
    dispatcher, at = Dispatcher(store=gateway.store, rules=ROUTING_RULES), gateway.deps.now()
    own = {"ticket_id": TicketId(ticket_id), "actor": BUS, "source": "bus", "at": at}
    for number, people in enumerate(([], [LI], [replace(LI, regions=("east",)), WANG]), start=901):
        gateway.store.people = {one.person: one for one in people}
        await dispatcher.dispatch([request(RouteTicket(), number, **own)])
    shown = (await gateway.get(path, "dispatcher")).json()
    assert [(one["version"], one["person"], one["unroutable"]) for one in shown["routings"]] == [
        (2, "", "nobody"), (3, "", "region"), (4, "李工", ""),
    ]  # fmt: skip
    last = [(one["person"], one["unfit"], one["score"]) for one in shown["routings"][-1]["ranking"]]
    assert last == [("李工", None, 7_500), ("王师傅", "region", 0)]
    assert (shown["assignee"], shown["en"]) == ("李工", "it is with 李工, assigned by ticketbus")
    assert (await gateway.get("/v1/tickets/T20261122-999999/routing")).status_code == 404
    assert (await gateway.get(path, "host")).status_code == 403


@pytest.mark.parametrize(
    ("commands", "mode", "words"),
    [
        ([OPEN], RoutingMode.OFF, "tickets of the type hardware_fault are not routed: assign by hand"),
        ([OPEN], RoutingMode.ASSIGN, "it is to be routed within a minute"),
        ([OPEN, ASSIGN], RoutingMode.ASSIGN, "it is with 王师傅, assigned by 陈女士"),
        ([OPEN, ASSIGN, Start(), RESOLVE], RoutingMode.OFF, "it is with 王师傅, assigned by 陈女士"),
    ],
)
def test_routing_http_where_a_ticket_is_stands_in_words(commands: list[Command], mode: RoutingMode, words: str) -> None:
    ticket = given(*commands).ticket
    assert routing_view(ticket, [], mode)["en"] == words


@pytest.mark.parametrize(
    ("routing", "words"),
    [({"suggested": "李工"}, "李工 is suggested: assign by hand"),
     ({"unroutable": "full,region,skill"},
      "nobody suits: region '华东', skill 'compressor', full; tried again each minute")],
)  # fmt: skip
def test_routing_http_a_ticket_that_waits_says_for_what(routing: dict[str, Any], words: str) -> None:
    opened = given(OPEN).ticket
    waiting = replace(opened, region="华东", skills=("compressor",), routing=replace(opened.routing, **routing))
    assert routing_view(waiting, [], RoutingMode.SUGGEST)["en"] == words
