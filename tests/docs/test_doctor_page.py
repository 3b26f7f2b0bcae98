"""docs/doctor.md has a line for each check of `ticketbus doctor`."""

import re
from pathlib import Path

from bus.doctor.examination import all_checks

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"


def test_doctor_page_has_every_check_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8").partition("| Check |")[2], re.MULTILINE)
    assert rows == [one.name for one in all_checks()]
