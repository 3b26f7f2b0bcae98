"""Applies the plain-SQL migrations with dbmate, chosen because it keeps SQL as SQL and needs nothing but its binary."""

import asyncio
import shutil
import sys
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from bus.domain.errors import BusError
from bus.settings import mask_password

TIME_LIMIT_S = 120.0
_THIS_MACHINE = (None, "localhost", "127.0.0.1", "::1")  # None: a socket


class MigrationFailed(BusError):
    """A migration did not apply; the database stands at the last one that did."""


async def migrate(url: str) -> None:
    """Bring the database up to date; harmless to repeat and to run twice at once. Raises MigrationFailed."""
    with resources.as_file(resources.files("bus.postgres").joinpath("migrations")) as folder:
        await _dbmate(url, folder)


async def _dbmate(url: str, folder: Path) -> None:
    program = Path(sys.executable).with_name("dbmate")
    found = str(program) if program.exists() else shutil.which("dbmate")
    if found is None:
        raise MigrationFailed("the program dbmate is missing; run `make setup`")
    process = await asyncio.create_subprocess_exec(
        found, "--no-dump-schema", "--migration-lock", "--migrations-dir", str(folder), "migrate",
        cwd=folder, env={"DATABASE_URL": _with_sslmode(url)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), TIME_LIMIT_S)
    except TimeoutError:
        process.kill()
        raise MigrationFailed(f"dbmate did not end within {TIME_LIMIT_S:.0f} s") from None
    if process.returncode:
        raise MigrationFailed(mask_password(output.decode(errors="replace")).strip())


def _with_sslmode(url: str) -> str:
    """Say what dbmate's driver is to do where the URL does not: plain on this machine, TLS to every other.

    An outside server without TLS wants `sslmode=disable` said in DATABASE_URL.
    """
    parts = urlsplit(url)
    if "sslmode=" in parts.query:
        return url
    mode = "disable" if parts.hostname in _THIS_MACHINE else "require"
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, f"sslmode={mode}")))))
