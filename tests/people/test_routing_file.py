"""The routing file: what is shipped routes nothing, and each fault is named by its place (R5)."""

from datetime import timedelta
from pathlib import Path

import pytest

from bus.config_file import ConfigFileInvalid
from bus.domain.routing_rules import RoutingMode, RoutingRules, RoutingWeights
from bus.rules_config import load_routing, load_rules
from bus.settings import Settings

TYPES = load_rules(Settings()).sla
FILE = """
mode: assign
types: {complaint: off, installation: suggest, hardware_fault: offer}
claim_within: PT5M
weights: {load: 60, skill: 20, device: 0, first_fix: 10, travel: 10}
"""


def test_routing_file_that_is_shipped_routes_nothing() -> None:
    assert load_rules(Settings()).routing == RoutingRules()


def test_routing_file_of_a_deployment_gives_modes_and_weights(tmp_path: Path) -> None:
    file = tmp_path / "routing.yaml"
    file.write_text(FILE, encoding="utf-8")
    rules = load_rules(Settings(routing_file=file)).routing
    assert [rules.mode_of(kind) for kind in ("software_fault", "complaint", "installation", "hardware_fault")] == [
        RoutingMode.ASSIGN, RoutingMode.OFF, RoutingMode.SUGGEST, RoutingMode.OFFER,
    ]  # fmt: skip
    assert rules.claim_within == timedelta(minutes=5)
    assert rules.weights == RoutingWeights(load=60, skill=20, device=0, first_fix=10, travel=10)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("mode: assign", "mode: everybody", "mode: "),
        ("complaint", "complain", "types.complain: 没有工单类型 complain,是否指“complaint” / there is no ticket type"),
        ("PT5M", "PT0S", "claim_within: "),
        ("load: 60", "load: 61", "weights: 各权重之和应为 100,现为 101 / in sum 100, not 101"),
        ("load: 60", "load: -1", "weights.load: "),
        ("device", "gender", "weights.gender: 没有这个字段 / there is no such field"),
    ],
)
def test_routing_file_a_fault_is_named_by_its_place(tmp_path: Path, before: str, after: str, fault: str) -> None:
    file = tmp_path / "routing.yaml"
    file.write_text(FILE.replace(before, after), encoding="utf-8")
    with pytest.raises(ConfigFileInvalid) as found:
        load_routing(file, TYPES)
    assert fault in str(found.value)
