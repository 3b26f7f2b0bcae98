"""The contract held against older ones: a commit, a folder; what breaks, and what was announced."""

import json
import re
import shutil
import subprocess
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from schemas.deprecations import load_deprecations, read_deprecations, unknown_name
from schemas.differences import ContractChange, differences
from schemas.field_paths import fields_of
from schemas.snapshots import NoSnapshot, Snapshot, shipped, snapshot_at
from schemas.topics import load_contract

TODAY = date(2026, 12, 1)
NOW = shipped()
SCHEMAS = Path(__file__).parents[2] / "schemas"


def other(record: str = "TicketAssigned", **changes: Any) -> Snapshot:
    """Make the contract of another version; `fields` edits the fields of a record."""
    schemas, topics = deepcopy({**NOW.schemas}), deepcopy({**NOW.topics})
    if edit := changes.get("fields"):
        edit(schemas[record]["fields"])
    if edit := changes.get("topics"):
        edit(topics)
    return Snapshot(schemas=schemas, topics=topics, deprecations=changes.get("deprecations", ()))


def named(fields: list[Any], name: str) -> Any:
    """Find a field."""
    return next(one for one in fields if one["name"] == name)


def found(before: Snapshot, after: Snapshot = NOW) -> list[tuple[str, str, bool]]:
    """Compare, in short."""
    return [(one.change.value, one.about, one.breaks) for one in differences(before, after, TODAY)]


def test_differences_of_the_same_contract_are_none() -> None:
    assert found(NOW) == []
    assert {"assignee.person", "event_id"} <= fields_of(NOW.schemas["TicketAssigned"]).keys()


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda fields: fields.append({"name": "zone", "type": "string", "default": ""}), ("removed", "zone", True)),
        (lambda fields: named(fields, "assignee")["type"]["fields"].pop(), ("added", "assignee.backup_contact", False)),
        (lambda fields: fields.remove(named(fields, "actor")), ("added", "actor", True)),
        (lambda fields: named(fields, "version").update(type="long"), ("changed", "version", True)),
        (lambda fields: named(fields, "recorded_at").update(type="long"), ("changed", "recorded_at", True)),
        (lambda fields: named(fields, "assignee").update(default={}), ("changed", "assignee", True)),
        (lambda fields: named(fields, "actor").update(default=""), ("changed", "actor", True)),
        (lambda fields: named(fields, "actor").update(doc="somebody"), ("changed", "actor", False)),
    ],
)
def test_differences_of_a_field(edit: Any, expected: tuple[str, str, bool]) -> None:
    change, field, breaks = expected
    assert found(other(fields=edit)) == [(change, f"TicketAssigned.{field}", breaks)]


def test_differences_of_a_record_within_stand_by_its_path() -> None:
    def edit(fields: list[Any]) -> None:
        named(fields, "assignee")["type"]["fields"].append({"name": "badge", "type": "string", "default": ""})

    assert found(other(fields=edit)) == [("removed", "TicketAssigned.assignee.badge", True)]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda topics: topics["ticket.parts"].update(retention="90 days"), [("changed", "ticket.parts", True)]),
        (lambda topics: topics["ticket.parts"].update(retention="7 days"), [("changed", "ticket.parts", False)]),
        (lambda topics: topics["ticket.parts"]["events"].append("NoteAdded"), [("changed", "ticket.parts", True)]),
        (lambda topics: topics["ticket.parts"]["events"].pop(), [("changed", "ticket.parts", False)]),
        (lambda topics: topics["ticket.parts"].update(partitions=12), [("changed", "ticket.parts", True)]),
        (lambda topics: topics.update({"ticket.old": topics["ticket.parts"]}), [("removed", "ticket.old", True)]),
        (lambda topics: topics.pop("ticket.parts"), [("added", "ticket.parts", False)]),
    ],
)
def test_differences_of_a_topic(edit: Any, expected: list[tuple[str, str, bool]]) -> None:
    assert found(other(topics=edit)) == expected


