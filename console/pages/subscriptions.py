"""Subscriptions: who declared to read what, what was seen of that, the document of each, and its lag over time."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from bus.consistency.check_result import CheckCode
from bus.consistency.consumer_verdict import RANK
from bus.consistency.subscriptions import FIRST_VERSION, Subscription, joinable, subscription_read
from bus.consistency.topic_readers import NEW_FOR, READS_NOW
from bus.domain.text import Text
from console.contract_view import contract_view
from console.forms import number_of
from console.gateway_api import ApiProblem
from console.page import Action, Asked, Page, link
from console.pages.consumers import VERDICTS, drawn_lags, with_time_left
from console.pages.topics import SEVERITIES, is_topic, worst_first
from console.ticket_forms import FormField, labelled
from schemas.since import load_since
from schemas.topics import Contract, load_contract

FORM: Final = (
    FormField(name="client", label=Text("客户端名(同其令牌)", "client, as its token has it")),
    FormField(name="owner", label=Text("负责团队", "owner: a team")),
    FormField(name="contact", label=Text("联系(邮箱、群或值班表,不填电话)", "contact: a mailbox or channel")),
    FormField(name="topics", label=Text("主题,用逗号分隔", "topics, with commas between")),
    FormField(name="types", label=Text("事件(空:全部)", "events (empty: all)")),
    FormField(name="regions", label=Text("区域(空:全部)", "regions (empty: all)")),
    FormField(name="assignees", label=Text("处理人(空:全部)", "assignees (empty: all)")),
    FormField(name="groups", label=Text("消费组(空:按客户端名)", "groups (empty: those of its name)")),
    FormField(name="fields", label=Text("用到的字段(可空)", "fields that it uses, if it says so")),
    FormField(name="rate", label=Text("预期每小时事件数(可空)", "events an hour that it expects, if it does")),
    FormField(name="version", label=Text("版本", "version")),
    FormField(name="why", label=Text("用途", "what it is for")),
)
_NAMES: Final = ("topics", "types", "groups", "fields")  # none has a blank in it
_TEXTS: Final = ("regions", "assignees")
_BETWEEN: Final = re.compile(r"[,,、;;\n]")


class Undeclared(NamedTuple):
    """Who asks for a topic that nobody declares, and which one is meant by it."""

    who: str
    topic: str
    meant: str


async def _list(asked: Asked) -> Mapping[str, Any]:
    declared, found, consumers, topics = await asyncio.gather(
        asked.get("/v1/subscriptions"), asked.get("/v1/readers"), asked.get("/v1/consumers"), asked.get("/v1/topics")
    )
    return {
        "rows": subscribed(
            declared["subscriptions"],
            found["readers"],
            _groups(consumers, asked.now),
            asked.now,
            undeclared=_undeclared(found["results"]),
        ),
        "results": worst_first(found["results"]),
        "offers": to_declare(found["readers"]),
        "watched": consumers["watched"],
        "public": [one["name"] for one in topics if one["public"]],
        "fields": FORM,
        "typed": {"version": FIRST_VERSION, **asked.query, **asked.form},
        "severities": SEVERITIES,
        "verdicts": VERDICTS,
    }


async def _one(asked: Asked) -> Mapping[str, Any]:
    client = asked.path["client"]
    listed, found, consumers, lags = await asyncio.gather(
        asked.get(f"/v1/subscriptions/{quote(client, safe='')}"),
        asked.get("/v1/readers"),
        asked.get("/v1/consumers"),
        asked.get("/v1/consumers/lags"),
    )
    every = listed["subscriptions"]
    valid = [one for one in every if one["removed_at"] is None]
    document = await asked.get("/asyncapi.json", client=client) if valid else None
    names = [subscription_read(one) for one in every]
    behind = [one for one in lags["consumers"] if one["kind"] == "group" and _reads(names, one["consumer"])]
    return {
        "client": client,
        "versions": [{**one, "group": joinable(one["groups"], one["version"])} for one in reversed(every)],
        "rows": subscribed(
            valid,
            found["readers"],
            _groups(consumers, asked.now),
            asked.now,
            undeclared=_undeclared(found["results"]),
        ),
        "results": [one for one in worst_first(found["results"]) if _reads(names, one["about"].partition(" → ")[0])],
        "contract": document and contract_view(document, _contract(), load_since()),
        "watched": consumers["watched"],
        "severities": SEVERITIES,
        "verdicts": VERDICTS,
        **drawn_lags(behind),
    }


def subscribed(
    subscriptions: Iterable[Mapping[str, Any]],
    readers: Sequence[Mapping[str, Any]],
    groups: Sequence[Mapping[str, Any]],
    now: datetime,
    undeclared: Iterable[Undeclared] = (),
) -> list[Mapping[str, Any]]:
    """Give each subscription with what was seen on each of its topics; unread topics first, then the worst verdict.

    `last_at`: when a topic was last seen read; `reads`: it is read now; `groups`: those of it that are judged;
    `instead`: undeclared topics that its reader asks for in the place of it; `new`: it was just added. Pure.
    """
    wrong = [*undeclared]
    rows = []
    for one in subscriptions:
        declared = subscription_read(one)
        topics = [
            {
                "name": name,
                **_seen(declared, name, readers, groups, now),
                "instead": [each for each in wrong if is_topic(each.meant, name) and declared.is_read_by(each.who)],
            }
            for name in one["topics"]
        ]
        new = "added_at" in one and now - datetime.fromisoformat(one["added_at"]) < NEW_FOR
        rows.append({**one, "seen": topics, "new": new, "lines": sum(max(1, len(each["groups"])) for each in topics)})
    return sorted(rows, key=lambda row: (*_urgency(row["seen"]), row["client"], row["number"]))


def _undeclared(results: Iterable[Mapping[str, Any]]) -> Iterator[Undeclared]:
    for one in results:
        who, arrow, topic = one["about"].partition(" → ")
        if one["code"] == CheckCode.UNDECLARED.value and arrow and one["nearest"]:
            yield Undeclared(who, topic, one["nearest"])


def _seen(
    declared: Subscription,
    topic: str,
    readers: Sequence[Mapping[str, Any]],
    groups: Sequence[Mapping[str, Any]],
    now: datetime,
) -> Mapping[str, Any]:
    own = [one for one in readers if one["topic"] == topic and declared.is_read_by(one["who"])]
    last_at = max((datetime.fromisoformat(one["last_at"]) for one in own if one["last_at"]), default=None)
    judged = [one for one in groups if is_topic(one["topic"], topic) and declared.is_read_by(one["consumer"])]
    streams = [one["who"] for one in own if one["kind"] == "stream"]
    reads = last_at is not None and now - last_at <= READS_NOW
    return {"last_at": last_at, "reads": reads, "groups": judged, "streams": streams}


def _urgency(topics: Sequence[Mapping[str, Any]]) -> tuple[bool, int]:
    ranks = (RANK[one["verdict"]] for topic in topics for one in topic["groups"])
    return all(one["last_at"] for one in topics), min(ranks, default=len(RANK))


def to_declare(readers: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """Give for each reader without a subscription the address of the form with what is known filled in. Pure."""
    found = dict[tuple[str, str], list[str]]()
    for one in readers:
        if one["client"] is None:
            found.setdefault((one["kind"], one["who"]), []).append(one["topic"])
    return {
        who: link("/subscriptions", topics=", ".join(topics), **{"groups" if kind == "group" else "client": who})
        for (kind, who), topics in found.items()
    }


def _groups(consumers: Mapping[str, Any], now: datetime) -> Sequence[Mapping[str, Any]]:
    return [with_time_left(one, now) for one in consumers["consumers"] if one["kind"] == "group"]


def _reads(names: Iterable[Subscription], who: str) -> bool:
    return any(one.is_read_by(who) for one in names)


def body_of(form: Mapping[str, str]) -> Mapping[str, Any]:
    """Give the body that a filled form asks for; what is left empty is left out. Pure."""
    plain = {name: form.get(name, "").strip() for name in ("client", "owner", "contact", "version", "why")}
    lists = {name: [*_split(form.get(name, ""), blanks=name in _NAMES)] for name in (*_NAMES, *_TEXTS)}
    rate = form.get("rate", "").strip()
    optional = {**({"rate": number_of(rate)} if rate else {}), **{name: each for name, each in lists.items() if each}}
    return {**plain, "topics": lists["topics"], **optional}


def _split(text: str, *, blanks: bool) -> Iterator[str]:
    for part in _BETWEEN.split(text):
        yield from part.split() if blanks else filter(None, [part.strip()])


async def _add(asked: Asked) -> str:
    try:
        await asked.post("/v1/subscriptions", body_of(asked.form))
    except ApiProblem as problem:
        raise ApiProblem(problem.status, labelled(FORM, problem.problem)) from None
    return link(f"/subscriptions/{quote(asked.form['client'].strip(), safe='')}")


async def _remove(asked: Asked) -> str:
    form = asked.form
    body = {"version": form.get("version", ""), "why": form.get("why", "")}
    await asked.post(f"/v1/subscriptions/{quote(asked.path['client'], safe='')}/remove", body)
    return ""


@cache
def _contract() -> Contract:
    return load_contract()


LIST: Final = Page(
    path="/subscriptions",
    title=Text("订阅", "subscriptions"),
    template="subscriptions.html",
    read=_list,
    needs="consumers",
    live=True,
    actions=[Action(name="add", run=_add, done=Text("订阅已添加", "the subscription is added"))],
)
PAGE: Final = Page(
    path="/subscriptions/{client}",
    title=Text("订阅", "subscription"),
    template="subscription.html",
    read=_one,
    needs="consumers",
    menu=False,
    actions=[Action(name="remove", run=_remove, done=Text("订阅已移除", "the subscription is removed"))],
)
