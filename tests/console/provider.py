"""A small OpenID provider: it signs with RS256, checks PKCE, client and redirect address, and gives each code once."""

import asyncio
import base64
import hashlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from bus.embedded_uvicorn import EmbeddedUvicorn

CLIENT, SECRET = "ticketbus-console", "provider's secret of the console"


@dataclass
class Provider:
    """Whoever comes is the person of `claims`; `changes` are wrong values of the ID token."""

    issuer: str
    redirect: str
    claims: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    signs_with: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        """Give its routes."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.metadata),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
            ]
        )

    async def metadata(self, _request: Request) -> Response:
        """Say where all is."""
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def authorize(self, request: Request) -> Response:
        """Send the browser back with a code."""
        asked = dict(request.query_params)
        assert (asked["client_id"], asked["redirect_uri"], asked["code_challenge_method"]) == (
            CLIENT,
            self.redirect,
            "S256",
        )
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return RedirectResponse(f"{self.redirect}?{urlencode({'code': code, 'state': asked['state']})}", 302)

    async def token(self, request: Request) -> Response:
        """Give the ID token for a code."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        basic = base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not asked or basic != f"{CLIENT}:{SECRET}" or challenge != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": asked["nonce"]}
        claims |= self.claims | self.changes
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signs_with or self.key)
        return JSONResponse({"access_token": "unused", "token_type": "Bearer", "id_token": signed})

    async def keys(self, _request: Request) -> Response:
        """Give the public key."""
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})


@asynccontextmanager
async def provider(redirect: str) -> AsyncIterator[Provider]:
    """Run a provider on this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    one = Provider(f"http://127.0.0.1:{listening.getsockname()[1]}", redirect)
    server = EmbeddedUvicorn(uvicorn.Config(one.app(), log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield one
    finally:
        server.should_exit = True
        await running
