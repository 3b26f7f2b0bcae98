"""Who is signed in: a token sealed in a cookie, for one shift; nothing is stored here.

AES-256-GCM, keys by HKDF-SHA256 (RFC 5869) from the secrets that gateways share; without any, a key of this process.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LASTS: Final = timedelta(hours=8)
_SKEW: Final = timedelta(minutes=5)  # of another gateway's clock
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"ticketbus console session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A sign-in: the gateway's token, whose it is, what it may, and the secret that each form carries.

    `lacks`: what its role may and its token may not, each with the reason in both languages.
    """

    id: str
    token: str
    client: str
    person: str
    role: str
    accesses: tuple[str, ...]
    commands: tuple[str, ...]
    lacks: tuple[Mapping[str, str], ...]
    csrf: str
    began_at: datetime

    def has_csrf(self, given: str) -> bool:
        """Say whether a form carries this session's secret."""
        return compare_digest(self.csrf.encode(), given.encode())


def nobody(now: datetime) -> Session:
    """Make the session of a visitor who is not signed in: no token, no right. Pure."""
    return Session(
        id="", token="", client="", person="", role="", accesses=(), commands=(), lacks=(), csrf="", began_at=now
    )


@dataclass(slots=True)
class Sessions:
    """Seals sessions and opens them."""

    given: Sequence[bytes]
    _keys: list[AESGCM] = field(init=False)
    _ended: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Derive the keys; the first seals, all open."""
        self.given = self.given or (secrets.token_bytes(32),)
        self._keys = [AESGCM(_derived(one, _PURPOSE)) for one in self.given]

    def key_for(self, purpose: bytes) -> bytes:
        """Derive a key for another purpose from the first secret."""
        return _derived(self.given[0], purpose)

    def begin(self, token: str, identity: Mapping[str, Any], now: datetime) -> Session:
        """Begin a session of whom the gateway says the token is; its id is new, whatever the browser had."""
        return Session(
            id=secrets.token_urlsafe(16),
            token=token,
            client=str(identity["client"]),
            person=str(identity["person"]),
            role=str(identity["role"]),
            accesses=tuple(identity["accesses"]),
            commands=tuple(identity["commands"]),
            lacks=tuple(identity["lacks"]),
            csrf=secrets.token_urlsafe(24),
            began_at=now,
        )

    def seal(self, session: Session) -> str:
        """Give the text of the cookie."""
        return self.seal_values(asdict(session))

    def open(self, cookie: str, now: datetime) -> Session | None:
        """Give the session of a cookie; None for one that is not ours, is over, or was ended."""
        content = self.open_values(cookie)
        try:
            content |= {"began_at": datetime.fromisoformat(content["began_at"])}
            content |= {name: tuple(content[name]) for name in ("accesses", "commands", "lacks")}
            session = Session(**content)
        except (KeyError, TypeError, ValueError):  # of another version, or no session
            return None
        return None if self.is_over(session, now) else session

    def is_over(self, session: Session, now: datetime) -> bool:
        """Say whether a session's shift is over, or it was ended."""
        return not -_SKEW <= now - session.began_at < LASTS or session.id in self._ended

    def seal_values(self, values: Mapping[str, object]) -> str:
        """Give values as a text that nobody else can read or make."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _text(nonce + self._keys[0].encrypt(nonce, orjson.dumps(values), _PURPOSE))

    def open_values(self, text: str) -> dict[str, Any]:
        """Give the values of such a text; none of one that is not ours."""
        sealed = _bytes(text)
        for key in self._keys if len(sealed) > _NONCE_BYTES else ():
            try:
                found: dict[str, Any] = orjson.loads(
                    key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _PURPOSE)
                )
            except InvalidTag:
                continue
            return found
        return {}

    def end(self, session: Session, now: datetime) -> None:
        """End a session: its cookie opens nothing in this process any more; elsewhere it ends with its shift."""
        for old in [one for one, at in self._ended.items() if now - at > LASTS]:
            del self._ended[old]
        self._ended[session.id] = now


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, purpose).derive(secret)


def _text(value: bytes) -> str:
    """Give bytes as base64url without padding (RFC 4648 5)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Give the bytes of such a text; none for what is no such text."""
    try:
        return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""
