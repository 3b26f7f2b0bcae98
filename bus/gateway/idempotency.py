"""Idempotency-Key: the key and the client give the command its id, the content its fingerprint."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid5

import orjson

from bus.errors import MalformedInput
from bus.gateway.problems import HttpProblem
from bus.terms import CommandId

NAME = "Idempotency-Key"
_NAMESPACE = UUID("0b9d5a56-58c7-5f0a-9a52-6d3c1f6f2f11")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def read_key(headers: Mapping[str, str]) -> str:
    """Give the key out of lower-case headers. Pure. Raises MalformedInput when there is none or it cannot be one."""
    key = headers.get(NAME.lower(), "").strip()
    if not key:
        zh, en = (
            f"缺少请求头 {NAME},每个操作用一个新键,重试用同一个",
            f"send {NAME}: a new one per action, the same to retry",
        )
        raise MalformedInput("idempotency_key_missing", NAME, zh, en)
    if not _KEY.fullmatch(key):
        zh, en = f"{NAME} 须为 1–200 个可见 ASCII 字符", f"{NAME} is 1 to 200 visible ASCII characters"
        raise MalformedInput("idempotency_key_malformed", NAME, zh, en)
    return key


def command_id(client: str, key: str) -> CommandId:
    """Derive the command's id. Stable for ever: repeats rely on it."""
    return CommandId(uuid5(_NAMESPACE, f"{client}|{key}"))


def fingerprint(method: str, path: str, data: Mapping[str, Any]) -> str:
    """Tell one content from another, whatever the order of its fields. Pure."""
    canonical = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), canonical))).hexdigest()


class InFlight:
    """What this process is deciding right now."""

    def __init__(self) -> None:
        """Begin empty."""
        self._claimed: set[object] = set()

    @contextmanager
    def claim(self, what: object) -> Iterator[None]:
        """Hold a key until the block ends. Raises HttpProblem (409) when another request holds it."""
        if what in self._claimed:
            zh, en = "同一幂等键的请求正在处理,请稍后重试", "a request with this key is being decided; retry shortly"
            raise HttpProblem(409, "in_flight", NAME, (zh, en), {"Retry-After": "1"})
        self._claimed.add(what)
        try:
            yield
        finally:
            self._claimed.discard(what)
