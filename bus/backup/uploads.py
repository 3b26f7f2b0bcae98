"""Uploaded files in a backup: a directory's files by their SHA-256, copied once each, and copied back."""

import asyncio
import hashlib
import os
import re
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Final, LiteralString

from bus.backup import manifest
from bus.backup.failures import NotThatStore
from bus.backup.manifest import FILES, BackedUpFiles, Manifest, sha256_of
from bus.postgres.pool import Pool, connected
from bus.settings import Settings, files_dir

LIST: Final = "files.sha256"
"""Names those that the backup began with, as `sha256sum --check` reads it."""
_STORE_ID: Final = "store-id"  # bus.files.store.MARKER
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LISTED: Final = re.compile(rf"([0-9a-f]{{64}})  ({FILES}/[0-9a-f]{{2}}/\1)")
_STORE: LiteralString = "SELECT id, now() FROM file_store"
_ROWS: LiteralString = "SELECT sha256 FROM files WHERE ended_at IS NULL AND uploaded_at < %s ORDER BY sha256"
_BLOCK: Final = 1024 * 1024
_OWNER_ONLY: Final = 0o700


async def copy_uploads(pool: Pool, settings: Settings, folder: Path) -> tuple[BackedUpFiles | None, list[str]]:
    """Copy the uploaded files into a backup, and list them; gives what they are, and what of them is not in it.

    Raises StoreUnavailable, OSError.
    """
    root = files_dir(settings)
    if root is None:
        return None, [f"uploaded files: they are in {settings.files_url}, and copied by that store's own means"]
    async with connected(pool) as connection:
        ((known, begun_at),) = await (await connection.execute(_STORE)).fetchall()
    if (found := store_id(root)) != known:
        why = f"its store-id is {found or 'not there'}, PostgreSQL has {known or 'none'}"
        return None, [f"uploaded files: {root} on this host is not the store ({why}); back up where the gateways run"]
    if known:
        await asyncio.to_thread(copy_new, root, folder / FILES)
    made = await asyncio.to_thread(write_list, folder)
    async with connected(pool) as connection:
        rows = await (await connection.execute(_ROWS, (begun_at,))).fetchall()
    lacking = [sha256 for (sha256,) in rows if not (folder / FILES / sha256[:2] / sha256).exists()]
    return made, [f"uploaded file {one}: {root} has not its bytes, see `ticketbus files verify`" for one in lacking]


def copy_new_uploads(settings: Settings, folder: Path, say: Callable[[str], None]) -> None:
    """Copy the files that were uploaded since into a backup that has them; what is in the way is said. Blocks."""
    root = files_dir(settings)
    if root is None or manifest.read(folder).uploads is None or store_id(root) is None:
        return
    try:
        copy_new(root, folder / FILES)
    except (OSError, NotThatStore) as error:
        say(f"uploaded files are not copied: {error}")


def store_id(directory: Path) -> str | None:
    """Read which store a directory of files is; None where it is none, as a disk that is not mounted."""
    try:
        return (directory / _STORE_ID).read_text(errors="replace").strip() or None
    except OSError:
        return None


def copy_new(source: Path, into: Path, only: Container[str] | None = None) -> int:
    """Copy what `into` lacks of another directory of files, each synced before it has its name; gives how many.

    `only`: these alone, by SHA-256. A file that is not the one of its name is left out. Blocks.

    Raises NotThatStore where they are two stores, OSError.
    """
    own, theirs = store_id(source), store_id(into)
    if own is None or theirs not in (None, own):
        raise NotThatStore(f"{into} has the store-id {theirs}, and {source} has {own}: they are not the same store")
    copied = 0
    into.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    for path in _files(source):
        target = into / path.parent.name / path.name
        if target.exists() or (only is not None and path.name not in only):
            continue
        target.parent.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        try:
            copied += _copied(path, target)
        except FileNotFoundError:  # deleted meanwhile, as its ticket asked for
            continue
    (into / _STORE_ID).write_text(f"{own}\n")
    return copied


def write_list(folder: Path) -> BackedUpFiles:
    """List a backup's files, by name alone: each is hashed when it is copied, and when the backup is verified."""
    count = size = 0
    with (folder / LIST).open("w", encoding="ascii") as listing:
        for path in sorted(_files(folder / FILES)):
            count, size = count + 1, size + path.stat().st_size
            listing.write(f"{path.name}  {path.relative_to(folder).as_posix()}\n")
    return BackedUpFiles(files=count, bytes=size)


def upload_faults(folder: Path, made: Manifest) -> Iterator[str]:
    """Name the files that are missing or not those of their name. Blocks while everything is read."""
    if made.uploads is None:
        return
    for line in (folder / LIST).read_text(encoding="ascii").splitlines():
        found = _LISTED.fullmatch(line)
        if found is None or not (folder / found[2]).is_file():
            yield f"{found[2] if found else LIST} is missing"
    for path in _files(folder / FILES):
        if sha256_of(path) != path.name:
            yield f"{path.relative_to(folder).as_posix()} is not what was uploaded (SHA-256)"


def _files(directory: Path) -> Iterator[Path]:
    for path in directory.glob("[0-9a-f][0-9a-f]/*"):
        if _SHA256.fullmatch(path.name):
            yield path


def _copied(path: Path, target: Path) -> bool:
    """Copy a file; says whether it is the one of its name, without which it does not get that name."""
    half, digest = target.with_name(f"{target.name}.half"), hashlib.sha256()
    half.unlink(missing_ok=True)  # of a run that was killed
    try:
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with path.open("rb") as read, os.fdopen(handle, "wb") as written:
            while block := read.read(_BLOCK):
                digest.update(block)
                written.write(block)
            written.flush()
            os.fsync(written.fileno())
        if digest.hexdigest() != path.name:
            return False
        half.replace(target)
        return True
    finally:
        half.unlink(missing_ok=True)
