"""The page of topics: a map of writers and readers, and what differs with the name meant and the command that mends."""

from dataclasses import replace

from bus.alerts.alert import Severity
from bus.consistency.check_result import CheckCode, CheckResult
from bus.domain.errors import KafkaUnavailable
from bus.domain.text import Text
from bus.kafka.broker_topic import TopicRefused
from console.pages.topics import topic_map
from tests.consistency.consumer_histories import judged
from tests.console.conftest import Visitor

SUBSCRIPTION = {
    "client": "bi",
    "owner": "数据组",
    "contact": "bi@example.com",
    "topics": ["ticket.assign"],
    "why": "看板",
}
MARKUP = "<img src=x onerror=alert(2)>"
FOUND = CheckResult(
    code=CheckCode.UNDECLARED,
    about="erp → ticket.asign",
    text=Text(f"无人声明 {MARKUP}", "nobody declares it"),
    severity=Severity.P2,
    evidence=("erp-1",),
    nearest="ticket.assign",
    mend="ticketbus topics list",
)


async def test_topics_page_maps_who_writes_who_reads_and_who_was_seen(visitor: Visitor) -> None:
    added = await visitor.gateway.post("/v1/subscriptions", SUBSCRIPTION, role="sre")
    assert added.status_code == 200, added.text
    visitor.gateway.consumers = [replace(judged([(500, 600, 1)] * 8), consumer="bi-loader", topic="ticket.assign")]
    await visitor.sign_in("lead")
    shown = (await visitor.get("/topics")).text
    row = shown.split(">ticket.assign ")[1].split("</tr>")[0]
    assert 'href="/console/subscriptions/bi">bi</a> · 数据组' in row
    assert "bi-loader" in row
    assert "卡住" in row
    other = shown.split(">ticket.events ")[1].split("</tr>")[0]
    assert "bi-loader" not in other


async def test_topics_page_shows_what_differs_once_asked_for_with_what_mends_it(visitor: Visitor) -> None:
    info = replace(FOUND, severity=None, about="a-note", text=Text("仅供参考", "a note"))
    visitor.gateway.topics_checked = [info, FOUND]
    await visitor.sign_in("sre")
    assert "ticket.asign" not in (await visitor.get("/topics")).text, "nothing was asked"
    shown = (await visitor.get("/topics?check=1")).text
    assert shown.index("erp → ticket.asign") < shown.index("仅供参考")
    assert "是否指 <code>ticket.assign</code>" in shown
    assert "<code>ticketbus topics list</code>" in shown
    assert "<img" not in shown


async def test_topics_page_a_check_that_could_not_be_made_is_no_all_clear(visitor: Visitor) -> None:
    def away() -> None:
        raise KafkaUnavailable

    visitor.gateway.topics_checking = away
    await visitor.sign_in("sre")
    page = await visitor.get("/topics?check=1")
    assert "一切与契约相符" not in page.text
    assert 'role="alert"' in page.text
    assert "谁写,谁读" in page.text, "the map is there all the same"


async def test_topics_check_that_the_broker_s_acls_forbid_says_who_may(visitor: Visitor) -> None:
    def denied() -> None:
        raise TopicRefused("ticket.events: TopicAuthorizationFailedError: None")

    visitor.gateway.topics_checking = denied
    answer = await visitor.gateway.get("/v1/topics/check", "sre")
    assert (answer.status_code, answer.json()["code"]) == (503, "topics_not_visible")
    assert "ticketbus.operator" in answer.json()["detail_en"]


async def test_topics_check_over_http_is_for_those_who_look_after_the_bus(visitor: Visitor) -> None:
    visitor.gateway.topics_checked = [FOUND]
    answer = await visitor.gateway.get("/v1/topics/check", "lead")
    assert answer.json() == {"results": [FOUND.as_json()]}
    for role in ("dispatcher", "engineer", "source", "subscriber"):
        assert (await visitor.gateway.get("/v1/topics/check", role)).status_code == 403


def test_topics_page_knows_a_topic_of_the_broker_in_its_namespace() -> None:
    consumer = {"kind": "group", "consumer": "board", "topic": "east.ticket.assign"}
    (assign, signs) = topic_map([{"name": "ticket.assign"}, {"name": "assign.signs"}], [], [consumer])
    assert (assign["seen"], signs["seen"]) == ([consumer], [])
