"""The rig that tests of peers stand on, and the site of the docs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.stage.conftest import rig

__all__ = ("rig",)
ROOT = Path(__file__).parents[2]
BUILD_S_MAX = 500


@pytest.fixture(scope="session")
def docs_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does."""
    flags = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("SITE = "))
    into = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", *flags.removeprefix("SITE = ").split(), ".", str(into)]
    command[command.index("build/doctrees")] = str(tmp_path_factory.mktemp("doctrees"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    return into
