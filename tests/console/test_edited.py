"""What was typed in place of a letter's content: what it changes, and how that is shown."""

import pytest

from console.edited import diff_rows, edit_of
from console.gateway_api import ApiProblem
from console.pages.letters import hex_lines


def test_edited_it_gives_the_fields_that_change_or_the_body_with_its_line_ends() -> None:
    assert edit_of({"a": 1, "b": "x"}, '{"a": 2, "b": "x", "c": 3}') == {"changes": {"a": 2, "c": 3}}
    assert edit_of("one\ntwo", "one\r\n2") == {"body": "one\n2"}
    assert edit_of("one\r\ntwo", "one\r\n2") == {"body": "one\r\n2"}
    assert edit_of("one\r\ntwo\n", "one\r\ntwo\r\n") == {"body": "one\r\ntwo\n"}, "as it was"
    with pytest.raises(ApiProblem):
        edit_of({"a": 1}, "[" * 100_000)


def test_edited_a_diff_has_the_changed_lines_and_a_few_around_them() -> None:
    old = "\n".join(map(str, range(20)))
    rows = diff_rows(old, old.replace("10", "ten"))
    assert [(one.old, one.new) for one in rows if one.kind == "changed"] == [("10", "ten")]
    assert [one.kind for one in rows] == ["gap", *["same"] * 3, "changed", *["same"] * 3, "gap"]
    assert hex_lines(bytes(range(17)))[1].startswith("000010  10 ")
