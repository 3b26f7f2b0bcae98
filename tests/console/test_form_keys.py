"""The idempotency key of a form that is shown again: the same while nothing is known, a new one once it was refused."""

from typing import Any

import pytest

from console.gateway_api import ApiProblem, GatewayApi
from console.page import ROOT
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form


@pytest.mark.parametrize(
    ("status", "code", "kept"),
    [
        (503, "gateway_away", True),
        (429, "too_many", True),
        (409, "in_flight", True),
        (409, "x", False),
        (422, "x", False),
    ],
)
async def test_form_keys_are_kept_while_nothing_is_known(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, status: int, code: str, kept: bool
) -> None:
    await visitor.sign_in("dispatcher")
    page = f"/board/{await visitor.gateway.opened('SN-1')}"
    ask, address = GatewayApi.call, f"{ROOT}{page}/note"

    async def answered(api: GatewayApi, token: str, method: str, path: str, **asked: Any) -> Any:
        if method == "POST":
            raise ApiProblem(status, {"code": code})
        return await ask(api, token, method, path, **asked)

    monkeypatch.setattr(GatewayApi, "call", answered)
    form = fields_of_form((await visitor.get(page)).text, address)
    for _ in range(2):  # the second time as the page came back
        sent = {**form, "text": "客户来电"}
        again = await visitor.http.post(address, data=sent, headers={"Origin": HERE})
        assert again.status_code == status
        before, form = form, fields_of_form(again.text, address)
        assert (form["key"] == before["key"]) is kept
        assert form["key"].count("-note") == 1
