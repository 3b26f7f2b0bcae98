"""Signing in at a company's own provider: OpenID Connect, authorization code with PKCE (RFC 7636), by Authlib.

The provider says who it is and in which groups; the gateway then has a client of that person, with a token for the
shift. What it may is read from that client, as of any other.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import structlog
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from httpx2 import HTTPError
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry, decode
from starlette.requests import Request
from starlette.responses import Response

from bus.domain.errors import BusError
from console import security
from console.forms import back_to, go_to
from console.gateway_api import ApiProblem
from console.oidc_config import GroupGrant, OidcConfig
from console.page import ROOT
from console.sign_in import SignIn

COOKIE: Final = "ticketbus_oidc"
WITHIN_S: Final = 600  # between leaving for the provider and coming back
ANSWER_S: Final = 10.0
SKEW_S: Final = 60
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPerson:
    """Who signed in at the provider, and as what."""

    issuer: str
    subject: str
    name: str
    grant: GroupGrant


Admit = Callable[[ProviderPerson], Awaitable[str]]
"""Make or renew the person's client at the gateway; gives its token. Raises CommandRefused, StoreUnavailable."""


class NotLetIn(Exception):
    """The provider, or the file, lets this person not in; the log says why."""


class OidcSignIn:
    """What the routes do."""

    def __init__(self, sign_in: SignIn, config: OidcConfig, secret: str, admit: Admit) -> None:
        """Take the provider, and the gateway's door for persons."""
        self.sign_in, self.config, self.admit, self._secret = sign_in, config, admit, secret
        self._metadata: Mapping[str, Any] = {}

    async def leave(self, request: Request) -> Response:
        """Send the browser to the provider; what is to come back is kept in a sealed cookie for ten minutes."""
        verifier, nonce = generate_token(64), generate_token(32)
        try:
            async with self._client() as client:
                await self._discover(client)
                address, state = client.create_authorization_url(
                    self._metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
                )
        except (HTTPError, KeyError, ValueError) as error:
            log.warning("the OIDC provider cannot be asked", error=type(error).__name__)
            return self.sign_in.form(request, "away", "", status=503)
        response = go_to(address)
        back = back_to(request.query_params.get("back", ""))
        kept = {"state": state, "verifier": verifier, "nonce": nonce, "back": back}
        # Lax: the way back begins on the provider's page.
        response.set_cookie(
            COOKIE,
            self.sign_in.site.sessions.seal_values(kept),
            max_age=WITHIN_S,
            path=f"{ROOT}/oidc",
            secure=security.is_https(request),
            httponly=True,
            samesite="lax",
        )
        return response

    async def come_back(self, request: Request) -> Response:
        """Take the code, ask the provider for whose it is, and begin the session."""
        kept = self.sign_in.site.sessions.open_values(request.cookies.get(COOKIE, ""))
        try:
            person = await self._person(request, kept)
            token = await self.admit(person)
            identity = await self.sign_in.site.api.call(token, "GET", "/v1/client")
        except (HTTPError, OAuthError, JoseError, ApiProblem, BusError, KeyError, ValueError, NotLetIn) as error:
            log.warning("an OIDC sign-in was refused", error=type(error).__name__, why=str(error)[:200])
            return self.sign_in.form(request, "oidc", "", status=403)
        # A page that goes on, no redirect: on its way from the provider's page a browser sends no Strict cookie.
        page = self.sign_in.site.html(request, "go_on.html", {"to": kept["back"] or ROOT})
        response = self.sign_in.begin_with(request, page, identity, token)
        response.delete_cookie(COOKIE, path=f"{ROOT}/oidc", httponly=True, samesite="lax")
        return response

    async def _person(self, request: Request, kept: Mapping[str, str]) -> ProviderPerson:
        given = parse_qs(urlsplit(str(request.url)).query)
        if not kept or given.get("state") != [kept["state"]]:
            raise NotLetIn("the answer belongs to no sign-in of this browser")
        if "code" not in given:
            raise NotLetIn(f"the provider answered {given.get('error')}")
        async with self._client() as client:
            await self._discover(client)
            token = await client.fetch_token(
                self._metadata["token_endpoint"], code=given["code"][0], code_verifier=kept["verifier"]
            )
            keys = await client.request("GET", self._metadata["jwks_uri"], withhold_token=True)
        claims = decode(token["id_token"], KeySet.import_key_set(keys.json()), algorithms=list(ALGORITHMS)).claims
        JWTClaimsRegistry(
            leeway=SKEW_S,
            iss={"essential": True, "value": self.config.issuer},
            aud={"essential": True, "value": self.config.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": kept["nonce"]},
        ).validate(claims)
        if claims.get("azp", self.config.client_id) != self.config.client_id or not claims.get("sub"):
            raise NotLetIn("the token is another client's, or of nobody")
        grant = self.config.grant(claims.get(self.config.groups_claim))
        if grant is None:
            raise NotLetIn("the person is in none of the groups of the file")
        name = claims.get(self.config.name) or claims["sub"]
        return ProviderPerson(issuer=self.config.issuer, subject=str(claims["sub"]), name=str(name), grant=grant)

    async def _discover(self, client: AsyncOAuth2Client) -> None:
        if not self._metadata:
            address = f"{self.config.issuer.rstrip('/')}/.well-known/openid-configuration"
            answer = await client.request("GET", address, withhold_token=True)
            answer.raise_for_status()
            metadata = answer.json()
            if metadata.get("issuer") != self.config.issuer:
                raise ValueError("the provider calls itself by another name than the file")
            self._metadata = metadata

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self.config.client_id,
            self._secret,
            scope=self.config.scope,
            redirect_uri=f"{self.config.url.rstrip('/')}/oidc/back",
            code_challenge_method="S256",
            timeout=ANSWER_S,
            trust_env=False,
        )
