"""TLS of the bus's own connections: whom its clients trust, and the certificate that its servers show."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from bus.domain.errors import BusError
from bus.settings import Settings, variables

RENEW_EVERY_S: Final = 10.0
CA_FILES: Final = ("kafka_ca_file", "schema_registry_ca_file", "ca_file")
_OF_DATABASE: Final = ("sslrootcert", "sslcert")
log = structlog.get_logger()


class CertificateUnusable(BusError):
    """A file of certificates or of a key cannot be used; says the setting and the file."""


def trust(settings: Settings, name: str) -> ssl.SSLContext:
    """Trust the authorities in the file that a setting names, these alone; the system's where it is unset.

    Raises CertificateUnusable, naming the variable. Blocks for as long as the file takes.
    """
    path: Path | None = getattr(settings, name)
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:  # an SSLError is one
        raise _unusable(name, path, error) from error


def trust_at(url: str, settings: Settings, name: str = "ca_file") -> ssl.SSLContext | None:
    """Trust as above where an address is one of TLS; None where it is not. Raises CertificateUnusable."""
    return trust(settings, name) if url.startswith(("https", "wss")) else None


def cause_of(error: BaseException, name: str) -> str:
    """Say in a few words why a connection failed; where the other side's certificate is the reason, which setting."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"its certificate is refused ({found.verify_message}); see {variables()[name]}"
        found = found.__cause__ or found.__context__
    return type(error).__name__


def certificate_files(settings: Settings) -> Mapping[str, Path]:
    """Give the files of certificates that the bus's own connections use, by setting, to be watched for their end."""
    found = {name: getattr(settings, name) for name in (*CA_FILES, "http_certificate_file")}
    try:
        given = conninfo_to_dict(settings.database_url or "")
    except ProgrammingError:  # whoever connects says so
        given = {}
    found |= {f"database_url.{name}": Path(str(given[name])) for name in _OF_DATABASE if name in given}
    return {name: path for name, path in found.items() if path and str(path) != "system"}


@dataclass(slots=True)
class ServerCertificate:
    """The certificate that a server shows: read at its start, and anew whenever its files have changed.

    Connections that stand keep theirs. Files that cannot be used, such as while they are being replaced, change
    nothing.
    """

    certificate: Path
    key: Path | None
    every_s: float = RENEW_EVERY_S
    _read: tuple[bytes, bytes] = (b"", b"")
    _current: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        """Read it. Raises CertificateUnusable."""
        self._current = self._context()

    def context(self, *_: Any) -> ssl.SSLContext:
        """Give the server's context, which shows whatever certificate is current at each handshake."""
        shown = self._current
        shown.sni_callback = self._show
        return shown

    async def renew_for_ever(self) -> None:
        """Look at the files every `every_s` seconds until cancelled."""
        while True:
            await asyncio.sleep(self.every_s)
            self.renew()

    def renew(self) -> bool:
        """Read the files if they have changed; says whether another certificate is shown from now on."""
        before = self._read
        try:
            if before == self._content():
                return False
            self._current = self._context()
        except CertificateUnusable as error:
            log.warning("certificate_not_renewed", cause=str(error))
            return False
        log.info("certificate_renewed", path=str(self.certificate))
        return True

    def _show(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _context(self) -> ssl.SSLContext:
        content, context = self._content(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.certificate, self.key, password=lambda: b"")  # never ask the terminal
        except OSError as error:
            raise _unusable("http_certificate_file", self.certificate, error) from error
        self._read = content
        return context

    def _content(self) -> tuple[bytes, bytes]:
        try:
            return self.certificate.read_bytes(), self.key.read_bytes() if self.key else b""
        except OSError as error:
            raise _unusable("http_certificate_file", self.certificate, error) from error


def server_certificate(settings: Settings) -> ServerCertificate | None:
    """Give the certificate of this program's server; None where it speaks plain HTTP. Raises CertificateUnusable."""
    if settings.http_certificate_file is None:
        return None
    return ServerCertificate(settings.http_certificate_file, settings.http_key_file)


def _unusable(name: str, path: Path | None, error: OSError) -> CertificateUnusable:
    why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return CertificateUnusable(f"{variables()[name]}: cannot use {path} ({why or 'no certificate in PEM'})")
