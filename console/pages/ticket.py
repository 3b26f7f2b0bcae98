"""A ticket as who dispatches sees it: who answers, clocks, why this engineer, its device, and what can be done (R8)."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from bus.domain.commands import Assign, Command, Reclassify, Return
from bus.domain.event_words import event_words
from bus.domain.naming import kebab
from bus.domain.practice import is_practice
from bus.domain.terms import is_synthetic
from bus.domain.text import Text
from bus.domain.work_order_commands import SignStep
from bus.domain.work_template import SAFETY
from console.gateway_api import ApiProblem, refusal
from console.page import Action, Asked, Page, link
from console.pages.board import minutes
from console.ticket_forms import FORMS, CommandForm, filled, offered, sent
from console.words import WORDS
from console.work_order_forms import DONE, level_text, signing_body, work_order_forms

EVENTS_SHOWN: Final = 200  # the last ones
_MOVED_ON: Final = Text("作业单已有变化,请看现在的步骤", "the work order has moved on: look at its steps")
ESCALATION: Final = "sla_escalation"
_MAY_LEAD_AWAY: Final = frozenset({Assign, Return, Reclassify})  # out of the regions, or from the person, of a client
SAID: Final[Mapping[str, Sequence[str]]] = {
    "ticket.opened": ("description",),
    "report.joined": ("title", "description"),
    "ticket.assigned": ("assignee", "reason"),
    "ticket.returned": ("reason",),
    "assignment.accepted": ("note",),
    "collaborator.added": ("person", "part"),
    "collaborator.removed": ("person", "reason"),
    "engineer.departed": (),
    "engineer.arrived": ("place",),
    "work.started": ("substate", "reason"),
    "work.paused": ("waiting_for", "reason"),
    "pause.reason.changed": ("waiting_for", "reason"),
    "work.resumed": ("reason",),
    "parts.requested": ("reason",),
    "parts.issued": ("document_no",),
    "parts.refused": ("reason",),
    "evidence.added": ("kind", "caption"),
    "note.added": ("text",),
    "progress.asked": ("asked_by", "text"),
    "customer.link.revoked": ("reason",),
    "ticket.resolved": ("summary",),
    "closure.requested": ("note",),
    "closure.confirmed": ("confirmed_by",),
    "closure.rejected": ("rejected_by", "reason_code", "reason"),
    "closure.expired": (),
    "ticket.reopened": ("reason",),
    "ticket.reclassified": ("type", "region", "priority", "reason"),
    "ticket.escalated": ("to", "reason"),
    "ticket.tagged": (),
    "work.order.started": ("reason",),
    "step.signed.off": ("step", "note"),
    "step.approved": ("step", "level", "reason"),
    "step.rejected": ("step", "level", "reason"),
    "work.order.cancelled": ("reason",),
    "sla.breached": ("clock",),
    "personal.data.erased": ("reason",),
}
"""Which events are shown among what was said, and which of their fields have the words, by type without version."""


async def _read(asked: Asked) -> Mapping[str, Any]:
    path = asked.ticket_path()
    ticket = await asked.get(path)
    after = max(ticket["version"] - EVENTS_SHOWN, 0)
    clocks, routing, responsibility, events, order, scenes, declined, *more = await asyncio.gather(
        asked.get(f"{path}/clocks"),
        asked.get(f"{path}/routing"),
        asked.get(f"{path}/responsibility"),
        asked.get(f"{path}/events", cursor=str(after) if after else None, limit=EVENTS_SHOWN),
        asked.get(f"{path}/work-order"),
        _codes(asked, "scene-tags", "tags", "tag"),
        _codes(asked, "rejection-reasons", "reasons", "code"),
        asked.get_if("knowledge", f"{path}/knowledge"),
        asked.get_if("alerts", "/v1/alerts", ticket=ticket["ticket_id"]),
        asked.get_if("people", "/v1/people"),
        _device(asked, ticket["serial"]),
        _chosen(asked),
    )
    knowledge, alerts, people, device, chosen = more
    present = [one for one in people["people"] if one["left_at"] is None] if people else []
    files = ticket.get("files", ()) if asked.api.beside else ()
    roles = sorted({one["role"] for one in present})
    signed_in, creator = asked.session.person or asked.session.client, ticket["responsibility"]["creator"]
    of_other = creator != signed_in and is_practice(ticket["ticket_id"], ticket["source_no"])
    commands = () if of_other else asked.session.commands
    helping = responsibility["collaborators"]
    absent = {
        "tag": not scenes,
        "remove-collaborator": not helping,
        "ask-closure-code": not ticket["closure_requested"],
    }
    allowed = [one for one in commands if not absent.get(one)]
    lists = {"roles": {one: Text(one, one) for one in roles}, "tags": scenes, "rejections": declined}
    shown = [one for one in files if one["media_type"].startswith("image/")]
    return {
        "ticket": ticket,
        "seen": str(ticket["version"]),
        "virtual": is_synthetic(ticket["ticket_id"]),
        "practised_by": creator if of_other else "",
        "clocks": clocks["clocks"],
        "next_step": clocks["next_step"],
        "routing": routing,
        "responsibility": responsibility,
        "talk": talk(events["events"], {**step_words(order["work_order"]), "reason_code": declined}),
        "last_action": event_words(ticket["responsibility"]["last_action"]),
        "why_it_waits": waits_for(events["events"]) if ticket["paused"] else "",
        "articles": knowledge and knowledge["articles"],
        "escalations": [one for one in (alerts["alerts"] if alerts else ()) if one["rule"] == ESCALATION],
        "people": {one["person"]: load_text(one) for one in present},
        "device": device,
        "photos": shown,
        "elsewhere": [one for one in ticket["photos"] if one not in {each["uri"] for each in shown}],
        "forms": [
            *(filled(one, lists) for one in offered(ticket["state"], allowed, paused=ticket["paused"])),
            *work_order_forms(order, ticket["photos"], commands, ticket["state"], signed_in),
        ],
        "order": order["work_order"],
        "level_text": level_text,
        "scenes": [scenes.get(one, Text(one, one)) for one in ticket["tags"]],
        "ticked": partial(_ticked, asked, ticket["tags"]),
        "chosen": chosen,
        "sent": asked.form.get("command", "assign" if asked.query.get("to") else ""),
        "words": WORDS,
        "minutes": minutes,
    }


async def _news(asked: Asked) -> Mapping[str, Any]:
    """Read the version that the ticket has now: nothing personal is read again for it."""
    now = await asked.get(asked.ticket_path("responsibility"))
    return {"ticket": now, "seen": asked.query.get("seen", "")}


def _ticked(asked: Asked, tags: Sequence[str], form: str, name: str) -> Sequence[str]:
    """Give the boxes of a field that are ticked: of the form that was sent as they were, else the tags there are."""
    if asked.form.get("command") == form:
        return asked.chosen(name)
    return tags if name == "tags" else ()


async def _device(asked: Asked, serial: str) -> Any:
    return await asked.get_if("people", f"/v1/devices/{quote(serial, safe='')}") if serial else None


async def _chosen(asked: Asked) -> Mapping[str, str]:
    """Read who is to have the ticket, with contact and backup, out of the directory; that they are read is recorded."""
    person = asked.query.get("to", "")
    if not person or not asked.may("assign"):
        return {}
    try:
        one = await asked.get(f"/v1/people/{quote(person, safe='')}")
        backup = await asked.get(f"/v1/people/{quote(one['backup'], safe='')}")
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        return {"assignee.person": person}
    return {
        "assignee.person": one["person"],
        "assignee.role": one["role"],
        "assignee.contact": one["contact"],
        "assignee.backup_person": backup["person"],
        "assignee.backup_contact": backup["contact"],
    }


def step_words(order: Mapping[str, Any] | None) -> Mapping[str, Mapping[str, Text]]:
    """Give the words of values by their fields, with a work order's steps and levels of approval. Pure."""
    steps = {one["key"]: Text(one["zh"], one["en"]) for one in (order or {}).get("steps", ())}
    return {**WORDS, "step": steps, "level": {SAFETY: level_text(SAFETY)}}


