"""Ids of commands: of the key and the client, or of a webhook delivery; and the fingerprint of their content."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

import orjson

from bus.domain.errors import MalformedInput
from bus.domain.terms import CommandId

NAME = "Idempotency-Key"
_NAMESPACE = UUID("0b9d5a56-58c7-5f0a-9a52-6d3c1f6f2f11")
KEY_CHARS_MAX = 255
_DELIVERIES = UUID("5d6b1f0e-8a4c-5f63-9d0e-2f1c7a9b3e48")
FIRST_STEP = "0"
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_CHARS_MAX}}}")
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')  # a string of RFC 9651


def read_key(headers: Mapping[str, str]) -> str:
    """Give the key out of lower-case headers. Pure. Raises MalformedInput when there is none or it cannot be one."""
    return check_key(spelled_key(headers), NAME)


def spelled_key(headers: Mapping[str, str]) -> str:
    """Give what the header spells, quoted or bare, checked by nobody yet; empty without one. Pure."""
    bare = headers.get(NAME.lower(), "").strip()
    quoted = _QUOTED.fullmatch(bare)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else bare


def check_key(key: str, field: str) -> str:
    """Give the key back. Pure. Raises MalformedInput, which names the field, when there is none or it cannot be one."""
    if not key:
        zh, en = (
            f"缺少 {field},每个操作用一个新键,重试用同一个",
            f"send {field}: a new one per action, the same to retry",
        )
        raise MalformedInput("idempotency_key_missing", field, zh, en)
    if not _KEY.fullmatch(key):
        zh, en = (
            f"{field} 须为 1–{KEY_CHARS_MAX} 个可见 ASCII 字符",
            f"{field} is 1 to {KEY_CHARS_MAX} visible ASCII characters",
        )
        raise MalformedInput("idempotency_key_malformed", field, zh, en)
    return key


def command_id(client: str, key: str) -> CommandId:
    """Derive the command's id. Stable for ever: repeats rely on it."""
    return CommandId(uuid5(_NAMESPACE, f"{client}|{key}"))


def delivery_command_id(source: str, delivery: str, step: str) -> CommandId:
    """Derive the id of one command from the delivery that wants it. Stable for ever: repeats rely on it.

    The step of the first command is FIRST_STEP: a journey is found by that.
    """
    return CommandId(uuid5(_DELIVERIES, f"{source}|{delivery}|{step}"))


def fingerprint(method: str, path: str, data: Mapping[str, Any]) -> str:
    """Tell one content from another, whatever the order of its fields. Pure."""
    canonical = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), canonical))).hexdigest()
