"""Applies the plain-SQL migrations with dbmate, chosen because it keeps SQL as SQL and needs nothing but its binary."""

import asyncio
import shutil
import sys
from importlib import resources
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from bus.errors import BusError

TIME_LIMIT_S = 120.0


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
        raise MigrationFailed(output.decode(errors="replace").replace(quote(url), "…").strip())


def _with_sslmode(url: str) -> str:
    """Ask for libpq's own default, which dbmate's driver does not have."""
    parts = urlsplit(url)
    query = parts.query if "sslmode=" in parts.query else "&".join(filter(None, (parts.query, "sslmode=disable")))
    return urlunsplit(parts._replace(query=query))