def talk(
    events: Sequence[Mapping[str, Any]], words: Mapping[str, Mapping[str, Text]] = WORDS
) -> list[Mapping[str, Any]]:
    """Give what was said, in order of version; `reported_at`: of what was reported after something later. Pure.

    `words`: of values, by their fields.
    """
    found: list[Mapping[str, Any]] = []
    latest = ""
    for event in events:
        latest, before = max(latest, event["occurred_at"], key=_moment), latest
        if one := said(event, words):
            late = _moment(event["occurred_at"]) < _moment(before)
            found.append({**one, "reported_at": event["recorded_at"] if late else None})
    return found


async def _codes(asked: Asked, path: str, listed: str, code: str) -> Mapping[str, Text]:
    """Read a list of codes of the deployment: what each says."""
    return {one[code]: Text(one["zh"], one["en"]) for one in (await asked.get(f"/v1/{path}"))[listed]}


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at) if at else datetime.min.replace(tzinfo=UTC)


def said(event: Mapping[str, Any], words: Mapping[str, Mapping[str, Text]] = WORDS) -> Mapping[str, Any] | None:
    """Give what an event says in words, with who and when; None where it has none to say. Pure."""
    fields = SAID.get(event["event_type"].partition(".v")[0])
    if fields is None:
        return None
    heading = event_words(event["event_type"])
    texts = [_text(name, event[name], words) for name in fields if event[name]]
    return {"heading": heading, "actor": event["actor"], "at": event["occurred_at"], "texts": texts}


