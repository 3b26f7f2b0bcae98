"""Throw-away Python environments: what they see of the project's own, and how a package gets into one."""

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(sysconfig.get_path("scripts"))
LIBRARIES = Path(sysconfig.get_path("purelib"))
LIMIT_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment in a folder of a test."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def libraries(self) -> Path:
        """Where its packages lie."""
        return next((self.folder / "lib").glob("python*")) / "site-packages"

    def run(self, *arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run its Python to the end."""
        return subprocess.run(
            [str(self.python), *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def install(self, package: Path) -> None:
        """Install a package from a folder or a wheel, without what it requires. Needs no network."""
        _uv("pip", "install", "--offline", "--no-deps", "--no-build-isolation", "--python", self.python, package)

    def see_all(self) -> None:
        """See every library of this environment, by way of `site` so that the links among them count."""
        (self.libraries / "libraries.pth").write_text(f"import site; site.addsitedir({str(LIBRARIES)!r})\n")


def environment(folder: Path) -> Environment:
    """Make an environment that sees nothing yet."""
    _uv("venv", "--offline", "--python", sys.executable, folder)
    return Environment(folder=folder)


def _uv(*arguments: str | Path) -> None:
    command = [str(SCRIPTS / "uv"), "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
