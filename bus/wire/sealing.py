"""Personal texts sealed by AES-256-GCM under a key of their own, and phones as look-ups find them (R50). Pure.

`cryptography` does it: OpenSSL behind the interface that Python's field uses.
"""

import base64
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bus.domain.errors import InvariantBroken

PREFIX: Final = "enc:v1:"
LOOKUP_PREFIX: Final = "hmac:v1:"
ERASED: Final = "（已删除）"  # where a text was, for people
_KEY_BYTES, _NONCE_BYTES, _TAG_BYTES, _ID_BYTES, _ID_CHARS = 32, 12, 16, 9, 12
_LOOKUP_BYTES = 24
_SEALED = re.compile(rb"enc:v1:([A-Za-z0-9_-]{12}):")
Value = TypeVar("Value")


class DataKey(NamedTuple):
    """A key for personal texts, 32 bytes, and the id that the texts name it by."""

    key_id: str
    key: bytes


class MasterKey:
    """Wraps data keys, and makes look-ups of phones; whoever has it and the table of keys reads everything."""

    def __init__(self, secret: bytes) -> None:
        """Take a secret of at least 32 random bytes, in any spelling."""
        self._wrapping = AESGCM(_derived(secret, b"wrap data keys"))
        self._lookup = hmac.HMAC(_derived(secret, b"look-ups of phones"), hashes.SHA256())

    def wrap(self, one: DataKey) -> bytes:
        """Encrypt a data key, for its row."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, one.key, one.key_id.encode())

    def unwrap(self, key_id: str, wrapped: bytes) -> DataKey:
        """Read a data key's row. Raises InvariantBroken for one that another master key wrapped."""
        try:
            key = self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], key_id.encode())
        except InvalidTag:
            raise InvariantBroken(
                f"key {key_id} was wrapped by another master key: TICKETBUS_MASTER_KEY is not the one of this database"
            ) from None
        return DataKey(key_id, key)

    def lookup(self, phone: str) -> str:
        """Give what stands for a phone, in its one spelling, where tickets are found by it."""
        digest = self._lookup.copy()
        digest.update(phone.encode())
        return LOOKUP_PREFIX + base64.urlsafe_b64encode(digest.finalize()[:_LOOKUP_BYTES]).decode()


def new_key() -> DataKey:
    """Make a random key."""
    return DataKey(base64.urlsafe_b64encode(os.urandom(_ID_BYTES)).decode(), os.urandom(_KEY_BYTES))


def sealer(one: DataKey, about: str) -> Callable[[str], str]:
    """Give what seals a text for `about`, the ticket's number or what else it belongs to: only there it opens."""
    seal = _sealer_of_bytes(one, about)
    return lambda text: seal(text.encode()).decode()


def sealed_bytes(one: DataKey, about: str, body: bytes) -> bytes:
    """Seal bytes as a text is sealed, whatever they are; a third longer and 65 bytes more."""
    return _sealer_of_bytes(one, about)(body)


def _sealer_of_bytes(one: DataKey, about: str) -> Callable[[bytes], bytes]:
    cipher, head, bound = AESGCM(one.key), f"{PREFIX}{one.key_id}:".encode(), about.encode()

    def seal(body: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return head + base64.urlsafe_b64encode(nonce + cipher.encrypt(nonce, body, bound))

    return seal


def plain_size(value: bytes, size: int | None = None) -> int:
    """Give how many bytes a value has in clear; `size`: of the whole, where `value` is only its beginning."""
    size = len(value) if size is None else size
    head = len(PREFIX) + _ID_CHARS + 1
    return (size - head) // 4 * 3 - _NONCE_BYTES - _TAG_BYTES if is_sealed(value) else size


def key_ids(values: Iterable[bytes]) -> list[str]:
    """List the keys that sealed texts in these bytes name, be they Avro, JSON or plain; each once."""
    return list(dict.fromkeys(found.decode() for value in values for found in _SEALED.findall(value)))


def is_sealed(value: bytes) -> bool:
    """Say whether these are the bytes of one sealed text."""
    return value.startswith(PREFIX.encode())


def is_clear(text: str) -> bool:
    """Say whether a text can be read: it is neither sealed nor what stands for one that was erased."""
    return text != ERASED and not text.startswith(PREFIX)


def opener(keys: Mapping[str, DataKey | None], about: str) -> Callable[[str], str]:
    """Give what opens a sealed text of `about`; of a key that was destroyed it gives ERASED.

    Whatever is not sealed, or under a key that is not given, or for something else, stays as it is.
    """

    def opened(text: str) -> str:
        if not text.startswith(PREFIX):
            return text
        raw = opened_bytes(keys, about, text.encode())
        return raw.decode(errors="replace")

    return opened


def opened_bytes(keys: Mapping[str, DataKey | None], about: str, value: bytes) -> bytes:
    """Open the bytes of a sealed text, as `opener` does."""
    found = _SEALED.match(value)
    key_id = found[1].decode() if found else ""
    if found is None or key_id not in keys:
        return value
    one = keys[key_id]
    if one is None:
        return ERASED.encode()
    try:
        raw = base64.urlsafe_b64decode(value[found.end() :])
        return AESGCM(one.key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError):
        return value


def with_texts(value: Value, change: Callable[[str], str]) -> Value:
    """Give a value with every text in it changed: in JSON values, and in dataclasses too."""
    changed: Any = value
    match value:
        case str():
            changed = change(value)
        case Mapping():
            changed = {name: with_texts(inner, change) for name, inner in value.items()}
        case list() | tuple():
            inner = [with_texts(one, change) for one in cast(Sequence[Any], value)]
            changed = tuple(inner) if isinstance(value, tuple) else inner
        case _ if is_dataclass(value) and not isinstance(value, type):
            own = {one.name: getattr(value, one.name) for one in fields(value)}
            new = {name: with_texts(inner, change) for name, inner in own.items()}
            differ = {name: inner for name, inner in new.items() if inner is not own[name] and inner != own[name]}
            changed = replace(value, **differ) if differ else value
        case _:
            pass
    return cast(Value, changed)


def sealed_texts(value: object) -> list[str]:
    """List the sealed texts within a value."""
    found, within = list[str](), [value]
    for one in within:  # it grows while it is gone through
        if isinstance(one, str):
            if one.startswith(PREFIX):
                found.append(one)
        elif inner := _inner(type(one)):  # type: ignore[arg-type]  # mypy takes no class for hashable
            within.extend(inner(one))
    return found


@cache
def _inner(cls: type) -> Callable[[Any], Iterable[object]] | None:
    """Give how to list what stands within values of a class; None for those that hold no other."""
    if issubclass(cls, Mapping):
        return lambda value: value.values()
    if issubclass(cls, list | tuple):
        return lambda value: value
    if is_dataclass(cls):
        names = [one.name for one in fields(cls)]
        return lambda value: [getattr(value, name) for name in names]
    return None


def _derived(secret: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=b"ticketbus " + use).derive(secret)