def _text(name: str, value: Any, words: Mapping[str, Mapping[str, Text]]) -> Text | str:
    if name == "assignee":
        person, backup = value["person"], value["backup_person"]
        return Text(f"{person}(备份 {backup})", f"{person} (backup {backup})") if backup else str(person)
    return words.get(name, {}).get(value, str(value))


def waits_for(events: Sequence[Mapping[str, Any]]) -> str:
    """Give the reason of the pause that a ticket is in; empty where it is too long ago. Pure."""
    pauses = ("work.paused.v1", "pause.reason.changed.v1", "parts.requested.v1")
    return next((str(one["reason"]) for one in reversed(events) if one["event_type"] in pauses), "")


def load_text(one: Mapping[str, Any]) -> Text:
    """Say how many tickets a person has out of how many at once, and why another one is too much now. Pure."""
    has, most = one["open_tickets"], one["capacity"]
    against = [Text("已满", "full")] if has >= most else []
    against += [] if one["on_shift"] else [Text("不在班", "off shift")]
    shown = f"{one['person']} · {has}/{most}"
    return Text(" ".join([shown, *(why.zh for why in against)]), ", ".join([shown, *(why.en for why in against)]))


async def _send(form: CommandForm, asked: Asked) -> str:
    path = asked.ticket_path()
    await sent(form, asked, path, partial(_with_handler, asked.form) if form.command is Assign else None)
    return await _board_if_gone(asked, path) if form.command in _MAY_LEAD_AWAY else ""


async def _board_if_gone(asked: Asked, path: str) -> str:
    """Lead to the board where the ticket is beyond the client's reach now."""
    try:
        await asked.get(f"{path}/responsibility")
    except ApiProblem as problem:  # what was asked is done, whatever is said here
        return link("/board") if problem.status == 404 else ""
    return ""


def _with_handler(form: Mapping[str, str], body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say who had the ticket when its page was read, so that nobody overwrites what they have not seen. Pure."""
    return {**body, "handler": form["handler"]} if "handler" in form else body


async def _send_order(command: type[Command], asked: Asked) -> str:
    """Send a form of the work order, as the order asks for it now."""
    path = asked.ticket_path()
    now, order = await asyncio.gather(asked.get(f"{path}/responsibility"), asked.get(f"{path}/work-order"))
    forms = work_order_forms(order, asked.chosen("photos"), asked.session.commands, now["state"], "")
    form = next((one for one in forms if one.command is command), None)
    if form is None:
        raise refusal(409, "not_now", _MOVED_ON)
    await sent(form, asked, path, partial(signing_body, order["work_order"]) if command is SignStep else None)
    return ""


async def _acknowledge(asked: Asked) -> str:
    alert = quote(asked.form.get("alert", ""), safe="")
    await asked.post(f"/v1/alerts/{alert}/ack", {"why": asked.form.get("why", "")})
    return ""


PAGE: Final = Page(
    path="/board/{ticket}",
    title=Text("工单", "ticket"),
    template="ticket.html",
    read=_read,
    needs="read",
    menu=False,
    live=True,
    every_s=1.0,
    watch=_news,
    actions=[
        *(Action(name=form.name, run=partial(_send, form), done=form.done) for form in FORMS),
        *(Action(name=kebab(one), run=partial(_send_order, one), done=done) for one, done in DONE.items()),
        Action(name="acknowledge", run=_acknowledge, done=Text("已认领", "acknowledged")),
    ],
)
