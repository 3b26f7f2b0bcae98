"""docs/sla.md: its file is read as it stands and promises what the page says, and a mistake is named as shown (R7)."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from bus.config_file import ConfigFileInvalid
from bus.domain.terms import TicketStep, WaitingFor
from bus.domain.transitions import STEP_DEADLINES
from bus.domain.values import PauseAllowance, StepDeadline
from bus.rules_config import load_rules
from bus.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "sla.md").read_text("utf-8")


def test_sla_page_its_file_promises_what_it_says_r7_r13(tmp_path: Path) -> None:
    text = dedent(PAGE.split("```yaml\n")[1].partition("   ```")[0])
    file = tmp_path / "sla.yaml"
    file.write_text(text)
    sla = load_rules(Settings(sla_file=file)).sla
    fault = sla["hardware_fault"]
    assert fault.calendar == "by-region"
    assert fault.pauses == (
        PauseAllowance(waiting_for=WaitingFor.CUSTOMER, allowed_s=8 * 3_600),
        PauseAllowance(waiting_for=WaitingFor.PARTS, allowed_s=40 * 3_600),
    )
    assert fault.steps[0] == StepDeadline(step=TicketStep.ASSIGN, within_s=600)
    assert {one.step for one in fault.steps} == {*STEP_DEADLINES} - {TicketStep.ARRIVE}
    assert (len(sla["complaint"].steps), sla["maintenance"].steps) == (len(STEP_DEADLINES), ())
    file.write_text(text.replace("{assign: PT10M", "{asign: PT10M"))
    with pytest.raises(ConfigFileInvalid) as refused:
        load_rules(Settings(sla_file=file))
    shown = re.search(r"^ *(/etc/ticketbus/sla\.yaml: .*); …$", PAGE, re.MULTILINE)
    assert shown
    assert str(refused.value).startswith(shown[1].replace("/etc/ticketbus", str(tmp_path)))
