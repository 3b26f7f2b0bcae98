"""`ticketbus schemas check`: what a pull request breaks, and whom; as its author runs it."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bus.cli import app
from bus.consistency.subscriptions import Subscription

SCHEMAS = Path(__file__).parents[2] / "schemas"
BI = Subscription(client="bi", owner="数据组", contact="bi@example.com", topics=("ticket.assign",), groups=("bi",))


def ran(*words: str, text: str = "") -> tuple[int, str]:
    """Run it; gives the exit code and what it prints."""
    result = CliRunner().invoke(app, ["schemas", "check", *words], input=text)
    return result.exit_code, result.output


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """Make an older version, which had a field and kept a topic longer."""
    shutil.copytree(SCHEMAS, tmp_path / "schemas", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    file = tmp_path / "schemas" / "records" / "ticket_assigned.v1.avsc"
    schema = json.loads(file.read_text(encoding="utf-8"))
    schema["fields"].append({"name": "zone", "type": "string", "default": ""})
    file.write_text(json.dumps(schema), encoding="utf-8")
    return tmp_path


def test_schemas_check_names_whom_a_field_breaks(before: Path) -> None:
    rows = [
        BI,
        replace(BI, client="app", fields=("TicketAssigned.zone",)),
        replace(BI, client="wall", fields=("TicketAssigned.assignee",)),
        replace(BI, client="mes", topics=("ticket.parts",)),
    ]
    lines = "\n".join(json.dumps({name: getattr(one, name) for name in one.__slots__}) for one in rows)
    code, shown = ran("--against", str(before), "--subscriptions", "-", text=lines)
    assert code == 1
    assert "BREAKS     TicketAssigned.zone" in shown
    assert "→ bi 1 (数据组, bi@example.com) 可能 maybe" in shown
    assert "→ app 1 (数据组, bi@example.com)\n" in shown
    assert "wall" not in shown
    assert "mes" not in shown


def test_schemas_check_compares_the_checkout_that_stands_here(before: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(before)
    code, shown = ran("--against", str(SCHEMAS))
    assert (code, "ADDED      TicketAssigned.zone" in shown) == (0, True), shown
    (before / "schemas" / "deprecations.yaml").write_text(
        "[{what: TicketAssigned.zoon, since: 2026-06-01, until: 2026-12-01, instead: region, why: one word}]", "utf-8"
    )
    code, shown = ran("--against", str(SCHEMAS))
    assert (code, "names no topic, event or field: TicketAssigned.zoon" in shown) == (2, True), shown


def test_schemas_check_as_json_and_as_a_changelog(before: Path) -> None:
    code, shown = ran("--against", str(before), "--json")
    [one] = [json.loads(line) for line in shown.splitlines()]
    assert (code, one["change"], one["about"], one["breaks"], one["readers"]) == (
        1, "removed", "TicketAssigned.zone", True, [],
    )  # fmt: skip
    code, shown = ran("--against", str(before), "--changelog")
    assert shown == "### Removed\n\n- **breaks readers** `TicketAssigned.zone`: the field is gone.\n"


def test_schemas_check_of_what_it_is_itself_breaks_nothing_and_says_whose_readers_it_does_not_know() -> None:
    code, shown = ran("--against", str(SCHEMAS))
    assert code == 0
    assert "0 differences, 0 break readers" in shown
    assert "without --subscriptions" in shown


def test_schemas_check_refuses_what_cannot_be_read(before: Path, tmp_path: Path) -> None:
    assert ran("--against", str(tmp_path / "nowhere"))[0] == 2
    code, shown = ran("--against", str(before), "--subscriptions", "-", text='{"client": "bi"}')
    assert code == 2
    assert "line 1 is" in shown


def test_schemas_check_names_files_that_do_not_say_what_the_code_says(tmp_path: Path) -> None:
    """The copy stands in front of the program's own: as if classes had changed and nothing had been drawn."""
    shutil.copytree(SCHEMAS, tmp_path / "schemas", ignore=shutil.ignore_patterns("__pycache__"))
    records = tmp_path / "schemas" / "records"
    file = records / "ticket_assigned.v1.avsc"
    schema = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**schema, "fields": schema["fields"][:-1]}), encoding="utf-8")
    (records / "note_added.v1.avsc").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "bus", "schemas", "check", "--against", str(SCHEMAS)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    named = [line.split()[0] for line in done.stderr.splitlines() if "ticketbus docs draw" in line]
    assert {*named} == {"schemas/records/ticket_assigned.v1.avsc", "schemas/records/note_added.v1.avsc"}
