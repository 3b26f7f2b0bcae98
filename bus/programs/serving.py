"""How a program serves HTTP to others: by its certificate, where it has one, and behind which proxies."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from socket import gethostname
from typing import Any

from bus.postgres.pool import Pool
from bus.programs.certificate_watch import CertificateFile, watch_certificates
from bus.settings import Settings, SettingsInvalid
from bus.tls import ServerCertificate, certificate_files, server_certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The certificate, if there is one, and the proxies whose X-Forwarded-… headers are believed."""

    certificate: ServerCertificate | None
    proxies: Sequence[str]

    def options(self) -> dict[str, Any]:
        """Give what uvicorn's configuration takes."""
        tls = {"ssl_context_factory": self.certificate.context} if self.certificate else {}
        return {"forwarded_allow_ips": list(self.proxies), **tls}

    def tasks(self) -> Mapping[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Give what runs beside the server, until cancelled."""
        return {"own certificate": self.certificate.renew_for_ever} if self.certificate else {}


def serving_of(settings: Settings) -> Serving:
    """Read the certificate. Raises CertificateUnusable, SettingsInvalid."""
    if settings.http_key_file and not settings.http_certificate_file:
        raise SettingsInvalid("TICKETBUS_HTTP_KEY_FILE: it stands without TICKETBUS_HTTP_CERTIFICATE_FILE")
    return Serving(certificate=server_certificate(settings), proxies=settings.trusted_proxies)


def own_certificates(settings: Settings) -> Sequence[CertificateFile]:
    """Name the files of certificates that a program's own connections use."""
    return [CertificateFile(used_by=name, path=path) for name, path in certificate_files(settings).items()]


def watching_certificates(settings: Settings, pool: Pool) -> Callable[[], Awaitable[None]]:
    """Make the task that keeps in PostgreSQL when this program's certificates end."""
    return partial(watch_certificates, pool, gethostname(), own_certificates(settings))
