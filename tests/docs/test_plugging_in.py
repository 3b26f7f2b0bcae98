"""The page on plugging in an export: its file and its map, taken from its text alone, become the tickets it says."""

import re
from pathlib import Path

from adapters.csv_form import CsvForm
from adapters.history.map_file import load_map
from adapters.time_form import TimeForm
from bus.domain.terms import State
from bus.rules_config import load_rules
from bus.settings import Settings
from tests.history.uci import ROOT, Bus

PAGE = (ROOT / "docs" / "plugging-in.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(kind: str) -> list[str]:
    return [text for found, text in _BLOCK.findall(PAGE) if found == kind]


async def test_plugging_in_the_page_s_file_and_map_become_its_tickets(tmp_path: Path) -> None:
    path = tmp_path / "export.yaml"
    path.write_text(blocks("yaml")[0], encoding="utf-8")
    bus = Bus()
    file = blocks("csv")[0].encode().splitlines(keepends=True)
    summary = await bus.take(file, mapped=load_map(path, load_rules(Settings()).sla))
    assert (summary.rows, summary.opened, summary.refused_rows, summary.refused_commands) == (4, 4, 0, 0)
    states = {ticket.source_no: ticket.state for ticket in await bus.tickets()}
    assert states == {"1": State.CLOSED, "2": State.RESOLVED, "3": State.IN_PROGRESS, "4": State.PENDING}


async def test_plugging_in_the_page_s_log_of_changes_and_its_map_become_its_tickets(tmp_path: Path) -> None:
    path = tmp_path / "changes.yaml"
    path.write_text(next(text for text in blocks("yaml") if "updated_at" in text), encoding="utf-8")
    bus = Bus()
    file = blocks("csv")[1].encode().splitlines(keepends=True)
    summary = await bus.take(file, mapped=load_map(path, load_rules(Settings()).sla))
    assert (summary.rows, summary.opened, summary.refused_rows, summary.refused_commands) == (9, 2, 0, 0)
    states = {ticket.source_no: (ticket.state, ticket.paused_for) for ticket in await bus.tickets()}
    assert states == {"1-364285768": (State.CLOSED, None), "1-467153946": (State.IN_PROGRESS, None)}


async def test_plugging_in_a_word_that_steps_back_is_refused_as_the_page_says(tmp_path: Path) -> None:
    path = tmp_path / "changes.yaml"
    text = next(text for text in blocks("yaml") if "updated_at" in text)
    path.write_text(text.replace("Assigned: active", "Assigned: new"), encoding="utf-8")
    summary = await Bus().take(
        blocks("csv")[1].encode().splitlines(keepends=True), mapped=load_map(path, load_rules(Settings()).sla)
    )
    assert [group.code for group in summary.refusals] == ["no_way_back"]


def test_plugging_in_the_other_forms_of_the_page_are_taken() -> None:
    assert CsvForm(encoding="gb18030", delimiter=";").encoding == "gb18030"
    rows = re.findall(r"^\| `([^`]+)`.*\| `\"([^\"]+)\"`", PAGE[PAGE.index("Times look like") :], re.MULTILINE)
    assert len(rows) == 4
    for text, format_ in rows:
        assert TimeForm(format=format_, zone="Asia/Shanghai").read(text).isoformat() == "2026-01-05T01:00:00+00:00"
