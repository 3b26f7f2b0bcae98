"""promtool, as Prometheus itself judges: each rule fires on one input and not on the other; metrics are well-formed."""

import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from bus.docgen import prometheus

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.peers


def promtool(*arguments: str, given: bytes = b"") -> str:
    """Run promtool; gives what it said. Fails with it where it is not content, skips where it is not there."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not there: apt-get install prometheus")
    done = subprocess.run([program, *arguments], input=given, capture_output=True, timeout=120, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def test_promtool_takes_every_rule_and_each_fires_on_its_input_alone() -> None:
    assert f"{_count()} rules found" in promtool("check", "rules", str(ROOT / prometheus.RULES_FILE))
    assert "SUCCESS" in promtool("test", "rules", str(ROOT / prometheus.TESTS_FILE))


def test_promtool_notices_a_rule_that_does_not_fire(tmp_path: Path) -> None:
    rules, tests = ((ROOT / name).read_text("utf-8") for name in (prometheus.RULES_FILE, prometheus.TESTS_FILE))
    (tmp_path / "rules.yml").write_text(rules.replace("> 60", "> 6000"), "utf-8")
    (tmp_path / "rules_test.yml").write_text(tests, "utf-8")
    with pytest.raises(AssertionError, match="TicketbusAlertsStandStill"):
        promtool("test", "rules", str(tmp_path / "rules_test.yml"))


def test_promtool_finds_the_metrics_well_formed() -> None:
    promtool("check", "metrics", given=generate_latest())


def _count() -> int:
    return (ROOT / prometheus.RULES_FILE).read_text("utf-8").count("- alert:")
