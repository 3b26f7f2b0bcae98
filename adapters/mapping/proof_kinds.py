"""What proves who called, as maps of sources and of targets say it: the same words on both sides."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from adapters.map_faults import fault
from adapters.mapping.field_values import MapPart
from bus.config_file import VariableName

_PARTS: Final = ("{body}", "{timestamp}", "{id}")
DECODED: Final[Mapping[str, Callable[[str], bytes]]] = {
    "text": lambda text: text.encode(),
    "base64": lambda text: base64.b64decode(text, validate=True),
    "hex": binascii.unhexlify,
}


def _header(name: str) -> str:
    name = name.strip().lower()
    if not name or not all(one.isalnum() or one in "-_" for one in name) or not name.isascii():
        raise fault("应为 HTTP 头的名称", "the name of an HTTP header is meant")
    return name


Header = Annotated[str, AfterValidator(_header)]
Secrets = Annotated[tuple[VariableName, ...], Field(min_length=1, max_length=2)]


class StandardWebhooksProof(MapPart):
    """Signed as standardwebhooks.com says: id, time and body."""

    kind: Literal["standard-webhooks"]
    secrets: Secrets


def _signed(form: str) -> str:
    rest = form
    for part in _PARTS:
        rest = rest.replace(part, "", 1)
    if "{body}" not in form or "{" in rest or "}" in rest:
        raise fault(
            f"由 {'、'.join(_PARTS)} 组成,必须含 {{body}},例如 {{timestamp}}.{{body}}",
            f"is made of {', '.join(_PARTS)}, and has {{body}}: such as {{timestamp}}.{{body}}",
        )
    return form


class SignedTime(MapPart):
    """Where the time of signing stands; a delivery that is older, or newer, than `within_s` is refused.

    No longer than deliveries are known again: a week. `part`: as of a signature.
    """

    header: Header
    part: str | None = None
    format: Literal["epoch_s", "epoch_ms", "rfc3339"] = "epoch_s"
    within_s: Annotated[int, Field(ge=1, le=604_800)] = 300


class HmacProof(MapPart):
    """A signature over the raw body: as GitHub, Zendesk, Jira and Zammad sign.

    `signed`: what is signed, `{timestamp}` and `{id}` being the headers' own texts. `part`: the signature's name in a
    header of several parts, as `v1` of `t=1767574800,v1=…`; it may stand there twice. `secret_is`: how the secret is
    written in its variable.
    """

    kind: Literal["hmac"]
    secrets: Secrets
    header: Header
    part: str | None = None
    prefix: str = ""
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    signed: Annotated[str, AfterValidator(_signed)] = "{body}"
    timestamp: SignedTime | None = None
    id_header: Header | None = None
    secret_is: Literal["text", "base64", "hex"] = "text"  # noqa: S105 - a way of writing, not a secret

    @model_validator(mode="after")
    def _signs_what_comes(self) -> Self:
        if "{timestamp}" in self.signed and self.timestamp is None:
            raise fault("signed 含 {timestamp},请写 timestamp.header", "signed has {timestamp}: say timestamp.header")
        if "{id}" in self.signed and self.id_header is None:
            raise fault("signed 含 {id},请写 id_header", "signed has {id}: say id_header")
        return self


class BasicProof(MapPart):
    """Basic authentication; each variable holds `user:password`."""

    kind: Literal["basic"]
    secrets: Secrets


class BearerProof(MapPart):
    """A token in a header, behind `prefix`."""

    kind: Literal["bearer"]
    secrets: Secrets
    header: Header = "authorization"
    prefix: str = "Bearer "
