"""OAuth 2.0 towards other systems, as maps say it: a token for a client's secret, or for a JWT that its key signs."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from urllib.parse import quote_plus, urlencode

import orjson
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import Field

from adapters.adapter import EnvironmentSecrets
from adapters.answers.judge import content_of, judge, of_question
from adapters.exchange import of_login
from adapters.mapping.field_values import MapPart
from adapters.outbound_http import Deadline, HttpResponse, HttpUrl, NoResponse, OutboundHttp
from adapters.shared_token import SharedToken, Token, lifetime_s
from bus.config_file import ConfigFileInvalid, VariableName
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.text import Text

ASSERTION_VALID: Final = timedelta(minutes=3)  # Salesforce takes none that is valid for longer
RSA_BITS_MIN: Final = 2_048
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_NO_TOKEN: Final = Text("令牌接口的应答中没有 access_token", "the answer of token_url has no access_token")
_AT_TOKEN: Final = Text("在 token_url", "at token_url")
_NO_KEY: Final = Text(
    f"应为 PEM 格式的 RSA 私钥(至少 {RSA_BITS_MIN} 位,无口令)",
    f"is no RSA private key in PEM, of {RSA_BITS_MIN} bits at least and without a password",
)
ShortText = Annotated[str, Field(min_length=1, max_length=500)]


class ClientCredentials(MapPart):
    """OAuth 2.0, client credentials: a token of `token_url`, got once for all calls and again when it is refused.

    `client_auth`: whether the client shows itself in the header `authorization` or in the form.
    """

    kind: Literal["oauth-client-credentials"]
    token_url: HttpUrl
    client_id: ShortText
    client_secret: VariableName
    scope: str = ""
    audience: str = ""
    client_auth: Literal["basic", "form"] = "basic"


class JwtBearer(MapPart):
    """OAuth 2.0, JWT bearer (RFC 7523): a token for a JWT that `private_key` signs by RS256.

    `private_key`: the variable that holds it in PEM; line ends may be written as \\n. `subject`: as whom the client
    acts. `audience`: whom the JWT is for.
    """

    kind: Literal["oauth-jwt-bearer"]
    token_url: HttpUrl
    client_id: ShortText
    subject: ShortText
    audience: ShortText
    private_key: VariableName
    scope: str = ""


OAuth = ClientCredentials | JwtBearer
Asked = Callable[[], tuple[Mapping[str, str], Mapping[str, str]]]  # the headers and the form that ask for a token


class OAuthTokens:
    """The token of one client, shared by all of its calls."""

    def __init__(
        self, proof: OAuth, secrets: EnvironmentSecrets, http: OutboundHttp, now: Callable[[], datetime]
    ) -> None:
        """Read the secret and ask for nothing. Raises ConfigFileInvalid: the variable, never a value."""
        self._url, self._http, self._now = proof.token_url, http, now
        self._assertion = ""
        self._secret = ""
        if isinstance(proof, ClientCredentials):
            self._secret = secrets.read(proof.client_secret).get_secret_value()
            form = token_form(proof, self._secret)
            self._asked: Asked = lambda: form
        else:
            self._asked = self._by_assertion(proof, _private_key(proof, secrets))
        self._token = SharedToken(self._fetch)

    @property
    def hidden(self) -> Sequence[str]:
        """List the texts that no message may repeat: the secret, the last JWT and the token."""
        return [one for one in (self._secret, self._assertion, self._token.text) if one]

    async def get(self, deadline: Deadline, *, lost: str = "") -> str:
        """Give a token that is in force and is not the `lost` one, which was refused. Raises DeliveryFailed."""
        return await self._token.get(deadline, lost=lost)

    def _by_assertion(self, proof: JwtBearer, key: RSAPrivateKey) -> Asked:
        def asked() -> tuple[Mapping[str, str], Mapping[str, str]]:
            self._assertion = assertion(proof, key, self._now())
            form = {"grant_type": _JWT_BEARER, "assertion": self._assertion, "scope": proof.scope}
            return {}, {name: value for name, value in form.items() if value}

        return asked

    async def _fetch(self, deadline: Deadline) -> Token:
        """Ask for a token, which changes nothing. Raises DeliveryFailed."""
        headers, form = self._asked()
        headers = {**headers, "content-type": "application/x-www-form-urlencoded"}
        try:
            answer = await self._http.post(self._url, urlencode(form).encode(), headers, deadline)
        except NoResponse as failed:
            kind = FailureKind.UNAVAILABLE if failed.sent else FailureKind.UNREACHABLE
            raise DeliveryFailed(kind, f"{failed.detail} {_AT_TOKEN}") from None
        try:
            judge(answer, self._now())
        except DeliveryFailed as failure:
            raise of_login(of_question(failure.again(detail=f"{failure.detail} {_AT_TOKEN}"))) from None
        return _token_in(answer)


def token_form(proof: ClientCredentials, client_secret: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Give the headers and the form that ask for a token (RFC 6749, 4.4 and 2.3.1)."""
    form = {"grant_type": "client_credentials", "scope": proof.scope, "audience": proof.audience}
    headers = dict[str, str]()
    if proof.client_auth == "form":
        form |= {"client_id": proof.client_id, "client_secret": client_secret}
    else:
        login = f"{quote_plus(proof.client_id)}:{quote_plus(client_secret)}"
        headers["authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    return headers, {name: value for name, value in form.items() if value}


def assertion(proof: JwtBearer, key: RSAPrivateKey, now: datetime) -> str:
    """Sign who asks, as whom, whom and until when (RFC 7523, 3)."""
    claims = {
        "iss": proof.client_id,
        "sub": proof.subject,
        "aud": proof.audience,
        "exp": int((now + ASSERTION_VALID).timestamp()),
    }
    content = b".".join(_base64url(orjson.dumps(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return b".".join((content, _base64url(key.sign(content, PKCS1v15(), SHA256())))).decode()


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _private_key(proof: JwtBearer, secrets: EnvironmentSecrets) -> RSAPrivateKey:
    pem = secrets.read(proof.private_key).get_secret_value().replace("\\n", "\n").encode()
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):  # TypeError: it wants a password
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
        raise ConfigFileInvalid(f"{secrets.where}.proof: {proof.private_key}: {_NO_KEY}")
    return key


def _token_in(answer: HttpResponse) -> Token:
    match content_of(answer):
        case {"access_token": str(text), **rest} if text and text.isascii() and text.isprintable():
            return Token(text=text, valid_s=lifetime_s(rest.get("expires_in")))
        case _:
            raise DeliveryFailed(FailureKind.UNAVAILABLE, _NO_TOKEN, status=answer.status)
