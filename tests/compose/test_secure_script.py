"""`ops/secure.sh` is safe to run again: what is there stays, and what cannot be made is not taken away first."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.compose.compose_file import ROOT

SCRIPT = ROOT / "ops" / "secure.sh"


def run(folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the script as the page does, by `sh`: a file that was downloaded is not executable."""
    environment = {**os.environ, "BROKERS": "kafka-1", **variables}
    return subprocess.run(
        ["sh", SCRIPT, folder], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def content(folder: Path) -> Mapping[str, tuple[bytes, int]]:
    return {one.name: (one.read_bytes(), one.stat().st_mode) for one in folder.iterdir()}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Make the folder, for containers."""
    folder = tmp_path / "secrets"
    done = run(folder, MODE="644")
    assert done.returncode == 0, done.stderr
    return folder


def test_secure_script_again_changes_nothing_with_and_without_the_authority_s_key(made: Path) -> None:
    before = content(made)
    assert run(made).returncode == 0
    assert content(made) == before, "what is there stays, with its mode"
    (made / "ca.key").rename(made.parent / "ca.key")
    done = run(made, USERS="subscriber.bi")
    assert done.returncode == 0, done.stderr
    assert content(made).keys() == before.keys() - {"ca.key"} | {"subscriber.bi.password"}


@pytest.mark.parametrize(
    ("missing", "variables", "says"),
    [
        ("ca.key", {"RENEW": "gateway kafka-1"}, "ca.key is not there, which signs kafka-1 gateway"),
        ("ca.key", {"BROKERS": "kafka-1 kafka-2"}, "ca.key is not there, which signs kafka-2"),
        ("ca.pem", {}, "ca.pem is not there, which signed kafka-1.pem"),
        ("token", {"RENEW": "token"}, "RENEW names token, which is none of"),
    ],
)
def test_secure_script_takes_nothing_away_that_it_cannot_make(
    made: Path, missing: str, variables: dict[str, str], says: str
) -> None:
    (made / missing).unlink()
    before = content(made)
    done = run(made, **variables)
    assert (done.returncode, says in done.stderr) == (1, True), done.stderr
    assert content(made) == before


def test_secure_script_renews_what_it_is_told_to_alone(made: Path) -> None:
    before = content(made)
    done = run(made, RENEW="kafka-1 gateway", MODE="644")
    assert done.returncode == 0, done.stderr
    after = content(made)
    assert {name for name in before if after[name] != before[name]} == {"kafka-1.pem", "gateway.pem"}
    assert {name: mode for name, (_, mode) in after.items()} == {name: mode for name, (_, mode) in before.items()}
    for name in ("kafka-1.pem", "gateway.pem"):
        subprocess.run(["openssl", "verify", "-CAfile", made / "ca.pem", made / name], check=True, capture_output=True)
