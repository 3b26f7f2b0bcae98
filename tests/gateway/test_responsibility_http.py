"""Who answers for a ticket and who has which part, over HTTP: asked by dispatchers, read by collaborators (R10)."""

from dataclasses import replace

from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from tests.gateway.conftest import PERSON, Gateway
from tests.people.staff import LI


async def test_responsibility_http_shows_the_lead_who_answers_and_each_part(gateway: Gateway) -> None:
    gateway.store.people = {"孙工": replace(LI, person="孙工")}
    own = Binding(bound=True, person="孙工")
    gateway.clients.known["helper"] = Client(name="helper", role=Role.ENGINEER, binding=own)
    ticket_id = await gateway.opened()
    path = f"/v1/tickets/{ticket_id}"
    assert (await gateway.get(f"{path}/responsibility")).json()["en"] == "nobody answers: it waits for somebody"
    assert (await gateway.get(f"{path}/responsibility", "helper")).status_code == 404
    part = {"person": "孙工", "part": "制冷回路"}
    assert (await gateway.post(f"{path}/add-collaborator", part, role="engineer")).status_code == 403
    refused = await gateway.post(f"{path}/add-collaborator", part | {"person": "孙公"}, role="dispatcher")
    assert (refused.status_code, refused.json()["field"], refused.json()["nearest"]) == (422, "person", "孙工")
    assert (await gateway.post(f"{path}/add-collaborator", part, role="dispatcher")).status_code == 200
    for command, body in (
        ("assign", {"assignee": PERSON}),
        ("start", {}),
        ("assign", {"assignee": {**PERSON, "person": "赵工"}, "reason": "换班"}),
    ):
        assert (await gateway.post(f"{path}/{command}", body)).status_code == 200
    shown = (await gateway.get(f"{path}/responsibility", "helper")).json()
    assert (shown["lead"], shown["answers"], shown["collaborators"]) == ("赵工", "王工", [part])
    assert shown["zh"] == "移交 赵工,尚未接手:仍由 王工 负责"
    assert (await gateway.post(f"{path}/note", {"text": "压力正常"}, role="helper")).status_code == 200
    assert (await gateway.post(f"{path}/accept", {}, role="helper")).status_code == 403
    assert (await gateway.post(f"{path}/accept", {})).status_code == 200
    assert (await gateway.get(f"{path}/responsibility")).json()["answers"] == "赵工"
    removed = await gateway.post(f"{path}/remove-collaborator", {"person": "孙工", "reason": "完成"}, role="lead")
    assert removed.status_code == 200
    assert (await gateway.get(path, "helper")).status_code == 404
