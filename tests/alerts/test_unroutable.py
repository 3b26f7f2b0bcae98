"""The alert of tickets that nobody suits names what nobody has, and what was meant by it (R5)."""

from datetime import UTC, datetime

import pytest

from bus.alerts.rules.unroutable import UNROUTABLE, UnroutableTickets

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("region", "skills", "ends_zh", "ends_en"),
    [
        (
            "華東",
            [],
            "人员;名录中无人有区域“華東”,是否指“华东”",
            "; did you mean '华东'?",
        ),
        ("欧洲", [], "人员;名录中无人有区域“欧洲”", "; nobody has the region '欧洲'"),
        (
            "华东",
            ["compresor", "electrics"],
            "人员;名录中无人有技能“compresor”,是否指“compressor”",
            "; nobody has the skill 'compresor'; did you mean 'compressor'?",
        ),
        ("", ["electrics"], "人员", "missing"),
    ],
)
def test_unroutable_names_a_region_and_skills_that_nobody_has_with_the_nearest_r5(
    region: str, skills: list[str], ends_zh: str, ends_en: str
) -> None:
    found = UnroutableTickets(
        type="hardware_fault",
        region=region,
        tickets=1,
        ticket_id="T20261130-000001",
        trace_id="0" * 32,
        reasons="region,skill",
        skills=skills,
        regions_known=["华东", "西北"],
        skills_known=["compressor", "electrics"],
    )
    (alert,) = UNROUTABLE.evaluate([found], NOW)
    assert alert.zh.endswith(ends_zh)
    assert alert.en.endswith(ends_en)
