"""A bundle: parts that are made one by one, each within its time, packed with a manifest of what is in and what not."""

import asyncio
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx2
import psycopg

from bus.domain.errors import BusError
from bus.settings import SettingsInvalid
from bus.support.cleaning import Cleaner

PART_S_MAX: Final = 60.0
BYTES_MAX: Final = 8 * 1024 * 1024  # of one part; of a log its end
NEVER: Final = (
    "events, tickets, states and read models: the content of any ticket",
    "dead letters, refused inputs, raw requests, commands: what others sent",
    "customers, contacts, addresses, phones; persons of the address book and their links",
    "tokens, passwords, keys and certificates' keys; personal data's keys; webhook secrets",
    "uploaded files and their names",
    "of logs: fields and error texts that may quote data, statements and rows of PostgreSQL",
)


class NothingToShow(BusError):
    """A part has nothing to show here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePart:
    """A file of the bundle. `make` gives text, or what is written as JSON; raises BusError where it cannot."""

    name: str
    what: str
    make: Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    """A part as the manifest lists it: bytes and SHA-256, or why it was left out."""

    name: str
    what: str
    bytes: int = 0
    sha256: str = ""
    left_out: str = ""


async def write_bundle(
    path: Path, parts: Sequence[BundlePart], cleaner: Cleaner, now: datetime, about: Mapping[str, str]
) -> Sequence[ManifestEntry]:
    """Make all parts and write them as a tar.gz that its owner alone reads. Raises FileExistsError, OSError."""
    entries, contents = list[ManifestEntry](), dict[str, bytes]()
    for part in parts:
        try:
            async with asyncio.timeout(PART_S_MAX):
                made = await part.make()
        except TimeoutError:
            entries.append(ManifestEntry(name=part.name, what=part.what, left_out=f"not made in {PART_S_MAX:.0f} s"))
            continue
        except (BusError, SettingsInvalid, OSError, psycopg.Error, httpx2.HTTPError) as error:
            why = str(error) if isinstance(error, BusError | SettingsInvalid) else type(error).__name__
            entries.append(ManifestEntry(name=part.name, what=part.what, left_out=cleaner.text(why)))
            continue
        content = (made if isinstance(made, str) else as_json(cleaner.value(made))).encode()[-BYTES_MAX:]
        contents[part.name] = content
        digest = hashlib.sha256(content).hexdigest()
        entries.append(ManifestEntry(name=part.name, what=part.what, bytes=len(content), sha256=digest))
    manifest = {
        "made_at": now.isoformat(),
        **about,
        "files": [asdict(one) for one in entries if not one.left_out],
        "left_out": [{"name": one.name, "what": one.what, "why": one.left_out} for one in entries if one.left_out],
        "never_in": [*NEVER],
    }
    _write(path, {"manifest.json": as_json(manifest).encode(), **contents}, now)
    return entries


def as_json(value: Any) -> str:
    """Write as JSON to read; times as RFC 3339."""
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    return (
        value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, UUID | Path) else repr(value)
    )


def _write(path: Path, contents: Mapping[str, bytes], now: datetime) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    folder = path.name.removesuffix(".tar.gz")
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(now.timestamp()), 0o600
            archive.addfile(entry, io.BytesIO(content))
