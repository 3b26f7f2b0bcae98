"""Dead letters and redrives on the console: who sees them, each action to its request, two steps where it says so."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from bus.domain.errors import CommandRefused
from bus.domain.text import Text
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.gateway.http.problems import HttpProblem
from bus.gateway.routes.deadletter_requests import (
    DiscardLetters,
    EditLetter,
    FreezeRedrive,
    RetryLetters,
    RunRedrive,
    StopRedrive,
)
from console.page import ROOT
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form
from tests.console.test_targets import ERP, OLD
from tests.gateway.fake_deadletters import REDRIVE, FakeDeadLetters

MARKUP = "<script>alert(1)</script>"
CAUSE = "0a1b2c3d4e5f"
LETTER: Mapping[str, Any] = {
    "id": 17, "origin": "delivery:erp", "origin_ref": "T20261129-000001/3", "target": "erp",
    "ticket_id": "T20261129-000001", "version": 3, "event": "PartsRequested", "trace_id": "0" * 31 + "1",
    "reason": "rejected", "kind": "rejected", "cause": CAUSE, "detail": f"物料不存在 {MARKUP}", "attempts": 2,
    "failures": [{"at": "2026-11-29T02:03:04+00:00", "kind": "rejected", "status": 400, "code": "10012",
                  "detail": "refused", "message": f"no such part {MARKUP}"}],
    "headers": {"ce-id": MARKUP}, "value": b"\x00A<b>".hex(), "decoded": {"reason": MARKUP, "parts": [{"n": 1}]},
    "editable": {"reason": MARKUP, "parts": [{"n": 1}]}, "began_at": "2026-11-29T02:00:00+00:00",
    "died_at": "2026-11-29T02:03:04+00:00", "state": "open", "edited_from": None, "behind": 2,
    "decisions": [{"decision": "frozen", "by": "张工", "why": MARKUP, "at": "2026-11-29T02:10:00+00:00", "redrive": 3}],
}  # fmt: skip
GROUP = {
    **{name: LETTER[name] for name in ("cause", "origin", "target", "event", "kind", "reason", "detail", "behind")},
    "message": MARKUP, "letters": 4, "first_at": LETTER["died_at"], "last_at": LETTER["died_at"], "sample": 17,
}  # fmt: skip
PART = {"target": "erp", "cause": CAUSE, "event": "PartsRequested", "kind": "rejected", "letters": 4, "sample": 17,
        "detail": MARKUP}  # fmt: skip
FROZEN: Mapping[str, Any] = {
    **REDRIVE, "id": 3, "state": "frozen", "letters": 4, "left": 4, "canary": 2, "approved_by": "张工", "run_by": "",
    "parts": [PART], "outside": 1, "two_persons": False,
}  # fmt: skip
PAGES = ("/letters", f"/letters/of/{CAUSE}", "/letters/17", "/redrives", "/redrives/3")


@pytest.fixture
def letters(visitor: Visitor) -> FakeDeadLetters:
    """Give the letters and redrives behind the console."""
    fake = visitor.gateway.dead_letters
    assert isinstance(fake, FakeDeadLetters)
    fake.found_groups, fake.found = [GROUP], {17: LETTER}
    fake.found_redrives = {3: FROZEN}
    return fake


def asked_of(letters: FakeDeadLetters) -> list[object]:
    """Give the requests that came through."""
    return [request for request, _ in letters.done]


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize("path", PAGES)
async def test_letters_pages_are_for_sres_and_markup_is_text(visitor: Visitor, path: str) -> None:
    await visitor.sign_in("dispatcher")
    refused = await visitor.get(path)
    assert (refused.status_code, "无权执行" in refused.text) == (403, True)
    assert f'href="{ROOT}/letters"' not in refused.text
    await visitor.sign_in("sre")
    page = await visitor.get(path)
    assert page.status_code == 200, page.text
    assert f'href="{ROOT}/letters"' in page.text
    assert "<script>alert" not in page.text
    assert not re.search(r"\son\w+=|style=", page.text)


async def test_letters_a_group_leads_to_its_letters_and_a_letter_shows_all_of_it(
    visitor: Visitor, letters: FakeDeadLetters
) -> None:
    await visitor.sign_in("sre")
    assert f'href="{ROOT}/letters/of/{CAUSE}"' in (await visitor.get("/letters")).text
    assert f'href="{ROOT}/letters/17"' in (await visitor.get(f"/letters/of/{CAUSE}")).text
    shown = (await visitor.get("/letters/17")).text
    for text in (
        "HTTP 400",
        "[10012]",
        "no such part",
        "11-29 10:03:04 +08:00",
        "00 41 3c 62 3e",
        ".A&lt;b&gt;",
        "张工",
    ):
        assert text in shown
    assert f'href="{ROOT}/tickets/T20261129-000001"' in shown
    assert [one.client for one in letters.read_by] == ["a-sre"], "that it was read is recorded once"


@pytest.mark.parametrize(("name", "cls"), [("retry", RetryLetters), ("discard", DiscardLetters)])
async def test_letters_one_is_sent_again_or_let_go_with_the_reason(
    visitor: Visitor, letters: FakeDeadLetters, name: str, cls: type[RetryLetters | DiscardLetters]
) -> None:
    await visitor.sign_in("sre")
    done = await visitor.send("/letters/17", f"/letters/17/{name}", why="物料已建档")
    assert done.headers["location"] == f"{ROOT}/letters/17"
    assert asked_of(letters) == [cls(letters=[17], why="物料已建档")]
    assert letters.done[0][1].by == "a-sre"


async def test_letters_the_ticked_ones_of_a_cause_are_sent_again_or_let_go(
    visitor: Visitor, letters: FakeDeadLetters
) -> None:
    letters.found = {number: {**LETTER, "id": number} for number in (17, 18, 19)}
    await visitor.sign_in("sre")
    page, to = f"/letters/of/{CAUSE}", f"{ROOT}/letters/of/{CAUSE}/retry"
    form = fields_of_form((await visitor.get(page)).text, to)
    typed = {**form, "letter": ["17", "19"], "why": "已建档"}
    sent = await visitor.http.post(to, data=typed, headers={"Origin": HERE})
    assert sent.headers["location"] == f"{to.removesuffix('/retry')}"
    await visitor.http.post(to.replace("retry", "discard"), data=typed, headers={"Origin": HERE})
    assert asked_of(letters) == [
        RetryLetters(letters=[17, 19], why="已建档"),
        DiscardLetters(letters=[17, 19], why="已建档"),
    ]
    none = await visitor.http.post(to, data={**typed, "letter": []}, headers={"Origin": HERE})
    assert (none.status_code, "请先勾选死信" in none.text, 'value="已建档"' in none.text) == (422, True, True)


async def test_letters_an_edit_is_checked_first_and_sent_by_the_second_step(
    visitor: Visitor, letters: FakeDeadLetters
) -> None:
    await visitor.sign_in("sre")
    content = '{"reason": "泵漏水", "parts": [{"n": 1}]}'
    checked = await visitor.send("/letters/17", "/letters/17/check", content=content)
    assert (checked.status_code, letters.done) == (200, []), "nothing is sent by the first step"
    assert "<ins>  &#34;reason&#34;: &#34;泵漏水&#34;,</ins>" in checked.text
    assert "<del>  &#34;reason&#34;: &#34;&lt;script&gt;" in checked.text
    form = fields_of_form(checked.text, f"{ROOT}/letters/17/edit")
    confirmed = await visitor.http.post(
        f"{ROOT}/letters/17/edit", data={**form, "why": "录错"}, headers={"Origin": HERE}
    )
    assert confirmed.headers["location"] == f"{ROOT}/letters/18"
    assert asked_of(letters) == [EditLetter(letter=17, changes={"reason": "泵漏水"}, why="录错")]


async def test_letters_an_edit_without_a_reason_stays_at_its_second_step_with_what_was_typed(
    visitor: Visitor, letters: FakeDeadLetters
) -> None:
    await visitor.sign_in("sre")
    to = f"{ROOT}/letters/17/edit"
    checked = await visitor.send(
        "/letters/17", "/letters/17/check", content='{"reason": "泵漏水", "parts": [{"n": 1}]}'
    )
    form = fields_of_form(checked.text, to)
    refused = await visitor.http.post(to, data={**form, "why": " "}, headers={"Origin": HERE})
    assert (refused.status_code, letters.done) == (422, [])
    assert re.search(r"422 \w+ · why", refused.text)
    assert "<ins>  &#34;reason&#34;: &#34;泵漏水&#34;,</ins>" in refused.text
    again = fields_of_form(refused.text, to)
    assert again["content"] == form["content"]
    confirmed = await visitor.http.post(to, data={**again, "why": "录错"}, headers={"Origin": HERE})
    assert confirmed.headers["location"] == f"{ROOT}/letters/18"
    assert asked_of(letters) == [EditLetter(letter=17, changes={"reason": "泵漏水"}, why="录错")]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ('{"reason": 7, "parts": []}', "reason"),  # by the schema, at the gateway
        ('{"reason": ', "content"),
        ("[]", "content"),
        ('{"reason": "x"}', "parts"),
    ],
)
async def test_letters_an_edit_that_cannot_be_names_the_field_and_keeps_what_was_typed(
    visitor: Visitor, letters: FakeDeadLetters, content: str, field: str
) -> None:
    letters.refusal = CommandRefused("wrong_type", "reason", "类型不对", "wrong type") if field == "reason" else None
    await visitor.sign_in("sre")
    refused = await visitor.send("/letters/17", "/letters/17/check", content=content)
    assert refused.status_code == 422
    assert re.search(rf"422 \w+ · {field}", refused.text)
    assert content.replace('"', "&#34;") in refused.text
    assert "/letters/17/edit" not in refused.text, "there is nothing to confirm"


async def test_letters_a_request_is_edited_as_its_whole_body(visitor: Visitor, letters: FakeDeadLetters) -> None:
    body = '\n{"n": 1,\r\n"x": "</textarea><script>"}'
    request = {"origin": "webhook:crm", "target": "", "ticket_id": "", "version": 0, "event": ""}
    letters.found[17] = {**LETTER, **request, "decoded": {"text": body}, "editable": body}
    await visitor.sign_in("sre")
    assert "</textarea><script>" not in (await visitor.get("/letters/17")).text
    page = f"/letters/of/{CAUSE}"
    assert f"{page}/freeze" not in (await visitor.get(page)).text, "input is no redrive's"
    typed = body.replace("1", "2").replace("\r\n", "\n").replace("\n", "\r\n")  # as browsers send it
    checked = await visitor.send("/letters/17", "/letters/17/check", content=typed)
    form = fields_of_form(checked.text, f"{ROOT}/letters/17/edit")
    await visitor.http.post(f"{ROOT}/letters/17/edit", data={**form, "why": "录错"}, headers={"Origin": HERE})
    assert asked_of(letters) == [EditLetter(letter=17, body=typed, why="录错")]


async def test_letters_a_letter_dealt_with_meanwhile_says_so_and_is_not_edited(
    visitor: Visitor, letters: FakeDeadLetters
) -> None:
    await visitor.sign_in("sre")
    form = fields_of_form((await visitor.get("/letters/17")).text, f"{ROOT}/letters/17/check")
    letters.found[17] = {**LETTER, "state": "retried", "editable": None}
    page = (await visitor.get("/letters/17")).text
    assert ("/letters/17/retry" in page, "/letters/17/check" in page) == (False, False)
    late = await visitor.http.post(f"{ROOT}/letters/17/check", data=form, headers={"Origin": HERE})
    assert (late.status_code, "已处理" in late.text) == (409, True)


async def test_letters_a_group_is_frozen_with_its_terms_then_run_and_stopped(
    visitor: Visitor, letters: FakeDeadLetters
) -> None:
    await visitor.sign_in("sre")
    page = f"/letters/of/{CAUSE}"
    typed = {"canary": "2", "watch_s": "0.5", "rate_per_s": "3", "why": "已建档"}
    frozen = await visitor.send(page, f"{page}/freeze", **typed)
    assert frozen.headers["location"] == f"{ROOT}/redrives/1"
    dry_run = (await visitor.get("/redrives/3")).text
    assert ("会发出" in dry_run, "另有 1 封" in dry_run, "/redrives/3/run" in dry_run) == (True, True, True)
    await visitor.send("/redrives/3", "/redrives/3/run")
    await visitor.send("/redrives/3", "/redrives/3/stop", why="物料又停用")
    assert asked_of(letters) == [
        FreezeRedrive(target="erp", cause=CAUSE, canary=2, watch_s=0.5, rate_per_s=3, why="已建档"),
        RunRedrive(redrive=3),
        StopRedrive(redrive=3, why="物料又停用"),
    ]
    refused = await visitor.send(page, f"{page}/freeze", **{**typed, "canary": "two"})
    assert (refused.status_code, 'value="two"' in refused.text, "canary" in refused.text) == (422, True, True)


async def test_letters_what_was_frozen_by_oneself_another_person_runs(
    visitor: Visitor, letters: FakeDeadLetters
) -> None:
    letters.found_redrives[3] = {**FROZEN, "two_persons": True, "approved_by": "a-sre"}
    await visitor.sign_in("sre")
    own = (await visitor.get("/redrives/3")).text
    assert ("由 a-sre 冻结,由另一人执行" in own, "/redrives/3/run" in own) == (True, False)
    assert "/redrives/3/stop" in own
    letters.found_redrives[3] = {**FROZEN, "two_persons": True}
    assert "/redrives/3/run" in (await visitor.get("/redrives/3")).text
    letters.refusal = HttpProblem(409, "second_person", "redrive", Text("须由另一人执行", "another person must"))
    refused = await visitor.send("/redrives/3", "/redrives/3/run")
    assert (refused.status_code, "须由另一人执行" in refused.text) == (409, True)


async def test_letters_a_press_that_came_too_late_shows_the_page_as_it_is_now_with_the_reason(
    visitor: Visitor, letters: FakeDeadLetters
) -> None:
    await visitor.sign_in("sre")
    form = fields_of_form((await visitor.get("/redrives/3")).text, f"{ROOT}/redrives/3/run")
    letters.found_redrives[3] = {**FROZEN, "state": "stopped", "ended_why": "李工: 先停", "ended_at": LETTER["died_at"]}
    letters.refusal = HttpProblem(409, "redrive_gone", "redrive", Text("已结束", "it is over"))
    late = await visitor.http.post(f"{ROOT}/redrives/3/run", data=form, headers={"Origin": HERE})
    assert (late.status_code, "redrive_gone" in late.text, "李工: 先停" in late.text) == (409, True, True)
    assert "/redrives/3/run" not in late.text
    assert f'hx-sse:connect="{ROOT}/live?page=%2Fconsole%2Fredrives%2F3"' in late.text, "and it goes on being live"


@pytest.mark.parametrize("path", [*PAGES, "/targets", "/targets/erp"])
async def test_letters_who_may_read_and_not_decide_is_shown_no_form(
    visitor: Visitor, letters: FakeDeadLetters, path: str
) -> None:
    regions = Binding(bound=True, regions=("华东",))  # of nobody: it decides nothing
    visitor.gateway.clients.known["reader"] = Client(name="a-reader", role=Role.SRE, binding=regions)
    letters.targets = [ERP, OLD]
    await visitor.sign_in("reader")
    page = await visitor.get(path)
    assert page.status_code == 200
    forms = re.findall(r'<form[^>]* action="([^"]+)"', page.text)
    assert not [one for one in forms if re.search(r"/(letters|redrives|targets)/", one)]


async def test_letters_a_dispatcher_decides_nothing(visitor: Visitor, letters: FakeDeadLetters) -> None:
    await visitor.sign_in("dispatcher")
    csrf = fields_of_form((await visitor.get("/tickets")).text, f"{ROOT}/sign-out")["csrf"]
    sent = {"csrf": csrf, "why": "x", "key": "k", "content": "{}", "letter": "17"}
    for to in ("/letters/17/retry", "/letters/17/check", "/letters/17/edit", "/redrives/3/run", "/redrives/3/stop"):
        refused = await visitor.http.post(ROOT + to, data=sent, headers={"Origin": HERE})
        assert refused.status_code == 403, to
    assert (letters.done, letters.read_by) == ([], [])
