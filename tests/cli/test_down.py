"""`ticketbus down` where nothing runs: harmless to repeat, and no good news of a directory that is another one's."""

from pathlib import Path

from typer.testing import CliRunner

from bus.cli import app
from bus.local import state as states


def test_down_of_a_stack_that_runs_no_more_says_so_and_succeeds(tmp_path: Path) -> None:
    states.save(tmp_path, states.StackState())
    said = CliRunner().invoke(app, ["down", "--data", str(tmp_path)])
    assert (said.exit_code, "no local stack runs" in said.output) == (0, True), said.output


def test_down_of_a_directory_that_never_had_a_stack_fails_and_names_it(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["down", "--data", str(tmp_path)], env={"COLUMNS": "300"})
    assert (said.exit_code, str(tmp_path) in said.output, "--data" in said.output) == (1, True, True), said.output
    assert [*tmp_path.iterdir()] == []
