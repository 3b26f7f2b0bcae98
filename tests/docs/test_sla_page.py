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


def file_of_page() -> str:
    return dedent(PAGE.split("```yaml\n")[1].partition("   ```")[0])


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("resolution: PT24H", "resolution: 24:00", "hardware_fault.resolution"),
        ("response: PT15M", "response: 15", "hardware_fault.response"),
        ("response: PT15M", "response: '15'", "hardware_fault.response"),
        ("response: PT15M", "response: PT15", "hardware_fault.response"),
        ("response: PT15M", "response: PT0.2S", "hardware_fault.response"),
        ("customer: PT8H", "customer: 8", "hardware_fault.pauses.customer"),
        ("customer: PT8H", "customer: off", "hardware_fault.pauses.customer"),
        ("assign: PT10M", "assign: 10", "hardware_fault.steps.assign"),
        ("assign: PT10M", "assign: 0", "hardware_fault.steps.assign"),
    ],
)
def test_sla_page_a_time_in_another_form_is_refused_by_its_place_r7(
    tmp_path: Path, before: str, after: str, place: str
) -> None:
    file = tmp_path / "sla.yaml"
    file.write_text(file_of_page().replace(before, after, 1))
    with pytest.raises(ConfigFileInvalid) as refused:
        load_rules(Settings(sla_file=file))
    refusal = str(refused.value).removeprefix(f"{file}: ")
    assert refusal.startswith(f"{place}: ")
    assert "写作 PT15M" in refusal
    assert "write PT15M" in refusal
    assert "; " not in refusal, "nothing else is wrong"


def test_sla_page_its_file_promises_what_it_says_r7_r13(tmp_path: Path) -> None:
    text = file_of_page()
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
