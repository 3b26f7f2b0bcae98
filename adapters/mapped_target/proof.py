"""How a target's map proves who calls: the words of the sources' proofs, and OAuth's."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from adapters import webhook_signature
from adapters.adapter import EnvironmentSecrets
from adapters.map_faults import fault
from adapters.mapping.field_values import MapPart
from adapters.mapping.proof_kinds import DECODED, BasicProof, BearerProof, HmacProof, SignedTime, StandardWebhooksProof
from adapters.oauth import OAuth
from bus.config_file import ConfigFileInvalid
from bus.domain.text import Text

SECRET_CHARS_MAX = 8_000


class NoProof(MapPart):
    """Nothing proves who calls: the other system lets everybody in, or the address is the secret."""

    kind: Literal["none"]


def _can_be_sent(proof: "CallProof") -> "CallProof":
    """Refuse a second secret where one alone can be sent, and what is for reading a source's headers alone."""
    if isinstance(proof, HmacProof) and (proof.part or (proof.timestamp and proof.timestamp.part)):
        raise fault("part: 只用于来源", "part: is of sources alone")
    if isinstance(proof, HmacProof | BasicProof | BearerProof) and len(proof.secrets) > 1:
        raise fault("secrets: 这里只能写一个", "secrets: one is sent, so one stands here")
    return proof


CallProof = Annotated[
    NoProof | StandardWebhooksProof | HmacProof | BasicProof | BearerProof | OAuth,
    Field(discriminator="kind"),
    AfterValidator(_can_be_sent),
]
Sign = Callable[[str, datetime, bytes], Mapping[str, str]]  # a call's key, the time, the body: the headers


def signing(proof: CallProof, secrets: EnvironmentSecrets) -> tuple[Sign, Sequence[str]]:
    """Make what gives a call's headers of proof, and list the texts that no message may repeat.

    OAuth's header is made of its token. Raises ConfigFileInvalid, SettingsInvalid: the variable, never a value.
    """
    match proof:
        case StandardWebhooksProof():
            keys = [
                webhook_signature.secret(_secret(secrets, one), where=_where(secrets, one)) for one in proof.secrets
            ]
            return lambda key, now, body: webhook_signature.sign_by_all(keys, key, now, body), ()
        case HmacProof(secrets=(name, *_)):
            return _hmac(proof, secrets, name)
        case BasicProof(secrets=(name, *_)):
            login = _secret(secrets, name)
            if ":" not in login:
                form = Text("内容应为 用户名:密码", "is not user:password")
                raise ConfigFileInvalid(f"{_where(secrets, name)}: {form}")
            shown = base64.b64encode(login.encode()).decode()
            return _always({"authorization": f"Basic {shown}"}), (login, login.partition(":")[2], shown)
        case BearerProof(secrets=(name, *_)):
            token = _secret(secrets, name)
            return _always({proof.header: f"{proof.prefix}{token}"}), (token,)
        case _:
            return _always({}), ()


def _where(secrets: EnvironmentSecrets, variable: str) -> str:
    return f"{secrets.where}.proof: {variable}"


def _secret(secrets: EnvironmentSecrets, variable: str) -> str:
    """Read a secret that can stand in a header."""
    text = secrets.read(variable).get_secret_value()
    if not (text.isascii() and text.isprintable() and len(text) <= SECRET_CHARS_MAX):
        form = Text("应为一行 ASCII 字符", "is not one line of ASCII")
        raise ConfigFileInvalid(f"{_where(secrets, variable)}: {form}")
    return text


def _always(headers: Mapping[str, str]) -> Sign:
    return lambda _key, _now, _body: headers


def _hmac(proof: HmacProof, secrets: EnvironmentSecrets, name: str) -> tuple[Sign, Sequence[str]]:
    text = _secret(secrets, name)
    try:
        key = DECODED[proof.secret_is](text)
    except ValueError:
        raise ConfigFileInvalid(f"{_where(secrets, name)}: {Text('不是', 'is not')} {proof.secret_is}") from None
    before, after = proof.signed.split("{body}")

    def sign(call_key: str, now: datetime, body: bytes) -> Mapping[str, str]:
        at = _written(proof.timestamp, now) if proof.timestamp else ""
        filled = [part.replace("{timestamp}", at).replace("{id}", call_key).encode() for part in (before, after)]
        digest = hmac.new(key, filled[0] + body + filled[1], getattr(hashlib, proof.algorithm)).digest()
        shown = digest.hex() if proof.encoding == "hex" else base64.b64encode(digest).decode()
        headers = {proof.header: f"{proof.prefix}{shown}"}
        if proof.timestamp:
            headers[proof.timestamp.header] = at
        if proof.id_header:
            headers[proof.id_header] = call_key
        return headers

    return sign, (text,)


def _written(time: SignedTime, now: datetime) -> str:
    match time.format:
        case "rfc3339":
            return now.isoformat()
        case "epoch_ms":
            return str(int(now.timestamp() * 1000))
        case _:
            return str(int(now.timestamp()))
