"""What is drawn for Prometheus and Grafana: every expression can be parsed, and asks for metrics that there are."""

import re
from pathlib import Path

import orjson
import promql_parser
import pytest
import yaml

from bus.alert_catalogue import RULES
from bus.docgen import dashboard, pages, prometheus

ROOT = Path(__file__).parents[2]
FILE = yaml.safe_load((ROOT / prometheus.RULES_FILE).read_text("utf-8"))
PROMETHEUS = [rule["expr"] for group in FILE["groups"] for rule in group["rules"]]
GRAPHS = [
    target["expr"].replace("$__rate_interval", "5m")
    for panel in orjson.loads((ROOT / dashboard.FILE).read_bytes())["panels"]
    for target in panel["targets"]
]
METRICS = set(re.findall(r"^\| `(ticketbus_\w+)`", pages()["docs/metrics.md"], re.MULTILINE))


@pytest.mark.parametrize("expression", PROMETHEUS + GRAPHS)
def test_ops_every_expression_is_parsed_and_asks_for_metrics_that_there_are(expression: str) -> None:
    promql_parser.parse(expression)
    asked = {re.sub(r"_bucket$", "", name) for name in re.findall(r"ticketbus_\w+", expression)}
    assert asked
    assert asked <= METRICS


def test_ops_every_alert_rule_has_one_in_prometheus_and_two_tests() -> None:
    names = {rule["alert"] for group in FILE["groups"] for rule in group["rules"]}
    assert len(names) == len(RULES) + len(prometheus.OWN_RULES) == len(PROMETHEUS)
    tests = yaml.safe_load((ROOT / prometheus.TESTS_FILE).read_text("utf-8"))["tests"]
    outcomes = [(one["alertname"], bool(one["exp_alerts"])) for test in tests for one in test["alert_rule_test"]]
    assert sorted(outcomes) == sorted((name, fires) for name in names for fires in (True, False))
