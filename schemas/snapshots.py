"""The contract's files as they stood elsewhere: in a commit of this checkout, or in a folder. Nothing of it is run."""

import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml

from schemas.deprecations import FILE, Deprecation, read_deprecations
from schemas.field_paths import fields_of

FOLDER: Final = "schemas"
TOPICS: Final = "topics.yaml"
EVENTS: Final = "ticketbus.ticket"
GIT_SECONDS: Final = 60


class NoSnapshot(ValueError):
    """The contract cannot be read there; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Records by their short names, topics as their file says, and what was deprecated."""

    schemas: Mapping[str, Mapping[str, Any]]
    topics: Mapping[str, Mapping[str, Any]]
    deprecations: Sequence[Deprecation] = ()

    def events_of(self, topic: str) -> Sequence[str]:
        """List the records that a topic takes."""
        declared = self.topics[topic]
        if declared.get("events") == "all":
            return [name for name, schema in self.schemas.items() if schema.get("namespace") == EVENTS]
        records = declared.get("records", ())
        if records == "commands":
            return [name for name, schema in self.schemas.items() if schema.get("namespace") == "ticketbus.command"]
        return [*declared.get("events", ()), *(one.rpartition(".")[2] for one in records)]

    def misnamed(self) -> Sequence[str]:
        """Give what deprecations name, and is no topic, record or field of one."""
        names = {*self.topics, *self.schemas}
        names |= {f"{name}.{path}" for name, schema in self.schemas.items() for path in fields_of(schema)}
        return [one.what for one in self.deprecations if one.what not in names]


def shipped() -> Snapshot:
    """Read the files of this version."""
    with resources.as_file(resources.files(FOLDER)) as folder:
        return of_folder(folder)


def here() -> Snapshot:
    """Read the files of the checkout that stands here; of this version where there is none. Raises NoSnapshot."""
    folder = Path(FOLDER)
    return of_folder(folder) if (folder / TOPICS).is_file() else shipped()


def snapshot_at(where: str) -> Snapshot:
    """Read a folder, a checkout's or its schemas/, or else a commit of the checkout that stands here.

    Raises NoSnapshot.
    """
    folder = Path(where)
    if folder.is_dir():
        return of_folder(folder / FOLDER if (folder / FOLDER).is_dir() else folder)
    return _snapshot(_of_commit(where), where)


def of_folder(folder: Path) -> Snapshot:
    """Read the files of a folder. Raises NoSnapshot."""
    paths = [path for path in folder.rglob("*") if path.suffix in (".avsc", ".yaml")]
    return _snapshot({path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths}, str(folder))


def _of_commit(commit: str) -> Mapping[str, str]:
    command = ("git", "archive", "--format=tar", "--end-of-options", commit, FOLDER)
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=GIT_SECONDS)
    except FileNotFoundError:
        raise NoSnapshot(
            f"{commit} is no folder, and git is not installed: name a folder with the older schemas"
        ) from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise NoSnapshot(f"git has no {FOLDER}/ of {commit} here ({reason}): fetch that commit, or name a folder")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        read = {one.name: archive.extractfile(one) for one in archive.getmembers() if one.isfile()}
        return {name.removeprefix(f"{FOLDER}/"): file.read().decode() for name, file in read.items() if file}


def _snapshot(files: Mapping[str, str], where: str) -> Snapshot:
    if TOPICS not in files:
        raise NoSnapshot(f"{where} has no {FOLDER}/{TOPICS}: name a commit or a folder of this project")
    try:
        schemas = [json.loads(text) for name, text in sorted(files.items()) if name.endswith(".avsc")]
        return Snapshot(
            schemas={one["name"]: one for one in schemas},
            topics=yaml.safe_load(files[TOPICS]),
            deprecations=read_deprecations(files.get(FILE, "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise NoSnapshot(f"{where}: {error}") from error
