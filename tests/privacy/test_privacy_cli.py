"""All that is held of a person is given out, nothing of others, and each read in clear is recorded (R50)."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bus.app import Core, open_core
from bus.cli import main
from bus.domain.commands import Assign, Command, Note
from bus.domain.errors import InvariantBroken
from bus.domain.terms import KeyKind
from bus.domain.values import Customer, IncidentKey
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.postgres.retention import days_kept, storage
from bus.privacy import export, search
from bus.wire.codec import event_json
from bus.wire.rejected_input import RejectedInput
from deadletter.dead_letter import NewDeadLetter
from deadletter.store import post
from tests.bus_under_test import Bus, bus_on
from tests.consistency.test_two_stores import opening, request
from tests.databases import clear_history
from tests.deadletter.letters import dead, noted
from tests.domain.people import WANG

PHONE, OTHERS = "13800000001", "13800000002"
WIDE = PHONE.translate({ord("0") + n: 0xFF10 + n for n in range(10)})
GIVEN = """
INSERT INTO deliveries (target, ticket_id, version, state, attempts, reference, enqueued_at, settled_at)
VALUES ('erp', %(ticket)s, 1, 'done', 1, 'BILL-1', %(at)s, %(at)s)"""
PUSHED = "INSERT INTO pushes VALUES (%(ticket)s, 1, 'ticket.status', 'dashboards', %(at)s)"
AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
Ticketbus = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Make a bus without programs."""
    with bus_on(parts, tmp_path_factory.mktemp("privacy"), database_kept=False) as made:
        yield made


