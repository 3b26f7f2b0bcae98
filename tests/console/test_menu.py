"""The menu: what a token is refused is not in it."""

import re

import pytest

from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from console.page import ROOT
from tests.console.conftest import Visitor


@pytest.mark.parametrize(
    ("role", "first"),
    [
        (Role.DISPATCHER, "/board"),
        (Role.LEAD, "/board"),
        (Role.SRE, "/now"),
        (Role.ADMIN, "/now"),
        (Role.SUBSCRIBER, "/asyncapi"),
    ],
)
async def test_menu_a_sign_in_begins_where_the_role_s_work_does(visitor: Visitor, role: Role, first: str) -> None:
    await visitor.sign_in(role.value)
    assert (await visitor.http.get(ROOT)).headers["location"] == ROOT + first


@pytest.mark.parametrize("role", [Role.ENGINEER, Role.DISPATCHER, Role.LEAD, Role.SRE])
async def test_menu_has_nothing_that_its_token_is_refused(visitor: Visitor, role: Role) -> None:
    own = {Role.ENGINEER: Binding(bound=True, person="王磊"), Role.SRE: Binding(bound=True)}
    binding = own.get(role, Binding(bound=True, regions=("西南",)))
    visitor.gateway.clients.known["some"] = Client(name="some", role=role, binding=binding)
    await visitor.sign_in("some")
    menu = re.findall(r'<li><a href="/console(/[a-z/]+)"', (await visitor.get("/asyncapi")).text.split("<main")[0])
    assert len(menu) > 1
    assert {path: (await visitor.get(path)).status_code for path in menu} == dict.fromkeys(menu, 200)
