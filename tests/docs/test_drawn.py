"""The reference pages say what the code says, and what they are drawn by notices when they do not."""

from pathlib import Path

import pytest

from bus.docgen import drawn, pages, stale, states
from bus.docgen.markdown import MarkerMissing, replace_drawn, table
from bus.domain.commands import OUTSIDE
from bus.domain.naming import kebab
from bus.domain.terms import State
from bus.domain.transitions import TRANSITIONS
from bus.settings import variables
from schemas.catalogue import EVENT_NAMES

ROOT = Path(__file__).parents[2]


def test_drawn_no_drawn_page_is_stale() -> None:
    assert stale(ROOT) == [], "run `ticketbus docs draw`"


def test_drawn_a_page_that_was_changed_or_lost_is_noticed_and_drawing_mends_it(tmp_path: Path) -> None:
    (tmp_path / "ARCHITECTURE.md").write_text(
        "before\n<!-- drawn: states -->\n<!-- end of states -->\nafter\n", "utf-8"
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/alerts.md").write_text("<!-- drawn: alert rules -->\n<!-- end of alert rules -->\n", "utf-8")
    for path, text in drawn(tmp_path).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert stale(tmp_path) == []
    changed, lost = tmp_path / "docs" / "states.md", tmp_path / "docs" / "events.md"
    changed.write_text(changed.read_text("utf-8") + "by hand\n", "utf-8")
    lost.unlink()
    assert set(stale(tmp_path)) == {changed, lost}


def test_drawn_only_the_marked_section_of_a_hand_written_page_is_drawn() -> None:
    text = "before\n<!-- drawn: x -->\nold\n<!-- end of x -->\nafter\n"
    assert replace_drawn(text, "x", r"new \1") == "before\n<!-- drawn: x -->\nnew \\1\n<!-- end of x -->\nafter\n"
    with pytest.raises(MarkerMissing, match="y"):
        replace_drawn(text, "y", "new")


def test_drawn_the_diagram_has_every_live_transition_between_states() -> None:
    diagram = states.diagram()
    for (start, command), duty in TRANSITIONS.items():
        if duty.to is not None and duty.to is not start and not duty.historic:
            arrow = f"    {start.value if start else '[*]'} --> {duty.to.value} : "
            [line] = [line for line in diagram.splitlines() if line.startswith(arrow)]
            assert kebab(command) in line.removeprefix(arrow).split(", ")
    assert [state for state in State if f"as {state.value}" not in diagram] == []


def test_drawn_every_event_command_and_setting_is_on_its_page() -> None:
    drawn_pages = pages()
    assert [name for name in EVENT_NAMES if f"\n### {name}\n" not in drawn_pages["docs/events.md"]] == []
    assert [cls for cls in OUTSIDE if f"\n## {kebab(cls)}\n" not in drawn_pages["docs/commands.md"]] == []
    assert [name for name in variables().values() if f"| `{name}` |" not in drawn_pages["docs/settings.md"]] == []


def test_drawn_a_bar_in_a_cell_does_not_end_it() -> None:
    assert table(("a",), [("x|y",)]).splitlines()[-1] == r"| x\|y |"


def test_drawn_a_setting_with_limits_says_them_as_it_is_refused_beyond_them() -> None:
    page = pages()["docs/settings.md"]
    for name, limits in (
        ("TICKETBUS_HTTP_PORT", "integer, at least `1`, at most `65535`"),
        ("TICKETBUS_CLIENT_RATE_PER_S", "number, above `0`"),
        ("TICKETBUS_ANSWER_BYTES_MAX", "integer, at least `1048576`"),
        ("TICKETBUS_INTAKE_SECRETS", "JSON list of secrets, each at least `32` long"),
        ("TICKETBUS_KEEP_DAYS", "JSON object of integers, each at least `1`, at most `36500`"),
    ):
        assert f"| `{name}` | {limits} |" in page