@pytest.fixture
def ticketbus(bus: Bus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ticketbus:
    """Run `ticketbus privacy …`; gives its exit code, its output and what stands on stderr."""
    for name, value in bus.environment.items():
        monkeypatch.setenv(name, value)
    # The whole process would log to what is captured here, and is closed when the test is over.
    monkeypatch.setattr("bus.observability.logging.configure", lambda *_args, **_options: None)
    for module in (search, export):
        monkeypatch.setattr(module, "BATCH", 1)  # every row is the last of a batch

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ticketbus", "privacy", *arguments])
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        shown = capsys.readouterr()
        return int(code), shown.out, shown.err

    return run


def on_core(bus: Bus, work: Callable[[Core], Any]) -> Any:
    """Run `work` on the bus's core."""

    async def whole() -> Any:
        async with open_core(bus.settings) as core:
            return await work(core)

    return asyncio.run(whole())


def report(number: int, phone: str, minute: int = 0, key: IncidentKey | None = None) -> Any:
    """Give the request that a customer with that phone reports."""
    command = replace(opening(number), customer=Customer(name="李女士", phone=phone), description=f"报告 {number}")
    return request(number, replace(command, incident_key=key) if key else command, minute)


def refused(number: int, body: bytes, ticket_id: str | None = None) -> RejectedInput:
    """Give input whose sender heard why it was refused."""
    return RejectedInput(
        origin="http", origin_ref=f"r{number}", source="crm", code="c", field="f", detail_zh="不", detail_en="no",
        body=body, trace_id="0" * 32, kind="refused", ticket_id=ticket_id, heard=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tickets(bus: Bus) -> Mapping[str, str]:
    """Put there what is the person's and what is not; gives the numbers of the tickets."""
    serial, phone_key = (IncidentKey(kind=kind, value=f"+86 {PHONE}") for kind in (KeyKind.SERIAL, KeyKind.PHONE))
    requests = {
        "first": report(1, "+86 138-0000-0001"),
        "stranger": report(2, OTHERS),
        "newest": report(3, WIDE, 60),
        "about": report(4, "", 120, phone_key),
        "master": report(5, OTHERS, 180, IncidentKey(kind=KeyKind.SERIAL, value="SN-5")),
        "look-alike": report(6, "138000000011", 180, serial),
        "joined": report(7, PHONE, 185, IncidentKey(kind=KeyKind.SERIAL, value="sn-5")),
    }
    later: list[Command] = [Assign(assignee=WANG), Note(text="客户要求上门")]

    async def put(core: Core) -> dict[str, str]:
        outcomes = await core.dispatcher.dispatch([*requests.values(), *(request(1, one, 1) for one in later)])
        numbers = dict(zip(requests, (getattr(one, "ticket_id", "") for one in outcomes), strict=False))
        letters: list[NewDeadLetter] = [
            dead(origin_ref="a", ticket_id=numbers["first"], value=b"junk"),
            dead(origin_ref="b", value=core.codec.encode_record(noted("k1", f"请拨 {WIDE}"))),
            dead(origin_ref="c", value=core.codec.encode_record(noted("k1", f"请拨 {OTHERS}"))),
            dead(origin_ref="d", ticket_id="T-UNKNOWN", value=json.dumps({"phone": WIDE}).encode()),
            dead(origin_ref="e", ticket_id=numbers["stranger"], value=PHONE.encode()),
        ]
        bodies = [b"{}", f'{{"phone": "{PHONE}"}}'.encode(), b"[", f"tel:0086 {PHONE}".encode(), OTHERS.encode()]
        await core.refused.keep([refused(n, body) for n, body in enumerate(bodies)])
        await core.refused.keep([refused(99, b"{}", numbers["newest"])])
        async with connected(core.pool) as connection:
            await post(connection, letters, core.codec.encode_record)
            for query in (GIVEN, PUSHED):
                await connection.execute(query.encode(), {"ticket": numbers["first"], "at": AT})
        return numbers

    found: Mapping[str, str] = on_core(bus, put)
    assert found["joined"] == found["master"]
    return found


def test_privacy_export_gives_all_of_the_person_and_nothing_of_others(
    bus: Bus, ticketbus: Ticketbus, tickets: Mapping[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "export.json"
    code, shown, err = ticketbus("export", "+86 138 0000 0001", "--by", "张工", "--out", str(out))
    assert (code, shown) == (0, "")
    assert PHONE not in err
    assert out.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [out]
    given = json.loads(out.read_text("utf-8"))
    assert given["phone"] == PHONE
    by_number = {one["ticket_id"]: one for one in given["tickets"]}
    assert by_number.keys() == {tickets[name] for name in ("first", "newest", "about", "master")}
    first = by_number[tickets["first"]]
    events = on_core(bus, lambda core: clear_history(core, first["ticket_id"]))
    for shown_event, event in zip(first["events"], events, strict=True):
        own = {name: value for name, value in shown_event.items() if name != "personal"}
        assert own == json.loads(export.json_text(event_json(event)))
    assert first["events"][0]["customer"]["phone"] == "+86 138-0000-0001"
    assert first["events"][0]["personal"] == [
        "description",
        "customer.name",
        "customer.phone",
        "customer.address",
        "customer_ref",
    ]
    assert (first["events"][2]["text"], first["events"][2]["personal"]) == ("客户要求上门", ["text"])
    assert (first["state"]["customer"]["name"], first["state"]["version"]) == ("李女士", 3)
    [delivery], [push] = first["deliveries"], first["pushes"]
    assert (delivery["target"], delivery["reference"], delivery["settled_at"][:10]) == ("erp", "BILL-1", "2026-11-22")
    assert (push["client"], push["topic"], push["pushed_at"][:10]) == ("dashboards", "ticket.status", "2026-11-22")
    assert [one["body"] for one in first["letters"]] == [{"text": "junk"}]
    assert [one["origin_ref"] for one in by_number[tickets["newest"]]["refused_inputs"]] == ["r99"]
    assert [one["origin_ref"] for one in given["letters"]] == ["b", "d"]
    assert given["letters"][0]["body"]["text"] == f"请拨 {WIDE}"
    assert [one["origin_ref"] for one in given["refused_inputs"]] == ["r1", "r3"]


def test_privacy_export_is_recorded_with_a_masked_phone_and_listed_and_kept(
    bus: Bus, ticketbus: Ticketbus, tickets: Mapping[str, str]
) -> None:
    before = len(ticketbus("log", "--json")[1].splitlines())
    code, shown, _ = ticketbus("export", WIDE, "--by", "李工")
    assert (code, len(json.loads(shown)["tickets"])) == (0, 4)
    *_, last = rows = ticketbus("log", "--json")[1].splitlines()
    read = json.loads(last)
    assert read.pop("read_at")[:2] == "20"
    assert len(rows) == before + 1
    assert read == {
        "read_by": "李工", "phone_masked": "138****0001", "tickets": 4, "letters": 3, "refused_inputs": 3,
        "what": "export", "why": "",
    }  # fmt: skip
    exported = ticketbus("log", "--ticket", tickets["first"], "--json")[1].splitlines()
    assert ("privacy export", "李工", 1) in [
        (one["client"], one["person"], one["times"]) for one in map(json.loads, exported)
    ]
    [line] = ticketbus("log")[1].splitlines()[before:]
    assert "李工  138****0001  4 张工单 tickets" in line
    kept = on_core(bus, lambda core: storage(core.pool, days_kept({})))
    assert [one.days for one in kept if one.table == "privacy_reads"] == [None]


@pytest.mark.usefixtures("tickets")
@pytest.mark.parametrize(("arguments", "code", "word"), [
    (("13899999999", "--by", "张工"), 1, "总线没有这个电话的数据 / nothing is held"),
    (("SN-1", "--by", "张工"), 2, "不是电话号码"),
    (("12", "--by", "张工"), 2, "no phone"),
    ((PHONE,), 2, "--by"),
    ((PHONE, "--by", " "), 2, "say who"),
    ((PHONE, "--by", "张工", "--out", "/dev/null"), 1, "no regular file"),
    ((PHONE, "--by", "张工", "--out", "/nowhere/export.json"), 1, "cannot be written"),
])  # fmt: skip
def test_privacy_export_of_nothing_or_wrongly_asked_gives_and_records_nothing(
    ticketbus: Ticketbus, arguments: tuple[str, ...], code: int, word: str
) -> None:
    before = ticketbus("log")
    ended, shown, err = ticketbus("export", *arguments)
    assert (ended, shown) == (code, "")
    assert word in err
    assert PHONE not in err
    assert ticketbus("log") == before


@pytest.mark.usefixtures("tickets")
def test_privacy_export_that_fails_leaves_the_file_as_it_was_and_is_recorded(
    ticketbus: Ticketbus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "export.json"
    out.write_text("before")
    read = export._ticket
    reads = iter(range(99))

    async def failing(*asked: Any) -> dict[str, Any]:
        if next(reads) == 2:
            raise InvariantBroken("an event in PostgreSQL cannot be read")
        return await read(*asked)

    monkeypatch.setattr(export, "_ticket", failing)
    before = len(ticketbus("log")[1].splitlines())
    code, _, err = ticketbus("export", PHONE, "--by", "张工", "--out", str(out))
    assert (code, "cannot be read" in err) == (1, True)
    assert [one.read_text("utf-8") for one in tmp_path.iterdir()] == ["before"]
    assert len(ticketbus("log")[1].splitlines()) == before + 1
