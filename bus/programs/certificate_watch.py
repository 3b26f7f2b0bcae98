"""When the certificates end that a program uses, in PostgreSQL: each host writes what its own files say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from cryptography.x509 import load_pem_x509_certificates

from bus.postgres.pool import Pool, connected
from bus.programs.rounds import in_rounds

READ_EVERY_S: Final = 3600.0
# The chains of these may end later; of authorities the one that ends last counts.
OWN: Final = ("client_certificate", "http_certificate_file", "sslcert")
_NOTE: Final = b"""
INSERT INTO certificates AS c (host, used_by, path, ends_at)
SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS w (used_by, path, ends_at) ORDER BY used_by
ON CONFLICT (host, used_by) DO UPDATE SET path = excluded.path, ends_at = excluded.ends_at, read_at = now()"""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFile:
    """A file of certificates in PEM, by what uses it."""

    used_by: str
    path: Path


def ends_at(content: bytes, *, own: bool) -> datetime | None:
    """Say when a file of certificates is of no more use; None where there is none in it, as in a key's. Pure."""
    try:
        certificates = load_pem_x509_certificates(content)
    except ValueError:
        return None
    return max(one.not_valid_after_utc for one in (certificates[:1] if own else certificates))


async def watch_certificates(pool: Pool, host: str, files: Sequence[CertificateFile]) -> None:
    """Read the files every hour until cancelled: one that was replaced is another's at once."""
    await in_rounds(partial(note_certificates, pool, host, files), READ_EVERY_S, "certificates_not_written")


async def note_certificates(pool: Pool, host: str, files: Iterable[CertificateFile]) -> None:
    """Read the files and write when each ends. Raises StoreUnavailable."""
    rows = [(one.used_by, str(one.path), end) for one in files if (end := _read(one))]
    if rows:
        async with connected(pool) as connection:
            await connection.execute(_NOTE, (host, *(list(column) for column in zip(*rows, strict=True))))


def _read(one: CertificateFile) -> datetime | None:
    try:
        return ends_at(one.path.read_bytes(), own=one.used_by.rpartition(".")[2] in OWN)
    except OSError as error:
        log.warning("certificate_not_read", used_by=one.used_by, cause=error.strerror)
        return None
