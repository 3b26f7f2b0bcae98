"""What other people wrote cannot speak to the operator's terminal."""

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.cli.echo import echo
from bus.domain.text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("空调不制冷,é ñ 👨 ", "空调不制冷,é ñ 👨 "),
        ("\x1b]0;owned\x07", r"\u001b]0;owned\u0007"),
        ("line\r\nforged row", r"line\u000d\u000aforged row"),
        ("\x9b31m", r"\u009b31m"),
        ("a\u202eb\u2066c\u200bd\u2028e\ufefff", r"a\u202eb\u2066c\u200bd\u2028e\ufefff"),
        ("\U000e0041", r"\udb40\udc41"),
    ],
)
def test_echo_shows_what_a_terminal_would_obey(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    echo(text)
    echo(text, err=True)
    assert tuple(capsys.readouterr()) == (f"{shown}\n", f"{shown}\n")


@given(st.text())
def test_echo_of_json_is_json_of_the_same(text: str) -> None:
    assert json.loads(visible(json.dumps({"title": text}, ensure_ascii=False))) == {"title": text}


def test_echo_is_the_one_way_to_the_terminal() -> None:
    for path in Path("bus/cli").glob("*.py"):
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert path.name == "echo.py" or not names & {"echo", "secho"}, path


def test_echo_is_given_one_line_at_a_time() -> None:
    for path in Path("bus/cli").glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        given = [one.args[0] for one in calls if isinstance(one.func, ast.Name) and one.func.id == "echo" and one.args]
        texts = [one.value for node in given for one in ast.walk(node) if isinstance(one, ast.Constant)]
        assert not [one for one in texts if isinstance(one, str) and "\n" in one], path
