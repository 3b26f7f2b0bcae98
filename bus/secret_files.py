"""Secrets that stand in files: the variable NAME_FILE names the file whose content is the value of NAME."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import orjson
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bus.domain.text import Text

SUFFIX = "_FILE"
HOLD_KEYS = ("http_key_file", "http_certificate_file")
"""Settings of files that may hold a private key: the first of them that is set does."""
_WITH_PASSWORD = frozenset({"database_url"})  # shown but for its password, and as secret as that

_OWN = re.compile(
    r"(TICKETBUS_|DATABASE_URL|KAFKA_|SCHEMA_REGISTRY_|AWS_|OTEL_).*|PG[A-Z]+|(ALL|HTTPS?)_PROXY", re.DOTALL
)


def is_own(variable: str) -> bool:
    """Say whether a variable is a setting of the bus's, or of a library's: no secret of another system's. Pure."""
    return _OWN.fullmatch(variable.removesuffix(SUFFIX)) is not None


class SecretFileUnusable(Exception):
    """A variable NAME_FILE beside NAME, or a file that gives no value; says the variable, never the content."""


def secret_from(environment: Mapping[str, str], variable: str) -> str:
    """Give a secret from its variable, else from the file that NAME_FILE names; empty without both.

    White space around it is no part of it. Raises SecretFileUnusable. Blocks for as long as the file takes.
    """
    given, path = environment.get(variable, "").strip(), environment.get(variable + SUFFIX, "")
    if not path:
        return given
    named = f"{variable}{SUFFIX}"
    if given:
        raise _unusable(
            named, f"不能与 {variable} 同时设置,请去掉一个", f"{variable} is set as well; leave one of the two out"
        )
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise _unusable(named, f"无法读取文件 {path}:{why}", f"cannot read {path} ({why})") from None
    if not content:
        raise _unusable(named, f"文件 {path} 是空的", f"{path} is empty")
    return content


def holds_secret(name: str, field: FieldInfo) -> bool:
    """Say whether a setting is, or holds, what nobody may see. Pure."""
    return name in _WITH_PASSWORD or _secret(field.annotation)


def given_by_files(fields: Mapping[str, FieldInfo], variables: Mapping[str, str]) -> dict[str, Any]:
    """Give the values of the settings whose variable names a file. Raises SecretFileUnusable."""
    found = dict[str, Any]()
    for name, field in fields.items():
        if not holds_secret(name, field) or not os.environ.get(variables[name] + SUFFIX):
            continue
        text = secret_from(os.environ, variables[name])
        try:
            found[name] = text if _is_text(field.annotation) else orjson.loads(text)
        except ValueError:
            variable = f"{variables[name]}{SUFFIX}"
            raise _unusable(variable, "文件内容不是 JSON", "the content of its file is not JSON") from None
    return found


def _unusable(variable: str, zh: str, en: str) -> SecretFileUnusable:
    return SecretFileUnusable(f"{variable}: {Text(zh, en)}")


def _secret(hint: Any) -> bool:
    return hint is SecretStr or any(map(_secret, get_args(hint)))


def _is_text(hint: Any) -> bool:
    """Say whether a setting takes text as it is, and no JSON."""
    return get_origin(hint) not in (dict, list)
