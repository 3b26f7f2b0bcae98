"""Throw-away Python environments: what they see of the project's own, and how a package gets into one."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement

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

    def see_required(self, wheel: Path) -> None:
        """See what a wheel requires, and what that requires, and nothing else; with the programs that come with it."""
        for known in _closure(_requirements(wheel)):
            for file in known.files or ():
                if file.parts[0] == "..":
                    _link(self.folder / "bin" / file.name, SCRIPTS / file.name)
                else:
                    _link(self.libraries / file.parts[0], LIBRARIES / file.parts[0])


def environment(folder: Path) -> Environment:
    """Make an environment that sees nothing yet."""
    _uv("venv", "--offline", "--python", sys.executable, folder)
    return Environment(folder=folder)


def built_wheel(project: Path, folder: Path) -> Path:
    """Build the wheel of a project; needs no network."""
    _uv("build", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable, "-o", folder, project)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _requirements(wheel: Path) -> list[Requirement]:
    with ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(archive.read(metadata).decode())
    return _applying(headers.get_all("Requires-Dist", []), extras=())


def _closure(wanted: list[Requirement]) -> Iterator[Distribution]:
    seen = set[tuple[str, tuple[str, ...]]]()
    while wanted:
        requirement = wanted.pop()
        key = requirement.name, tuple(sorted(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        known = distribution(requirement.name)
        yield known
        wanted += _applying(known.requires or (), extras=requirement.extras)


def _applying(requirements: Iterable[str], *, extras: Iterable[str]) -> list[Requirement]:
    read = [Requirement(text) for text in requirements]
    within = [{"extra": extra} for extra in ("", *extras)]
    return [one for one in read if one.marker is None or any(one.marker.evaluate(each) for each in within)]


def _link(link: Path, to: Path) -> None:
    if to.exists() and not link.exists():
        link.symlink_to(to)


def _uv(*arguments: str | Path) -> None:
    command = [str(SCRIPTS / "uv"), "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
