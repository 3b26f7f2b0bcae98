"""How a request to Kingdee K3Cloud is signed, in place of a login and its session. Pure.

As the vendor's own SDKs sign (kingdee.cdp.webapi.sdk 8.2.0). The application's id is `CLIENT_CODE`: its code holds the
key of the vendor's gateway, which public clouds ask for; with an id of another form it is signed for the ERP alone.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final
from urllib.parse import quote

from adapters.erp.kingdee_wire import LANGUAGE, KingdeeSettings

# The vendor's, the same for everybody and in every SDK of its own: it hides the gateway's key from readers alone.
_MASK: Final = b"0054f397c6234378b09ca7d3e5debce7"
_CODE_CHARS: Final = 32


def signed_headers(settings: KingdeeSettings, path: str, *, at_s: int, nonce: str) -> dict[str, str]:
    """Sign a POST to a path, as the address has it, at a time in Unix seconds. They are of no use to anybody else."""
    who = f"{settings.acct_id},{settings.user},{LANGUAGE},{settings.signed_org}"
    headers = {
        "X-Kd-Appkey": settings.app_id,
        "X-Kd-Appdata": base64.b64encode(who.encode()).decode(),
        "X-Kd-Signature": _signature(settings.app_id + who, settings.app_secret.encode()),
    }
    client_id, _, code = settings.app_id.partition("_")
    key = _gateway_key(code)
    if key is None:
        return headers
    signed = f"POST\n{quote(path, safe='')}\n\nx-api-nonce:{nonce}\nx-api-timestamp:{at_s}\n"
    return headers | {
        "X-Api-ClientID": client_id,
        "X-Api-Auth-Version": "2.0",
        "x-api-timestamp": str(at_s),
        "x-api-nonce": nonce,
        "x-api-signheaders": "x-api-timestamp,x-api-nonce",
        "X-Api-Signature": _signature(signed, key),
    }


def _signature(text: str, key: bytes) -> str:
    """Give the base64 of the hex of HMAC-SHA256."""
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).hexdigest().encode()).decode()


def _gateway_key(code: str) -> bytes | None:
    """Read the gateway's key in the code of an application's id; None where it holds none."""
    if len(code) != _CODE_CHARS:
        return None
    try:
        masked = base64.b64decode(code, validate=True)
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(bytes(one ^ other for one, other in zip(masked, _MASK, strict=False)))
