"""The version stands in one place, pyproject.toml: what docs, samples and containers name is that one."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"ticketbus-(\d[\w.]*?)-py3-none-any\.whl|image: ticketbus:(\S+)|this program \((\S+)\) knows")


def test_version_is_everywhere_that_of_the_project() -> None:
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "docker-compose.kafka.yml"]
    named = [
        (file.name, next(filter(None, found.groups())))
        for file in files
        for found in NAMED.finditer(file.read_text(encoding="utf-8"))
    ]
    assert {"first-hour.md", "operating.md", "upgrading.md", "docker-compose.kafka.yml"} <= {name for name, _ in named}
    assert {one for _, one in named} == {own}
    assert version("ticketbus") == own, "the environment has another: make setup"
