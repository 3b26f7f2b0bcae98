"""`make release`: sdist, wheel and the docs' site; tried in an empty environment, with bill of materials and licences.

What is tried is what a user gets: the wheel with the newest requirements that it allows. What was installed there is
listed, with the jars that it fetched; a package or jar whose licence nobody knows ends the release.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final

import orjson
from jgo.maven import MavenContext

from bus.local.jar_lock import Archive, read_lock

ROOT: Final = Path(__file__).parent.parent
SCRIPTS: Final = Path(sysconfig.get_path("scripts"))
INSTALL_S: Final = 900
DEMO_S: Final = 600


class ReleaseFailed(Exception):
    """The release cannot be made; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A package or jar of the release, and its licence in its own words."""

    name: str
    version: str
    licence: str
    purl: str
    sha256: str = ""


def main() -> None:
    """Make the release in `dist/`; `--rehearsal` takes a tree with changes, of a version that may be out already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rehearsal", action="store_true", help="do not ask for a clean tree and a new version")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="the folder that it is made in")
    chosen = parser.parse_args()
    try:
        version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        if not chosen.rehearsal:
            _see_that_it_is_new(version)
        chosen.into.mkdir(parents=True, exist_ok=True)
        _make(version, chosen.into)
    except ReleaseFailed as failed:
        sys.exit(f"no release: {failed}")


def _make(version: str, into: Path) -> None:
    _step("build sdist and wheel")
    _run(SCRIPTS / "uv", "build", "--quiet", "--no-build-isolation", "--python", sys.executable, "-o", into, ROOT)
    _step("build the site of the docs")
    _run("make", "--silent", "docs")
    with tarfile.open(into / f"ticketbus-{version}-docs.tar.gz", "w:gz") as site:
        site.add(ROOT / "build" / "site", arcname=f"ticketbus-{version}-docs")
    wheel = into / f"ticketbus-{version}-py3-none-any.whl"
    with tempfile.TemporaryDirectory(prefix="ticketbus-release-") as folder:
        environment = Path(folder) / "env"
        _step("install the wheel with the local stack into an empty environment")
        _run(SCRIPTS / "uv", "venv", "--quiet", "--python", sys.executable, environment)
        _run(
            SCRIPTS / "uv", "pip", "install", "--quiet", "--python", environment, f"ticketbus[local] @ {wheel.as_uri()}"
        )
        _step("run `ticketbus demo` there")
        away = {"PYTHONPATH": "", "PYTHONSAFEPATH": "1", "TICKETBUS_DATA": str(Path(folder) / "data")}
        _run(environment / "bin" / "ticketbus", "demo", cwd=Path(folder), limit_s=DEMO_S, variables=away)
        _step("list what was installed, with its licences")
        bill = into / f"ticketbus-{version}.cdx.json"
        _run(SCRIPTS / "cyclonedx-py", "environment", "--output-reproducible", "--pyproject", ROOT / "pyproject.toml",
             "-o", bill, environment / "bin" / "python")  # fmt: skip
        libraries = next((environment / "lib").glob("python*")) / "site-packages"
        packages, jars = _packages(libraries), _jars()
    if unknown := [one.name for one in (*packages, *jars) if not one.licence]:
        raise ReleaseFailed(f"nobody knows the licence of {', '.join(unknown)}: look it up, or take another")
    _add(bill, jars)
    listed = "".join(f"{one.name} {one.version}: {one.licence}\n" for one in (*packages, *jars))
    (into / f"ticketbus-{version}-licences.txt").write_text(listed)
    _step(f"done: {len(packages)} packages and {len(jars)} jars; see {into}")


