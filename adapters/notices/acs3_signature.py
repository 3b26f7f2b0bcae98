"""Alibaba Cloud's signature V3, ACS3-HMAC-SHA256, of calls whose parameters stand in the query. Pure.

As help.aliyun.com, "V3 版本请求体&签名机制", has it, with its example among the tests.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "ACS3-HMAC-SHA256"
_EMPTY: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """Who calls; its repr shows no secret."""

    key_id: str
    secret: str = field(repr=False)


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Write parameters as they are signed, and sent: in order, and escaped by RFC 3986."""
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(parameters.items()))


def signed_headers(
    key: AccessKey, host: str, action: str, version: str, query: str, *, now: datetime, nonce: str
) -> Mapping[str, str]:
    """Give the headers of a POST without a body to `/` at `host`; `now` is aware."""
    signed = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": _EMPTY,
        "x-acs-date": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    names = ";".join(signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    request = f"POST\n/\n{query}\n{lines}\n{names}\n{_EMPTY}"
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(key.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    proof = f"{ALGORITHM} Credential={key.key_id},SignedHeaders={names},Signature={signature}"
    return {**signed, "authorization": proof}
