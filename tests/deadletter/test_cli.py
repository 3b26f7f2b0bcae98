"""`ticketbus deadletter` wrongly used: a clear refusal, exit 1 for bad news and 2 for wrong use, nothing changed."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bus.app import open_core
from bus.cli import main
from bus.local.stack import Urls
from bus.postgres.pool import in_transaction
from deadletter.store import discard, replace
from tests.bus_under_test import Bus, bus_on
from tests.deadletter.letters import DECISION, LetterStore, dead, noted
from tests.schemas.codecs import ONE_OF_EACH

STANDING = """
SELECT (SELECT jsonb_agg(l ORDER BY l.id) FROM letters l), (SELECT jsonb_agg(d ORDER BY d.id) FROM letter_decisions d),
    (SELECT jsonb_agg(r ORDER BY r.id) FROM redrives r), (SELECT jsonb_agg(o ORDER BY o.id) FROM outbox o)"""
DECIDED = ("--by", "张工", "--why", "物料已建档")
GONE = "999999"
LETTERS = ("ERP", "COMMAND", "IMPORT", "DISCARDED", "EDITED")
Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Make a bus without programs."""
    with bus_on(parts, tmp_path_factory.mktemp("cli"), database_kept=False) as made:
        yield made


@pytest.fixture
def ran(bus: Bus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `ticketbus …`; gives its exit code and all that it wrote."""
    for name, value in bus.environment.items():
        monkeypatch.setenv(name, value)
    # The whole process would log to what is captured here, and is closed when the test is over.
    monkeypatch.setattr("bus.observability.logging.configure", lambda *_args, **_options: None)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["ticketbus", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out + shown.err

    return run


@pytest.fixture
def said(ran: Command) -> Command:
    """Run `ticketbus deadletter …`; gives its exit code and all that it said."""
    return partial(ran, "deadletter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Letters and files to ask wrongly about, by the words that stand for them."""

    bus: Bus
    said: Command
    words: Mapping[str, tuple[str, ...]]

    def arguments(self, asked: str) -> list[str]:
        """Put what is meant in the place of the words."""
        return [one for word in asked.split(" ") for one in self.words.get(word, (word,))]


@pytest.fixture
def wrong(bus: Bus, said: Command, letters: Mapping[str, str], tmp_path: Path) -> Wrong:
    """Give names to what is there."""
    texts = {
        "FILE": '{"title": "x"}',
        "NOTE": '{"text": "y"}',
        "EMPTY": "",
        "NO_JSON": "{title: x}",
        "MISSPELLED": '{"titel": "x"}',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    files = {name: (str(tmp_path / name),) for name in (*texts, "NOWHERE")}
    numbers = {name: (number,) for name, number in letters.items()}
    return Wrong(bus=bus, said=said, words={**numbers, **files, "BY": DECIDED})


@pytest.fixture(scope="module")
def letters(bus: Bus) -> dict[str, str]:
    """Put letters there: of a delivery, of a command, one without a way back, one let go; give their numbers."""
    erp = {"origin": "delivery:erp", "origin_ref": "T1/1", "target": "erp", "ticket_id": "T1", "version": 1}

    async def put() -> list[int]:
        async with open_core(bus.settings) as core:
            numbers = await LetterStore(core.pool).put(
                dead(**erp, event="TicketOpened", value=core.codec.encode(ONE_OF_EACH[0])),
                dead(value=b"junk"),
                dead(origin="import:uci", origin_ref="INC1#1", value=b"a,b"),
                dead(origin_ref="let go", value=core.codec.encode_record(noted("k1", "x"))),
                dead(origin_ref="edited"),
            )
            await in_transaction(core.pool, discard, numbers[3:4], DECISION, core.codec.encode_record)
            await in_transaction(core.pool, replace, numbers[4], b"mended", DECISION, core.codec.encode_record)
            return numbers

    return dict(zip(LETTERS, map(str, asyncio.run(put())), strict=True))


def test_cli_with_two_persons_one_retries_one_letter_and_a_redrive_sends_many(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETBUS_TWO_PERSONS", "1")
    before = wrong.bus.query(STANDING)
    code, shown = wrong.said(*wrong.arguments("retry ERP COMMAND BY"))
    assert (code, "redrive" in shown) == (1, True)
    assert wrong.bus.query(STANDING) == before


@pytest.mark.parametrize(("asked", "code", "word"), [
    (f"show {GONE}", 1, GONE),
    ("show 99999999999999999999", 2, "LETTER"),
    ("show x", 2, "LETTER"),
    (f"retry {GONE} BY", 1, GONE),
    (f"retry COMMAND {GONE} BY", 1, GONE),
    (f"discard ERP {GONE} BY", 1, GONE),
    ("retry BY", 2, "LETTER"),
    ("discard BY", 2, "LETTER"),
    ("retry 99999999999999999999 BY", 2, "LETTER"),
    ("retry DISCARDED BY", 1, "已处理"),
    ("retry EDITED BY", 1, "已处理"),
    ("discard DISCARDED BY", 1, "已处理"),
    ("retry COMMAND DISCARDED BY", 1, "nothing was changed"),
    ("retry IMPORT BY", 1, "重新导入"),
    ("retry COMMAND IMPORT BY", 1, "import it again"),
    ("retry COMMAND", 2, "--by"),
    ("retry COMMAND --by 张工", 2, "--why"),
    ("retry COMMAND --by= --why=x", 2, "--by"),
    ("retry COMMAND --by=张工 --why=", 2, "--why"),
    ("discard COMMAND --by=\u3000 --why=x", 2, "--by"),
    ("discard COMMAND --by=张工 --why=\t", 2, "--why"),
    ("edit ERP FILE --by=张工 --why=", 2, "--why"),
    (f"edit {GONE} FILE BY", 1, GONE),
    ("edit DISCARDED NOTE BY", 1, "已处理"),
    ("edit ERP NOWHERE BY", 2, "No such file"),
    ("edit ERP EMPTY BY", 2, "没有要改的字段"),
    ("edit ERP NO_JSON BY", 2, "not JSON"),
    ("edit ERP MISSPELLED BY", 2, "did you mean 'title'"),
    ("edit COMMAND FILE BY", 2, "header"),
    ("edit IMPORT FILE BY", 1, "cannot be edited"),
    (f"check {GONE} FILE", 1, GONE),
    ("check DISCARDED NOTE", 1, "已处理"),
    ("check ERP MISSPELLED", 2, "did you mean 'title'"),
    ("check IMPORT FILE", 1, "cannot be edited"),
    ("list --target crm --cause 000000000000", 2, "--cause"),
    (f"redrive show {GONE}", 1, GONE),
    ("redrive freeze --target crm BY", 1, "no letter to send again"),
    ("redrive freeze --target erp --kind unknown BY", 1, "no letter to send again"),
    ("redrive freeze --target erp --event NoteAdded BY", 1, "no letter to send again"),
    ("redrive freeze --target erp --cause 000000000000 BY", 1, "no letter to send again"),
    ("redrive freeze BY", 2, "--target"),
    ("redrive freeze --target erp --rate 0 BY", 2, "--rate"),
    ("redrive freeze --target erp --rate=-1 BY", 2, "--rate"),
    ("redrive freeze --target erp --rate nan BY", 2, "--rate"),
    ("redrive freeze --target erp --rate inf BY", 2, "--rate"),
    ("redrive freeze --target erp --canary 0 BY", 2, "--canary"),
    ("redrive freeze --target erp --canary 99999999999 BY", 2, "--canary"),
    ("redrive freeze --target erp --watch nan BY", 2, "--watch"),
    ("redrive freeze --target erp --watch=-1 BY", 2, "--watch"),
    ("redrive freeze --target erp --watch 1e300 BY", 2, "--watch"),
    ("redrive freeze --target erp --by= --why=x", 2, "--by"),
    ("redrive freeze --target erp --by=张工 --why=\u3000", 2, "--why"),
    (f"redrive run {GONE}", 1, GONE),
    ("redrive run 99999999999999999999", 2, "REDRIVE"),
    (f"redrive stop {GONE} --why x", 1, GONE),
    ("redrive stop 1 --why=", 2, "--why"),
])  # fmt: skip
def test_cli_wrong_use_is_refused_clearly_and_changes_nothing(wrong: Wrong, asked: str, code: int, word: str) -> None:
    before = wrong.bus.query(STANDING)
    ended, told = wrong.said(*wrong.arguments(asked))
    assert (ended, word in told) == (code, True), told
    assert "Traceback" not in told
    assert wrong.bus.query(STANDING) == before


def test_cli_the_same_rightly_used(bus: Bus, said: Command, tmp_path: Path) -> None:
    crm = {"origin": "delivery:crm", "origin_ref": "T2/1", "target": "crm", "ticket_id": "T2", "version": 1}

    async def put() -> int:
        async with open_core(bus.settings) as core:
            return (await LetterStore(core.pool).put(dead(**crm, value=core.codec.encode(ONE_OF_EACH[0]))))[0]

    number = str(asyncio.run(put()))
    file = tmp_path / "edit.json"
    file.write_text('{"title": "改好了"}')
    code, shown = said("check", number, str(file))
    assert (code, [line for line in shown.splitlines() if line.startswith("+")]) == (0, ['+  "title": "改好了",'])
    checked = json.loads(said("check", number, str(file), "--json")[1])
    assert {**checked["before"], "title": "改好了"} == checked["after"]
    assert said("edit", number, str(file), *DECIDED)[0] == 0
    code, listed = said("list", "--target", "crm", "--json")
    group = json.loads(listed)
    assert (code, group["origin"]) == (1, "delivery:crm")
    code, shown = said("list", "--cause", group["cause"], "--json")
    *_, last = map(json.loads, shown.splitlines())
    assert (code, last["origin_ref"], last["edited_from"]) == (1, "T2/1", int(number))
    assert "T2/1" in said("list", "--cause", group["cause"])[1]
    copy = str(json.loads(listed)["sample"])
    code, shown = said("show", copy, "--json")
    letter = json.loads(shown)
    assert (letter["decoded"]["title"], letter["edited_from"]) == ("改好了", int(number))
    assert "改自 edited from" in said("show", copy)[1]
    code, frozen = said("redrive", "freeze", "--target", "crm", *DECIDED, "--json")
    assert (code, json.loads(frozen)["letters"]) == (0, 1)
    assert "1 in another redrive" in said("redrive", "freeze", "--target", "crm", *DECIDED)[1]
    redrive = str(json.loads(frozen)["id"])
    (part,) = json.loads(said("redrive", "show", redrive, "--json")[1])["parts"]
    assert (part["letters"], part["cause"]) == (1, group["cause"])
    assert "1 封 letters → crm" in said("redrive", "show", redrive)[1]
    assert said("redrive", "stop", redrive, "--why", " 张工: 又停用 ")[0] == 0
    code, listed = said("redrive", "list", "--json")
    (one,) = [found for found in map(json.loads, listed.splitlines()) if found["id"] == int(redrive)]
    assert (code, one["state"], one["ended_why"], one["approved_by"]) == (0, "stopped", "张工: 又停用", "张工")
    assert said("redrive", "run", redrive)[0] == 1
    assert said("discard", copy, *DECIDED)[0] == 0
    assert said("list", "--target", "crm")[0] == 0


def test_cli_delivery_moves_and_discards_what_waits_for_a_target_that_is_no_longer_declared(
    bus: Bus, ran: Command
) -> None:
    bus.query(
        "INSERT INTO delivery_targets (target, undeclared_at) "
        "VALUES ('erp-old', '2026-11-22Z'), ('erp-new', NULL) RETURNING 1"
    )
    bus.query(
        "INSERT INTO deliveries (target, ticket_id, version, enqueued_at) "
        "VALUES ('erp-old', 'X1', 1, now()), ('erp-old', 'X2', 1, now()) RETURNING 1"
    )
    bus.query(
        "INSERT INTO delivery_heads (target, ticket_id, version, next_at) "
        "SELECT target, ticket_id, version, now() FROM deliveries WHERE target = 'erp-old' RETURNING 1"
    )
    code, shown = ran("delivery", "list")
    (line,) = [line for line in shown.splitlines() if line.startswith("erp-old")]
    assert code == 1
    assert "等待 waiting      2" in line
    assert "已不在目标文件 no longer declared since 11-22" in line
    code, shown = ran("delivery", "resume", "erp-old")
    assert code == 1
    assert "no longer declared" in shown
    assert ran("delivery", "discard", "erp-new", *DECIDED)[0] == 1
    bus.query("UPDATE delivery_heads SET next_at = now() WHERE target = 'erp-old' AND ticket_id = 'X1' RETURNING 1")
    bus.query(
        "INSERT INTO deliveries (target, ticket_id, version, enqueued_at, state) "
        "VALUES ('erp-new', 'X2', 2, now(), 'done') RETURNING 1"
    )
    bus.query("UPDATE delivery_targets SET events = '{note.added}' WHERE target = 'erp-new' RETURNING 1")
    bus.query(
        "INSERT INTO events (ticket_id, version, event_id, ce_type, command_id, trace_id, source, occurred_at, "
        "recorded_at, historic, value) SELECT t, 1, gen_random_uuid(), kind, gen_random_uuid(), '', '', now(), now(), "
        "false, '' FROM (VALUES ('X1', 'note.added.v1'), ('X2', 'note.added.v1'), ('X3', 'work.paused.v1')) "
        "AS w (t, kind) RETURNING 1"
    )
    bus.query(
        "INSERT INTO deliveries (target, ticket_id, version, enqueued_at) "
        "VALUES ('erp-old', 'X3', 1, now()) RETURNING 1"
    )
    bus.query(
        "INSERT INTO delivery_heads (target, ticket_id, version, next_at) "
        "VALUES ('erp-old', 'X3', 1, now()) RETURNING 1"
    )
    code, shown = ran("delivery", "move", "erp-old", "--to", "erp-new", *DECIDED)
    assert code == 1
    assert "left since erp-new does not take these events: WorkPaused 1." in shown
    assert "erp-old → erp-new: 1 条投递已移 moved" in shown
    assert "留下 left 2" in shown
    code, shown = ran("delivery", "discard", "erp-old", *DECIDED)
    assert (code, "erp-old: 2 条投递作废 discarded" in shown) == (0, True)
    assert "erp-old" not in ran("delivery", "list")[1]
