"""Signing in: whose token, for how long, and that nobody else's page or cookie gets in."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bus.domain import wrong_tries
from bus.domain.errors import StoreUnavailable
from bus.gateway.auth.binding import Binding
from bus.intake.dispatch import utc_now
from console.page import ROOT
from console.security import COOKIE
from console.session import LASTS, Sessions
from tests.console.conftest import HERE, Visitor


@pytest.mark.parametrize("role", ["engineer", "dispatcher", "lead", "sre", "admin"])
async def test_sign_in_people_see_the_pages_of_their_role(visitor: Visitor, role: str) -> None:
    assert (await visitor.sign_in(role)).headers["location"] == ROOT
    begun = await visitor.get("")
    page = await visitor.http.get(begun.headers["location"])
    assert page.status_code == 200
    assert (f'href="{ROOT}/alerts"' in page.text) is (role in {"lead", "sre", "admin"})
    assert f"a-{role}" in page.text


async def test_sign_in_a_token_of_nobody_is_told_what_it_lacks(visitor: Visitor) -> None:
    known = visitor.gateway.clients.known
    known["sre"] = replace(known["sre"], binding=Binding(bound=True))
    await visitor.sign_in("sre")
    page = (await visitor.get("/alerts/1")).text
    assert "ticketbus client bind a-sre --person" in page
    assert "/alerts/1/ack" not in page


async def test_sign_in_what_a_token_lacks_of_the_menu_is_no_news_on_every_page(visitor: Visitor) -> None:
    known = visitor.gateway.clients.known
    known["east"] = replace(known["dispatcher"], binding=Binding(bound=True, person="张调度", regions=("华东",)))
    known["app"] = replace(known["engineer"], binding=Binding(bound=True, on_behalf=True))
    await visitor.sign_in("east")
    assert 'class="lacks"' not in (await visitor.get("/practise")).text
    await visitor.sign_in("app")
    begun = await visitor.http.get((await visitor.get("")).headers["location"])
    assert (begun.status_code, f'href="{ROOT}/practise"' in begun.text) == (200, False)
    refused = await visitor.get("/practise")
    assert (refused.status_code, "此令牌代表多人,不能练习" in refused.text) == (403, True)


@pytest.mark.parametrize("role", ["source", "host"])
async def test_sign_in_a_system_s_token_is_refused(visitor: Visitor, role: str) -> None:
    refused = await visitor.sign_in(role)
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
    assert "系统用的令牌" in refused.text


@pytest.mark.parametrize("token", ["unknown", "", "不是令牌", "a b", "x" * 600, "admin\r\nX-Injected: 1"])
async def test_sign_in_a_token_that_is_none_is_refused(visitor: Visitor, token: str) -> None:
    refused = await visitor.sign_in(token)
    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    if token:
        assert token not in refused.text


async def test_sign_in_the_cookie_is_for_the_console_alone_and_says_nothing(visitor: Visitor) -> None:
    cookie = (await visitor.sign_in()).headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", f"Path={ROOT}", f"Max-Age={int(LASTS.total_seconds())}"):
        assert attribute in cookie
    assert "admin" not in cookie
    assert "Secure" not in cookie, "it would be lost on http://127.0.0.1"
    proxied = await visitor.http.post(
        f"{ROOT}/sign-in", data={"token": "admin"}, headers={"Origin": HERE, "X-Forwarded-Proto": "https"}
    )
    assert "Secure" in proxied.headers["set-cookie"]


async def test_sign_in_lasts_for_a_shift(visitor: Visitor) -> None:
    await visitor.sign_in()
    visitor.later = LASTS - timedelta(minutes=1)
    assert (await visitor.get("/now")).status_code == 200
    visitor.later = LASTS + timedelta(minutes=1)
    late = await visitor.get("/now")
    assert late.headers["location"] == f"{ROOT}/sign-in?why=expired&back=%2Fconsole%2Fnow"
    assert "已过期" in (await visitor.http.get(late.headers["location"])).text


async def test_sign_in_signed_out_the_cookie_opens_nothing_any_more(visitor: Visitor) -> None:
    await visitor.sign_in()
    kept = visitor.http.cookies[COOKIE]
    out = await visitor.send("/now", "/sign-out")
    assert out.headers["location"] == f"{ROOT}/sign-in?why=out"
    async with visitor.browser() as other:
        other.cookies.set(COOKIE, kept)
        assert (await other.get(f"{ROOT}/now")).status_code == 303


async def test_sign_in_a_session_is_new_whatever_the_browser_had(visitor: Visitor) -> None:
    await visitor.sign_in("lead")
    planted = visitor.http.cookies[COOKIE]
    await visitor.sign_in("admin")
    assert visitor.http.cookies[COOKIE] != planted
    async with visitor.browser() as other:
        other.cookies.set(COOKIE, planted)
        assert "a-lead" in (await other.get(f"{ROOT}/now")).text, "it is still the other's, not raised to admin"


async def test_sign_in_a_revoked_token_s_session_ends(visitor: Visitor) -> None:
    await visitor.sign_in()
    visitor.gateway.clients.known.clear()
    gone = await visitor.get("/now")
    assert (gone.status_code, gone.headers["location"].startswith(f"{ROOT}/sign-in?why=expired")) == (303, True)


@pytest.mark.parametrize("cookie", ["", "x", "=", "A" * 500, "é"])
async def test_sign_in_a_cookie_that_is_not_ours_is_no_session(visitor: Visitor, cookie: str) -> None:
    assert visitor.sessions.open(cookie, visitor.now()) is None


async def test_sign_in_another_gateway_s_secret_opens_it_and_no_other_does(visitor: Visitor) -> None:
    await visitor.sign_in()
    cookie = visitor.http.cookies[COOKIE]
    shared = Sessions([b"a new secret", b"a secret that gateways share"])
    found = shared.open(cookie, visitor.now())
    assert found
    assert found.client == "a-admin"
    assert Sessions([b"another"]).open(cookie, visitor.now()) is None
    assert Sessions([]).open(cookie, visitor.now()) is None
    assert shared.open(cookie[:-2] + ("AA" if cookie[-2:] != "AA" else "BB"), visitor.now()) is None


async def test_sign_in_a_cookie_of_another_version_is_no_session_and_no_error(visitor: Visitor) -> None:
    await visitor.sign_in()
    values = visitor.sessions.open_values(visitor.http.cookies[COOKIE])
    for changed in ({**values, "newer": 1}, {name: one for name, one in values.items() if name != "lacks"}):
        visitor.http.cookies.set(COOKIE, visitor.sessions.seal_values(changed), domain="console.test", path=ROOT)
        assert (await visitor.get("/now")).status_code == 303


@pytest.mark.parametrize(
    ("back", "leads"),
    [
        ("/console/alerts?state=closed", "/console/alerts?state=closed"),
        ("https://evil.example/console", ROOT),
        ("//evil.example/console", ROOT),
        ("/console/../v1/tickets", ROOT),
        ("/console\\@evil.example", ROOT),
        ("/consolex", ROOT),
        ("/console/\r\nX: 1", ROOT),
    ],
)
async def test_sign_in_leads_back_to_pages_of_the_console_alone(visitor: Visitor, back: str, leads: str) -> None:
    assert (await visitor.sign_in(back=back)).headers["location"] == leads


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
async def test_sign_in_a_form_of_another_origin_signs_nobody_in(visitor: Visitor, headers: dict[str, str]) -> None:
    refused = await visitor.http.post(f"{ROOT}/sign-in", data={"token": "admin"}, headers=headers)
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)


async def test_sign_in_says_so_while_tokens_cannot_be_checked(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(token: str) -> None:
        raise StoreUnavailable(token)

    monkeypatch.setattr(visitor.gateway.clients, "find", away)
    refused = await visitor.sign_in()
    assert (refused.status_code, "暂时无法核对" in refused.text) == (503, True)


async def test_sign_in_wrong_tokens_of_an_address_are_counted_and_right_ones_are_not(visitor: Visitor) -> None:
    for _ in range(20):
        assert (await visitor.sign_in("sre")).status_code == 303
    wrong = [(await visitor.sign_in(f"guess-{number}")).status_code for number in range(12)]
    assert wrong == [401] * 10 + [429] * 2
    refused = await visitor.sign_in("sre")
    assert (refused.status_code, refused.headers["retry-after"], "set-cookie" in refused.headers) == (429, "6", False)
    assert "错误次数过多,请 6 秒后再试" in refused.text
    visitor.later = timedelta(seconds=7)
    assert (await visitor.sign_in("sre")).status_code == 303


def test_sign_in_the_addresses_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_tries, "ADDRESSES_MAX", 2)
    wrong, now = wrong_tries.WrongTries(), utc_now()
    for _ in range(10):
        assert wrong.take("first", now) == 0
    assert wrong.take("first", now) == 6
    assert wrong.take("second", now) == 0
    assert wrong.take("first", now) == 6, "who tried last is remembered"
    for other in ("third", "fourth"):
        wrong.take(other, now)
    assert wrong.take("first", now) == 0
