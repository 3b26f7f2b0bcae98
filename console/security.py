"""What keeps a page safe: headers of every answer, and proof that a form comes from a page of ours."""

import secrets
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

COOKIE: Final = "ticketbus_console"


def new_nonce() -> str:
    """Make the nonce of one answer."""
    return secrets.token_urlsafe(16)


def headers(nonce: str) -> Mapping[str, str]:
    """Give the headers of a page: nothing from elsewhere, no inline script or style, no frame, no copy in a cache."""
    policy = (
        "default-src 'none'",
        f"script-src 'self' 'nonce-{nonce}'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types htmx",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def is_https(request: Request) -> bool:
    """Say whether the browser came by TLS, here or at a proxy in front."""
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return "https" in (request.url.scheme, forwarded)


def from_elsewhere(request: Request) -> bool:
    """Say whether a browser sent a form from a page of another origin; what says nothing is no browser of today."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")
