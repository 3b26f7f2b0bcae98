"""Checkpoints: size and root of the tree as a signed note (C2SP tlog-checkpoint, signed-note, Ed25519). Pure."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bus.audit.merkle import HASH_BYTES
from bus.domain.errors import BusError
from bus.domain.text import Text

_ED25519: Final = b"\x01"  # the algorithm's byte in signed-note
_ID_BYTES, _KEY_BYTES = 4, 32
_SIGNATURE: Final = re.compile(r"— (\S+) ([A-Za-z0-9+/=]+)")


class NoteInvalid(BusError):
    """A note, key or bundle is not what it must be; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyingKey:
    """A public key with the name that signatures bear, and those that signed before it; as text a vkey of each a line.

    `earlier`: of the same name, the latest first. What they signed is as good as what the key itself signs.
    """

    name: str
    key: bytes
    earlier: Sequence["VerifyingKey"] = ()

    @property
    def key_id(self) -> bytes:
        """Give the four bytes that signatures begin with."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        """Spell it as signed-note does, name+id+key; then the earlier ones."""
        own = f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.key).decode()}"
        return "\n".join([own, *map(str, self.earlier)])

    @property
    def all(self) -> Sequence["VerifyingKey"]:
        """Give it and the earlier ones, each by itself."""
        return (VerifyingKey(name=self.name, key=self.key), *self.earlier)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The private key of a log, the log's name (its origin), and the public keys that signed it before."""

    name: str
    key: Ed25519PrivateKey
    earlier: Sequence[VerifyingKey] = ()

    @property
    def public(self) -> VerifyingKey:
        """Give what others verify by."""
        return VerifyingKey(name=self.name, key=self.key.public_key().public_bytes_raw(), earlier=self.earlier)

    def sign(self, text: str) -> str:
        """Sign a text that ends with a newline; gives the whole note."""
        assert text.endswith("\n"), "a note's text ends with a newline"
        signature = base64.b64encode(self.public.key_id + self.key.sign(text.encode())).decode()
        return f"{text}\n— {self.name} {signature}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a tree was at one moment."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """Spell it as tlog-checkpoint does."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def signing_key(name: str, pem: str, earlier: str = "") -> SigningKey:
    """Read a private key in PEM, and the keys that signed before it, as `verifying_key` does. Raises NoteInvalid."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        zh, en = "TICKETBUS_AUDIT_KEY 不是 Ed25519 私钥 (PEM)", "TICKETBUS_AUDIT_KEY is no Ed25519 private key in PEM"
        raise NoteInvalid(str(Text(zh, f"{en}; make one by `openssl genpkey -algorithm ed25519`")))
    before = verifying_key(earlier).all if earlier else ()
    if other := next((one.name for one in before if one.name != name), None):
        zh, en = f"较早的公钥属于 {other}", f"an earlier key is of {other!r}, not of {name!r}"
        raise NoteInvalid(str(Text(zh, en)))
    return SigningKey(name=name, key=key, earlier=tuple(before))


def verifying_key(text: str) -> VerifyingKey:
    """Read a vkey, `name+id+key`, and on further lines those that signed before it. Raises NoteInvalid."""
    first, *earlier = [_vkey(line) for line in text.split()] or [_vkey("")]
    return replace(first, earlier=tuple(earlier))


def _vkey(text: str) -> VerifyingKey:
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _decoded(encoded)
    if raw is None or raw[:1] != _ED25519 or len(raw) != 1 + _KEY_BYTES:
        raise NoteInvalid(str(Text("不是验证公钥", "this is no verifying key, as `ticketbus audit key` prints it")))
    found = VerifyingKey(name=name, key=raw[1:])
    if found.key_id.hex() != key_id:
        raise NoteInvalid(str(Text("公钥与其编号不符", "the verifying key and its id differ")))
    return found


def opened_note(note: str, key: VerifyingKey) -> str:
    """Verify a note by a key, or by one that signed before it; gives its text. Raises NoteInvalid."""
    text, separator, signatures = note.rpartition("\n\n")
    keys = {(one.name, one.key_id): one for one in key.all}
    for line in signatures.splitlines() if separator else ():
        found = _SIGNATURE.fullmatch(line)
        raw = _decoded(found[2]) if found else None
        signer = keys.get((found[1], raw[:_ID_BYTES])) if found and raw else None
        if raw is None or signer is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(signer.key).verify(raw[_ID_BYTES:], f"{text}\n".encode())
        except InvalidSignature:
            break
        return f"{text}\n"
    zh, en = f"没有 {key.name} 的有效签名", f"it bears no valid signature of {key.name}"
    raise NoteInvalid(str(Text(zh, en)))


def opened_checkpoint(note: str, key: VerifyingKey) -> Checkpoint:
    """Verify and read a checkpoint of the log that the key is named for. Raises NoteInvalid."""
    lines = opened_note(note, key).splitlines()
    root = _decoded(lines[2]) if len(lines) >= 3 else None
    if root is None or len(root) != HASH_BYTES or not re.fullmatch(r"0|[1-9]\d{0,17}", lines[1], re.ASCII):
        raise NoteInvalid(str(Text("不是检查点", "this is no checkpoint: origin, size, root")))
    if lines[0] != key.name:
        raise NoteInvalid(str(Text("检查点属于另一棵树", "the checkpoint is of another log")))
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
