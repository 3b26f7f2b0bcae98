"""The pages of maps: a shipped map is mended, tried on a pasted sample, applied, seen at work, and rolled back."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from adapters.mapped.read_map import read_map
from adapters.mapped.shipped import shipped, shipped_names
from bus.postgres.pool import Pool, connected
from bus.programs.live_sources import LiveSources
from bus.programs.map_trials import MapTrials
from bus.programs.maps import PostgresMaps
from console.gateway_api import ApiProblem
from console.map_view import diff_lines, headers_of, named, samples_of, shown_faults
from console.page import ROOT
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form
from tests.domain.people import RULES
from tests.mapped.vendors import SIGNED, environment, sample
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
AT = "/maps/zendesk"
SAMPLE = sample("zendesk", "created").decode()
MAP = shipped("zendesk").replace("it_incident", "hardware_fault")  # the type that the gateway knows
WRONG = MAP.replace("number: detail.id", "nummer: detail.id")
BY_TYPE = MAP.replace("title: detail.subject", "title: \"join(' ', [detail.type, detail.subject])\"")
MARKUP = "<img src=x onerror=alert(2)>"


async def pressed(visitor: Visitor, button: str, /, **typed: str) -> httpx2.Response:
    """Send the editor by one of its buttons."""
    form = fields_of_form((await visitor.get(AT)).text, f"{ROOT}{AT}/try")
    return await visitor.http.post(f"{ROOT}{AT}/{button}", data={**form, **typed}, headers={"Origin": HERE})


async def title_by_webhook(visitor: Visitor, number: str) -> str:
    """Send the sample as Zendesk does, of a ticket of that number; give the title of what it opened."""
    document: dict[str, Any] = json.loads(SAMPLE)
    now = datetime.now(UTC)
    detail = document["detail"] | {"id": number, "created_at": now.isoformat()}
    body = json.dumps(document | {"id": f"d-{number}", "time": now.isoformat(), "detail": detail}).encode()
    headers = SIGNED["zendesk"](body, number, now)
    answer = await visitor.gateway.http.post("/v1/sources/zendesk/webhook", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    ticket = (await visitor.gateway.get(f"/v1/tickets/{answer.json()['results'][0]['ticket_id']}")).json()
    return str(ticket["title"])


@pytest.fixture
async def integrator(pool: Pool) -> AsyncIterator[Visitor]:
    """Give an SRE in front of a gateway that keeps maps in PostgreSQL and has the vendor's secret."""
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE source_maps")
    secrets = environment("zendesk")
    live = LiveSources({}, pool, secrets)
    maps = PostgresMaps(pool, live, MapTrials(RULES), secrets)
    one = Visitor(parts={"maps": maps, "sources": live})
    async with one.gateway.group.running(), one.http:
        await one.sign_in("sre")
        yield one


async def test_maps_page_a_shipped_map_is_mended_tried_applied_and_rolled_back(integrator: Visitor) -> None:
    begun = await integrator.send("/maps", "/maps/open-map", shipped="zendesk", source="")
    assert begun.headers["location"] == f"{ROOT}{AT}?shipped=zendesk", begun.text
    assert "title: detail.subject" in (await integrator.get(f"{AT}?shipped=zendesk")).text

    pasted = {"sample": SAMPLE, "headers": "X-Zendesk-Webhook-Id: 1", "why": f"接入 {MARKUP}"}
    refused = await pressed(integrator, "apply", content=WRONG.replace("\n", "\r\n"), **pasted)
    assert refused.status_code == 422
    assert "第 11 行第 1 列 · <code>nummer</code>" in refused.text
    assert "<pre>11 | nummer: detail.id</pre>" in refused.text
    assert "三号机组水泵不转" in refused.text  # what was typed stays, the sample too
    assert "X-Zendesk-Webhook-Id: 1" in refused.text

    tried = await pressed(integrator, "try", content=MAP, **pasted)
    result = tried.text.split('aria-labelledby="trial"')[1].split("</section>")[0]
    assert ">接受</span>" in result
    assert "<dt><code>title</code></dt><dd>&#34;水泵不转&#34;</dd>" in result
    assert integrator.gateway.store.log == {}
    applied = await pressed(integrator, "apply", content=MAP, **pasted)
    assert applied.headers["location"] == f"{ROOT}{AT}", applied.text
    assert await title_by_webhook(integrator, "6001") == "水泵不转"

    assert (await pressed(integrator, "apply", content=BY_TYPE, why="标题带类型")).status_code == 303
    assert await title_by_webhook(integrator, "6002") == "INCIDENT 水泵不转"
    shown = (await integrator.get(AT)).text
    assert "<td>−</td><td><del>      title: detail.subject</del>" in shown
    assert "<td>+</td><td><ins>      title: &#34;join(" in shown
    assert "&lt;img src=x" in shown
    assert "<img" not in shown
    back = await integrator.send(AT, f"{AT}/rollback", to="1", why="标题不对")
    assert back.headers["location"] == f"{ROOT}{AT}", back.text
    assert await title_by_webhook(integrator, "6003") == "水泵不转"
    assert "同第 1 版" in (await integrator.get(AT)).text
    off = await integrator.send(AT, f"{AT}/take-off", why="合同到期")
    assert off.headers["location"] == f"{ROOT}{AT}", off.text
    assert "第 4 版:停用" in (await integrator.get("/maps")).text
    after = (await integrator.get(AT)).text
    assert "title: detail.subject" in after.split("<textarea")[1].split("</textarea>")[0], "to go on from there"


