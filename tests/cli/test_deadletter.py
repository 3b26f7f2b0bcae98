"""Letters are named by their numbers; what a list begins a line with is a cause."""

import pytest
from typer.testing import CliRunner

from bus.cli import app


@pytest.mark.parametrize(
    ("number", "meant"),
    [("e8595fa18ecf", "--cause e8595fa18ecf"), ("seven", "'seven'"), ("9" * 19, "9" * 19), ("-7", "-7")],
)
@pytest.mark.parametrize("command", [["show"], ["retry", "--by", "张工", "--why", "补词"]])
def test_deadletter_a_cause_is_no_number_of_a_letter(command: list[str], number: str, meant: str) -> None:
    said = CliRunner().invoke(app, ["deadletter", *command, number], env={"COLUMNS": "300"})
    assert said.exit_code == 2
    assert meant in said.stderr
