"""The HTTP client of one address: it trusts whom the settings name, and asks no proxy unless it is told to."""

from collections.abc import Mapping

import httpx2

from bus.settings import Settings
from bus.tls import trust_at


def client_at(
    url: str,
    settings: Settings,
    *,
    timeout_s: float,
    authorities: str = "ca_file",
    headers: Mapping[str, str] | None = None,
    trust_env: bool = False,
) -> httpx2.AsyncClient:
    """Make it; `authorities`: the setting of whom it trusts, `trust_env`: by the environment's proxy.

    Raises CertificateUnusable.
    """
    return httpx2.AsyncClient(
        base_url=url.rstrip("/"),
        headers=headers,
        timeout=timeout_s,
        trust_env=trust_env,
        verify=trust_at(url, settings, authorities) or True,
    )
