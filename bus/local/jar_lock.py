"""The lock file of the local stack's Java archives: what is fetched, in which version, with which SHA-256."""

import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bus.local.failures import LocalStackError

LOCK_FILE: Final = Path(__file__).with_name("jars.lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One line of the lock file; `unpacked` is the SHA-256 of all files of an archive that is unpacked, else empty."""

    part: str
    group: str
    artifact: str
    version: str
    classifier: str
    packaging: str
    size: int
    sha256: str
    unpacked: str = ""

    @property
    def filename(self) -> str:
        """Answer the name that Maven gives it."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{classifier}.{self.packaging}"

    def line(self) -> str:
        """Answer its line of the lock file."""
        coordinate = f"{self.group}:{self.artifact}:{self.packaging}:{self.classifier}:{self.version}"
        return " ".join(filter(None, (self.part, coordinate, str(self.size), self.sha256, self.unpacked)))


def read_lock(path: Path = LOCK_FILE) -> tuple[Archive, ...]:
    """Read the lock file. Raises LocalStackError on a line it cannot read."""
    archives = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        try:
            part, coordinate, size, sha256, *unpacked = line.split(" ")
            group, artifact, packaging, classifier, version = coordinate.split(":")
            if len(unpacked) != (packaging == "tar.gz"):
                raise ValueError(line)
        except ValueError as error:
            raise LocalStackError(f"{path.name}, line {number}: cannot be read; make the file anew") from error
        archives.append(
            Archive(
                part=part, group=group, artifact=artifact, version=version, classifier=classifier, packaging=packaging,
                size=int(size), sha256=sha256, unpacked="".join(unpacked),
            )
        )  # fmt: skip
    return tuple(archives)


def unpack(packed: Path, folder: Path) -> None:
    """Unpack a tar.gz into a folder; nothing of it can lie outside."""
    with tarfile.open(packed) as tar:
        tar.extractall(folder, filter="data")
