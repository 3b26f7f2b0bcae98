"""docs/trace.md has a row for each cause, and no other."""

import re
from pathlib import Path

from bus.journey.verdict import VerdictCause

PAGE = Path(__file__).parents[2] / "docs" / "trace.md"


def test_trace_page_has_a_row_for_every_cause() -> None:
    verdicts = PAGE.read_text().split("## Verdicts")[1].split("## Hops")[0]
    rows = re.findall(r"^\| `(\w+)` \|", verdicts, flags=re.MULTILINE)
    assert sorted(rows) == sorted(VerdictCause)