def _see_that_it_is_new(version: str) -> None:
    if _output("git", "status", "--porcelain"):
        raise ReleaseFailed("there are changes that are not committed; commit them, or say --rehearsal")
    if ".dev" in version:
        raise ReleaseFailed(f"{version} is what the next release grows under; name that release in pyproject.toml")
    if f"v{version}" in _output("git", "tag", "--list").split():
        raise ReleaseFailed(f"{version} has a tag already; set the next version in pyproject.toml")
    changes = (ROOT / "CHANGELOG.md").read_text().split("## [Unreleased]")[-1].split("\n## ")
    if changes[0].strip() or not any(one.startswith(f"[{version}]") for one in changes[1:]):
        raise ReleaseFailed(f"CHANGELOG.md: what is under [Unreleased] belongs under [{version}] with its date")


def _packages(libraries: Path) -> Sequence[Component]:
    found = [one for one in distributions(path=[str(libraries)]) if one.name != "ticketbus"]
    return [
        Component(
            name=one.name,
            version=one.version,
            licence=_licence(one),
            purl=f"pkg:pypi/{one.name.lower()}@{one.version}",
        )
        for one in sorted(found, key=lambda one: one.name.lower())
    ]


def _licence(package: Distribution) -> str:
    """Say a package's licence: its expression, its classifiers, or the first line of its own words."""
    listed = package.metadata.get_all
    expression, words = (" ".join(listed(name, [])).strip() for name in ("License-Expression", "License"))
    classified = [
        one.rpartition(" :: ")[2]
        for one in listed("Classifier", [])
        if one.startswith("License :: ") and one != "License :: OSI Approved"
    ]
    return expression or ", ".join(classified) or "".join(words.splitlines()[:1])


def _jars() -> Sequence[Component]:
    with tempfile.TemporaryDirectory(prefix="ticketbus-poms-") as folder:
        maven = MavenContext(repo_cache=Path(folder), timeout=60)
        return [
            Component(
                name=f"{one.group}:{one.artifact}",
                version=one.version,
                licence=_pom_licence(maven, one),
                purl=f"pkg:maven/{one.group}/{one.artifact}@{one.version}",
                sha256=one.sha256,
            )
            for one in read_lock()
        ]


def _pom_licence(maven: MavenContext, archive: Archive) -> str:
    """Read a jar's licence from its POM, or from the next of its parents that has one."""
    group, artifact, version = archive.group, archive.artifact, archive.version
    while True:
        pom = maven.project(group, artifact).at_version(version).pom()
        names = [name for name in pom.values("licenses/license/name") if name]
        parent = pom.element("parent")
        if names or parent is None:
            return ", ".join(names)
        group, artifact, version = (parent.findtext(part, "").strip() for part in ("groupId", "artifactId", "version"))


def _add(bill: Path, jars: Sequence[Component]) -> None:
    """Add the jars to a bill of materials: CycloneDX 1.6, JSON."""
    content: dict[str, Any] = orjson.loads(bill.read_bytes())
    content["components"] += [
        {
            "type": "library",
            "bom-ref": one.purl,
            "group": one.name.partition(":")[0],
            "name": one.name.partition(":")[2],
            "version": one.version,
            "purl": one.purl,
            "hashes": [{"alg": "SHA-256", "content": one.sha256}],
            "licenses": [{"license": {"name": one.licence}}],
        }
        for one in jars
    ]
    bill.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def _step(what: str) -> None:
    print(f"release: {what}", flush=True)


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _run(
    *command: str | Path, cwd: Path = ROOT, limit_s: int = INSTALL_S, variables: dict[str, str] | None = None
) -> None:
    program = Path(str(command[0])).name
    try:
        subprocess.run(
            [*map(str, command)], cwd=cwd, env={**os.environ, **(variables or {})}, timeout=limit_s, check=True
        )
    except subprocess.CalledProcessError as error:
        raise ReleaseFailed(f"{program} ended with {error.returncode}; what it wrote stands above") from None
    except subprocess.TimeoutExpired:
        raise ReleaseFailed(f"{program} was not done within {limit_s} s") from None


if __name__ == "__main__":
    main()