def test_differences_what_was_announced_may_go_from_its_day_on() -> None:
    def gone(fields: list[Any]) -> None:
        fields.append({"name": "zone", "type": "string", "default": ""})

    def without_default(fields: list[Any]) -> None:
        fields.append({"name": "zone", "type": "string"})

    text = "[{what: TicketAssigned.zone, since: 2026-06-01, until: 2026-12-01, instead: region, why: one word}]"
    announced = read_deprecations(text)
    [one] = differences(other(fields=gone, deprecations=announced), NOW, TODAY)
    assert (one.breaks, one.announced) == (False, True)
    [one] = differences(other(fields=gone, deprecations=announced), NOW, date(2026, 11, 30))
    assert (one.breaks, one.announced) == (True, False), "its day is not over"
    [kept] = differences(other(fields=without_default, deprecations=announced), NOW, TODAY)
    assert (kept.breaks, kept.announced) == (True, False), "the registry refuses it, announced or not"
    [new] = differences(NOW, Snapshot(schemas=NOW.schemas, topics=NOW.topics, deprecations=announced), TODAY)
    assert (new.change, new.about, new.breaks) == (ContractChange.DEPRECATED, "TicketAssigned.zone", False)


def test_differences_of_the_words_of_a_closed_list() -> None:
    def edit(fields: list[Any]) -> None:
        state = named(fields, "state")
        state["doc"] = state["doc"].replace("in_progress", "working")

    before, about = other("TicketReturned", fields=edit), "TicketReturned.state"
    assert found(before) == [("changed", about, True), ("changed", about, False)]
    [gone, new] = differences(before, NOW, TODAY)
    assert "working" in gone.text.en
    assert "in_progress" in new.text.en


def test_deprecations_name_what_is_there_and_later_days() -> None:
    contract = load_contract()
    load_deprecations(contract)
    assert "did you mean ticket.parts?" in unknown_name("ticket.part", contract)
    assert "did you mean TicketAssigned.assignee.person?" in unknown_name("TicketAssigned.assignee.persn", contract)
    assert unknown_name("TicketAssigned", contract) == ""
    with pytest.raises(ValueError, match=r"deprecations.yaml: 0.since: Field required; 0.until: .*date") as refused:
        read_deprecations("[{what: ticket.parts, until: soon, instead: x, why: y}]")
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="later day"):
        read_deprecations("[{what: ticket.parts, since: 2026-12-01, until: 2026-12-01, instead: x, why: y}]")


def test_snapshots_of_a_commit_and_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SCHEMAS, tmp_path / "schemas", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    file = tmp_path / "schemas" / "records" / "ticket_assigned.v1.avsc"
    schema = json.loads(file.read_text(encoding="utf-8"))
    schema["fields"].append({"name": "zone", "type": "string", "default": ""})
    file.write_text(json.dumps(schema), encoding="utf-8")
    git = ("git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.com")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "before")):
        subprocess.run((*git, *words), check=True)
    shutil.rmtree(tmp_path / "schemas" / "records")
    monkeypatch.chdir(tmp_path)
    assert found(snapshot_at("HEAD")) == [("removed", "TicketAssigned.zone", True)]
    assert found(snapshot_at(str(SCHEMAS))) == found(snapshot_at(str(SCHEMAS.parent))) == []
    for wrong, says in (
        ("nowhere", "fetch that commit"),
        ("--help", "fetch that commit"),
        (str(tmp_path / ".git"), "topics.yaml"),
    ):
        with pytest.raises(NoSnapshot, match=says):
            snapshot_at(wrong)


@pytest.mark.parametrize(
    ("name", "text"),
    [("topics.yaml", "{["), ("a.avsc", "{"), ("a.avsc", "[]"), ("a.avsc", "{}"), ("deprecations.yaml", "- what: x")],
)
def test_snapshots_name_the_place_whose_files_cannot_be_read(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "topics.yaml").write_text("{}", encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(NoSnapshot, match=re.escape(str(tmp_path))):
        snapshot_at(str(tmp_path))