async def test_maps_page_who_comes_second_sees_what_the_first_changed_before_it_is_overwritten(
    visitor: Visitor,
) -> None:
    await visitor.sign_in("sre")
    await visitor.gateway.maps.apply("zendesk", MAP, over=0, by="李工", why="先到")
    late = await pressed(visitor, "apply", content=BY_TYPE, over="0", why="后到")
    assert late.status_code == 409
    assert "李工 已在" in late.text
    assert "<ins>      title: &#34;join(" in late.text
    assert fields_of_form(late.text, f"{ROOT}{AT}/try")["over"] == "1"


async def test_maps_page_what_is_refused_is_said_at_its_field_and_stays(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    empty = await pressed(visitor, "learn", content="", sample=" ")
    assert (empty.status_code, 'id="samples-error">请先粘贴样例' in empty.text) == (422, True)
    headers = await pressed(visitor, "try", content=MAP, headers="X-A: 1\r\nsecond")
    assert 'id="headers-error">第 2 行须写作' in headers.text
    huge = await pressed(visitor, "try", content=MAP, sample="x" * 300_000)
    assert (huge.status_code, 'id="samples-error"' in huge.text) == (413, True)
    for button in ("try", "apply"):
        huge = await pressed(visitor, button, content=MAP + "#" * 300_000, sample="{}", why="w")
        assert (huge.status_code, 'id="content-error">对照表、样例和请求头合计超过 262144 字节' in huge.text) == (
            413,
            True,
        )
    learned = await pressed(visitor, "learn", content="", sample=SAMPLE)
    assert "source: zendesk" in learned.text
    unnamed = await visitor.send("/maps", "/maps/open-map", source="", shipped="")
    assert unnamed.status_code == 422
    for name, why in {
        "X Y": "由小写字母、数字、点和连字符组成,最多 32 个字符",
        "<script>": "由小写字母",
        "a" * 33: "最多 32 个字符",
        "ticketbus": "总线自己的名字",
        "crm": "此来源不由对照表接入",
    }.items():
        refused = await visitor.send("/maps", "/maps/open-map", source=name, shipped="")
        assert (refused.status_code in (409, 422), why in refused.text) == (True, True), name


async def test_maps_page_a_lead_is_refused(visitor: Visitor) -> None:
    await visitor.sign_in("lead")
    assert (await visitor.get("/maps")).status_code == 403


def test_map_view_lines_that_differ_have_a_sign_and_gaps() -> None:
    before = "\n".join(f"k{n}: v" for n in range(20))
    after = before.replace("k1: v", "k1: w", 1).replace("k18: v", "")
    signs = "".join(one.sign or "." for one in diff_lines(before, after))
    assert signs == ".−+...…...−+."
    assert diff_lines(before, before) == []
    assert [tuple(one) for one in diff_lines("", "a")] == [("+", "a")]


def test_map_view_reads_what_was_typed() -> None:
    assert headers_of("X-A: 1\r\n\r\nX-B:a:b") == {"X-A": "1", "X-B": "a:b"}
    for typed in ("X-A", ": 1"):
        with pytest.raises(ApiProblem):
            headers_of(typed)
    assert samples_of(["", '{\r\n"a": 1}', " "]) == ['{\n"a": 1}']
    assert named("# a\nsource: zendesk\nnumber: source: x", "desk") == "# a\nsource: desk\nnumber: source: x"
    for name in shipped_names():
        mapped = read_map(named(shipped(name), "quan-desk.cn"))
        secrets = mapped.proof.secrets if mapped.proof else ()
        assert (mapped.source, all(one.startswith("QUAN_DESK_CN_") for one in secrets)) == ("quan-desk.cn", True)
    (fault,) = shown_faults([{"line": 9, "column": 1, "path": "p", "why": "w"}], "one line")
    assert (fault.text, fault.line) == ("", 9)
