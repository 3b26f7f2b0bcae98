"""The files of a base backup held against PostgreSQL's own list of them, `backup_manifest`, by size and SHA-256."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bus.backup.manifest import sha256_of

_APART: Final = ("backup_manifest", "pg_wal/")  # the list itself; the WAL, which is read record by record


def base_faults(folder: Path) -> list[str]:
    """Name the files that are missing, changed or too many. Empty: none. Blocks while everything is read."""
    listed = {_path(one): one for one in json.loads((folder / "backup_manifest").read_bytes())["Files"]}
    there = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file() or one.is_symlink()}
    extra = sorted(one for one in there - listed.keys() if not one.startswith(_APART))
    return [*_changed(folder, listed), *(f"{one} is not of this backup" for one in extra)]


def _changed(folder: Path, listed: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for path, one in listed.items():
        file = folder / path
        if not file.is_file():
            yield f"{path} is missing"
        elif (size := file.stat().st_size) != one["Size"]:
            yield f"{path} has {size:,} bytes, not {one['Size']:,}"
        elif sha256_of(file) != one["Checksum"]:
            yield f"{path} is not what was backed up (SHA-256)"


def _path(one: Mapping[str, str]) -> str:
    return one["Path"] if "Path" in one else bytes.fromhex(one["Encoded-Path"]).decode(errors="surrogateescape")
