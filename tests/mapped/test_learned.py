"""A first map that samples give: it can be read, opens a ticket of the sample, and marks what it guessed."""

import json

import pytest

from adapters.mapped.learned import learned
from adapters.mapped.read_map import read_map
from adapters.mapped.trial import tried
from bus.domain.errors import MalformedInput
from tests.mapped.maps import NOW
from tests.mapped.vendors import RULES, SIGNED, sample


@pytest.mark.parametrize(
    ("vendor", "title"), [(vendor, "水泵不转") for vendor in SIGNED if vendor not in ("zammad", "znuny", "salesforce")]
)
async def test_learned_a_first_map_opens_the_ticket_of_the_sample(vendor: str, title: str) -> None:
    bodies = {name: sample(vendor, name) for name in ("created", "comment")}
    content = learned("learned", list(bodies.values()))
    assert content.count("guess") >= 5
    opened, *_ = await tried(read_map(content, "learned", RULES.sla), bodies, {}, RULES, NOW)
    assert opened.outcome == "accepted", (opened, content)
    assert opened.commands[0].command == "open-ticket"
    assert opened.commands[0].fields["title"] == title


async def test_learned_a_list_and_names_that_no_path_has_plain_are_read() -> None:
    rows = [
        {"Event": "opened", "Ticket No": 7, "subject": "门禁失灵", "created": "2026/11/22 09:05"},
        {"Event": "it's said", "Ticket No": 7, "text": "已到现场"},
    ]
    body = json.dumps({"rows": rows}).encode()
    content = learned("doors", [body])
    (found,) = await tried(read_map(content, "learned", RULES.sla), {"rows": body}, {}, RULES, NOW)
    assert [(one.command, one.number) for one in found.commands] == [("open-ticket", "7"), ("note", "7")], content
    assert found.commands[1].fields["text"] == "已到现场"


@pytest.mark.parametrize(
    ("written", "zoned"),
    [
        ("2026-11-22 09:05:06", True),
        ("2026-11-22 09:05:06.123", True),
        ("2026-11-22 09:05", True),
        ("2026/11/22 09:05:06", True),
        ("2026-11-22T09:05:06.123", True),
        ("2026-11-22T09:05:06+0800", False),
        ("2026-11-22T01:05:06.123Z", False),
        (1795309506, False),
        ("1795309506123", False),
    ],
)
async def test_learned_the_form_of_times_is_one_that_reads_the_sample(written: str | int, zoned: bool) -> None:
    body = json.dumps({"id": 7, "subject": "门禁失灵", "created_at": written}).encode()
    content = learned("doors", [body])
    (found,) = await tried(read_map(content, "learned", RULES.sla), {"created": body}, {}, RULES, NOW)
    assert found.outcome == "accepted", (found, content)
    assert ("zone:" in content) is zoned


async def test_learned_what_tells_events_apart_may_stand_below_the_top() -> None:
    ticket = {"id": 7, "title": "门禁失灵", "type": "repair"}
    bodies = {
        kind: json.dumps({"event": {"kind": kind}, "data": {"ticket": ticket, **more}}).encode()
        for kind, more in {"ticket.viewed": {}, "ticket.created": {}, "ticket.reply": {"text": "已到现场"}}.items()
    }
    content = learned("doors", list(bodies.values()))
    del bodies["ticket.viewed"]
    found = await tried(read_map(content, "learned", RULES.sla), bodies, {}, RULES, NOW)
    assert [[one.command for one in sample.commands] for sample in found] == [["open-ticket"], ["note"]], content
    assert found[1].commands[0].fields["text"] == "已到现场"


@pytest.mark.parametrize("body", [b"[]", b"[1]", b"no", b""])
def test_learned_of_what_is_no_sample_nothing_is_guessed(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        learned("doors", [body])
