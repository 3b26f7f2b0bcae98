"""`ticketbus calendar`: the days of a month with their reasons, and a year that is due."""

import json
from pathlib import Path

import time_machine
from typer.testing import CliRunner, Result

from bus.cli import app


def calendar(*arguments: str, file: Path | None = None) -> Result:
    """Run the command with a deployment's own file, or without."""
    env = {"TICKETBUS_CALENDARS_FILE": str(file)} if file else {}
    return CliRunner().invoke(app, ["calendar", *arguments], env=env)


def test_calendar_show_says_each_day_of_a_month_and_why_r7() -> None:
    lines = calendar("show", "office", "--month", "2026-10").stdout.splitlines()
    assert len(lines) == 31
    assert lines[0].split() == ["2026-10-01", "周四", "Thu", "休", "off", "国庆节", "/", "public", "holiday"]
    assert "调休上班 / make-up workday" in lines[9]
    [saturday] = [
        row for row in map(json.loads, calendar("show", "office", "--month", "2026-10", "--json").stdout.splitlines())
        if row["day"] == "2026-10-10"
    ]  # fmt: skip
    assert saturday["hours"] == "08:30-12:00,13:30-17:30"


def test_calendar_show_lists_all_and_one_in_full_r7() -> None:
    assert [line.split("@")[0] for line in calendar("show").stdout.splitlines()] == ["24x7", "office", "service"]
    row = json.loads(calendar("show", "office", "--json").stdout)
    assert row["years"] == {"2024": "announced", "2025": "announced", "2026": "announced", "2027": "provisional"}
    assert f"{row['version']} " in calendar("show", "office").stdout
    assert calendar("show", "ofice").exit_code == 2
    assert calendar("show", "office", "--month", "10/2026").exit_code == 2
    assert calendar("show", "--month", "2026-10").exit_code == 2


def test_calendar_check_fails_on_a_year_that_is_due_and_on_a_file_that_is_wrong_r7(tmp_path: Path) -> None:
    with time_machine.travel("2026-11-14T15:59:00Z", tick=False):
        assert calendar("check").exit_code == 0
    with time_machine.travel("2026-11-14T16:00:00Z", tick=False):  # the 15th in China
        missing = calendar("check")
    assert missing.exit_code == 1
    assert "2027" in missing.stdout
    file = tmp_path / "calendars.yaml"
    file.write_text("default: office\n")
    assert "there is no calendar 'office'" in str(calendar("check", file=file).exception)
    file.write_text("default: 24x7\n")
    with time_machine.travel("2026-11-30T00:00:00Z", tick=False):
        assert calendar("check", file=file).exit_code == 0
        assert calendar("check", str(file)).exit_code == 0
