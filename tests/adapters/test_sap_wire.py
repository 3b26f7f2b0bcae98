"""What is written to SAP: addresses, references, dates and quantities, and the options that they are made of."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.adapter import EnvironmentSecrets
from adapters.sap import wire
from adapters.sap.options import SapOptions
from adapters.sap.session import cookie_header
from adapters.sap.wire import BasicLogin, OAuthLogin, SapSettings
from bus.domain.events import PartsRequested
from tests.adapters.test_kingdee import PARTS, call

STORE = {"base_url": "https://sap.example/", "plant": "1010", "storage_location": "0001", "cost_center": "CC1"}
USER = {"user": "TICKETBUS", "password": "SAP_PASSWORD"}
CLIENT = {"token_url": "https://sap.example/token", "client_id": "sb-x!b1|y", "client_secret": "SAP_SECRET"}
SECRETS = EnvironmentSecrets(environment={"SAP_PASSWORD": "geheim", "SAP_SECRET": "mimi"}, where="targets.erp")


def options(**own: Any) -> SapOptions:
    return SapOptions.model_validate({**STORE, **own})


@given(st.text())
def test_sap_wire_a_reference_fits_its_field_and_is_the_same_for_the_same_key(key: str) -> None:
    reference = wire.reference(key)
    assert reference == wire.reference(key)
    assert len(reference) == 16
    assert set(reference) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def test_sap_wire_addresses_keep_the_last_slash_and_name_the_client() -> None:
    settings = options(**USER, client="100").settings(SECRETS)
    root = "https://sap.example/sap/opu/odata/sap/API_MATERIAL_DOCUMENT_SRV/"
    assert wire.root_url(settings) == f"{root}?sap-client=100"
    assert wire.post_url(settings) == f"{root}A_MaterialDocumentHeader?sap-client=100"
    asked = parse_qs(urlsplit(wire.lookup_url(settings, "ReferenceDocument eq 'TB&X'")).query)
    assert asked["$filter"] == ["ReferenceDocument eq 'TB&X'"]
    assert asked["$format"] == ["json"]
    assert wire.root_url(options(**USER).settings(SECRETS)) == root


def test_sap_wire_days_are_milliseconds_of_their_midnight() -> None:
    assert wire.day_text(date(1970, 1, 1)) == "/Date(0)/"
    assert wire.day_text(date(2026, 11, 22)) == "/Date(1795305600000)/"
    assert wire.day_text(date(1969, 12, 31)) == "/Date(-86400000)/"


def test_sap_wire_a_text_fits_its_field_and_tells_requests_apart() -> None:
    short, long, other = (
        wire.header_text(wire.order(call(event=PartsRequested(request_no=number, parts=PARTS, reason=""))))
        for number in ("PR-1", "PR-2026-11-22-0001", "PR-2026-11-22-0002")
    )
    assert short == "T20261122-000001 PR-1"
    assert len(long) == len(other) == 25
    assert long != other
    assert wire.by_text(wire.order(call(event=PartsRequested(request_no="O'1", parts=PARTS, reason="")))).endswith(
        "O''1'"
    )


def test_sap_wire_one_of_two_logins_is_read() -> None:
    with_user, with_client = options(**USER).settings(SECRETS), options(**CLIENT, scope="x").settings(SECRETS)
    assert with_user.login == BasicLogin(user="TICKETBUS", password="geheim")
    assert with_client.login == OAuthLogin(
        token_url="https://sap.example/token", client_id="sb-x!b1|y", client_secret="mimi", scope="x"
    )
    assert (with_user.secret, with_client.secret) == ("geheim", "mimi")
    shown = f"{with_user!r} {with_client!r}"
    assert [one for one in ("geheim", "mimi", "TICKETBUS", "sb-x!b1|y") if one in shown] == []


@pytest.mark.parametrize(
    "given",
    [{}, {"user": "A"}, {"password": "SAP_PASSWORD"}, {**USER, **CLIENT}, {**USER, "scope": "x"}, {"client_id": "x"},
     {**CLIENT, "client_secret": None}, {**USER, "token_url": "https://x.example/t"}],
)  # fmt: skip
def test_sap_wire_half_a_login_and_two_are_refused(given: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError, match="has one login"):
        options(**given)


@pytest.mark.parametrize(
    ("name", "value"),
    [("client", "1"), ("client", "abc"), ("plant", "10100"), ("cost_center", ""), ("lookup_settles", "PT0S"),
     ("lookup_settles", "PT2H"), ("unit", "EACH"), ("base_url", "https://user:pw@sap.example")],
)  # fmt: skip
def test_sap_wire_a_wrong_option_is_named(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        options(**USER, **{name: value})


def test_sap_wire_cookies_are_taken_one_by_one_without_those_that_are_deleted() -> None:
    # microsoft/PowerPlatformConnectors #660: joined by commas, the date's own comma cuts a cookie in two.
    given = (
        "sap-usercontext=sap-client=100; path=/",
        "SAP_SESSIONID_S4H_100=abc%3d%3d; path=/; secure; HttpOnly; expires=Wed, 09 Jun 2027 10:18:14 GMT",
        "sap-login-XSRF=; path=/",
        "old=1; Max-Age=0",
        "MYSAPSSO2=AjExMDAg; domain=.example",
    )
    assert cookie_header(given) == "sap-usercontext=sap-client=100; SAP_SESSIONID_S4H_100=abc%3d%3d; MYSAPSSO2=AjExMDAg"
    assert cookie_header(("a=1", "a=2")) == "a=2"
    assert cookie_header(()) == ""


def test_sap_wire_settings_are_complete() -> None:
    settings = options(**USER, unit="PC", repeatable=True).settings(SECRETS)
    assert isinstance(settings, SapSettings)
    assert (settings.unit, settings.repeatable, settings.cost_center) == ("PC", True, "CC1")
