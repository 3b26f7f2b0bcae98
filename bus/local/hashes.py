"""SHA-256 of files, several at once, and of a whole folder."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

_AT_ONCE: Final = 4  # hashing lets go of the interpreter's lock


def sha256_of(paths: Iterable[Path]) -> list[str | None]:
    """Answer the SHA-256 of each file, in order; None for what is missing, unreadable or a symbolic link."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(_sha256, paths))


def folder_sha256(folder: Path, *, but: str = "") -> str:
    """Answer one SHA-256 for all files of a folder, names and contents: a file more, less or changed changes it.

    The file `but`, a name directly in the folder, does not count.
    """
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    paths = sorted(path for path in found if path != folder / but)
    names = (path.relative_to(folder).as_posix() for path in paths)
    lines = (f"{digest} {name}\n" for digest, name in zip(sha256_of(paths), names, strict=True))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _sha256(path: Path) -> str | None:
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
