"""Each store lost in turn, as an operator rehearses it: nothing repeated, the stores agree, the cost is counted."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.peers


@pytest.mark.timeout(600)
def test_drill_restore_makes_each_store_whole_again_and_counts_what_it_cost() -> None:
    command = [sys.executable, "-m", "bus", "drill", "restore", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, check=False)
    losses = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["store"] for one in losses] == ["PostgreSQL", "Kafka"], (done.stdout + done.stderr)[-3000:]
    assert all((one["repeated"], one["differences"]) == (0, 0) for one in losses), done.stdout
    database, log = losses
    assert database["acknowledged"] >= 20
    assert (database["files_put_back"], database["files_wrong"]) == (1, 0), "the uploads were lost with PostgreSQL"
    assert database["restored"] > 0, "what Kafka had beyond the point in time"
    # Lost is at most what was committed after that point and had not been published when the server was killed.
    assert database["lost"] <= 5, done.stdout
    assert log["published"] >= 2 * (log["acknowledged"] - log["lost"]), "the log and its view"
    assert log["lost"] == 0, "what PostgreSQL lost is not counted again"
    assert done.returncode == 0, done.stderr[-3000:]
