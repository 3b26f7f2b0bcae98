"""Takes personal data and secrets out of what goes into a bundle: by name, by form, and by the secrets' own text.

Names of persons have no form: so what may hold one, free text of errors and unknown fields of logs, is left out.
"""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import SecretStr

from bus.observability.masking import MASK, mask_event, mask_text
from bus.secret_files import SUFFIX, SecretFileUnusable, secret_from
from bus.settings import Settings, mask_password

SECRET_CHARS_MIN: Final = 6  # what is shorter is found everywhere
SECRET_NAME: Final = re.compile(r"(?i)key|secret|token|passw|pwd|credential|_auth|database_url")
# Fields of log lines whose text our programs write themselves, from a closed set of words and names.
_PLAIN: Final = frozenset({
    "at", "channel", "code", "count", "error", "event", "group", "handler", "host", "kind", "level", "logger", "method",
    "offset", "part", "partition", "path", "program", "repeated", "role", "route", "rule", "shard", "since", "stage",
    "state", "status", "target", "task", "topic", "version",
})  # fmt: skip
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|\([^()]*\)=\([^()]*\)|\$\d+ = \S+")
_FRAME: Final = re.compile(r'^\s+File "[^"]+", line \d+, in \S+$')
_RAISED: Final = re.compile(r"^((?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt|Unavailable|Invalid|Broken))\b.*$")
# PostgreSQL shows rows and statements in lines of these kinds, and values in the texts of errors.
_SHOWS_ROWS: Final = re.compile(r"\b(ERROR|DETAIL|STATEMENT|CONTEXT|QUERY|HINT|NOTICE|DEBUG\d?):\s")
_OF_POSTGRESQL: Final = re.compile(r"\b(LOG|WARNING|FATAL|PANIC):\s")


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Cleans texts, values and lines; `secrets` are known by their own text and found wherever they stand."""

    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def text(self, text: str) -> str:
        """Mask secrets, phones and numbers of citizens inside a text."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return mask_text(mask_password(text))

    def value(self, value: Any) -> Any:
        """Mask what a value is made of, fields by their names too."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                named = mask_event(None, "", {str(key): one for key, one in value.items()})
                return {key: self.value(one) for key, one in named.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(one) for one in value]
            case _:
                return value

    def program_line(self, line: str) -> str:
        """Clean a line of one of our programs: of its fields those that are ours, of a traceback its places."""
        try:
            fields = json.loads(line)
        except ValueError:
            return self._traceback_line(line)
        if not isinstance(fields, dict):
            return ""
        kept = {name: one for name, one in fields.items() if name in _PLAIN or isinstance(one, int | float)}
        if cause := fields.get("cause"):
            kept["cause"] = unquoted(str(cause))
        if "logger" in fields:  # a library's line: its text is an error's as a rule
            kept["event"] = unquoted(str(fields.get("event", "")))
        if exception := fields.get("exception"):
            kept["exception"] = [one for each in str(exception).split("\n") if (one := self._traceback_line(each))]
        left_out = sorted(fields.keys() - kept.keys())
        return json.dumps({**self.value(kept), **({"left_out": left_out} if left_out else {})}, ensure_ascii=False)

    def postgresql_line(self, line: str) -> str:
        """Clean a line of PostgreSQL's: what shows rows, statements or values is left out."""
        if _SHOWS_ROWS.search(line) or not _OF_POSTGRESQL.search(line):
            return ""
        return self.text(unquoted(line))

    def java_line(self, line: str) -> str:
        """Clean a line of Kafka or the registry, which are given no record's content to log."""
        return self.text(line)

    def _traceback_line(self, line: str) -> str:
        if _FRAME.match(line) or line.startswith("Traceback "):
            return line
        raised = _RAISED.match(line)
        return f"{raised[1]}: {MASK}" if raised else ""


def unquoted(text: str) -> str:
    """Leave of an error's text its first line, without what it quotes."""
    return _QUOTED.sub(MASK, text.partition("\n")[0])


def secrets_of(settings: Settings, environment: Mapping[str, str]) -> frozenset[str]:
    """Collect the secrets that are known: of settings, inside addresses, of the environment by name and in its files.

    Blocks for as long as the files take; one that cannot be read holds nothing that a program has had.
    """
    found = set[str]()
    for name in type(settings).model_fields:
        found |= _texts(getattr(settings, name))
    for name, value in environment.items():
        if SECRET_NAME.search(name) and (name.endswith(SUFFIX) or not _is_place(value)):
            with suppress(SecretFileUnusable):
                found.add(secret_from({name: value}, name.removesuffix(SUFFIX)))
    for url in (settings.database_url or "", settings.schema_registry_url or "", settings.url or ""):
        if match := re.search(r"://[^:/@]*:([^@]+)@", url):
            found.add(match[1])
    return frozenset(one for one in found if len(one) >= SECRET_CHARS_MIN and one not in ("default", "unset"))


def _is_place(value: str) -> bool:
    """Say whether a variable's value is a path that is there, as of PWD or SSH_AUTH_SOCK: it names a place."""
    return value.startswith("/") and os.path.lexists(value)


def _texts(value: object) -> set[str]:
    match value:
        case SecretStr():
            text = value.get_secret_value()
            return {text, text.partition(":")[2]} if ":" in text else {text}
        case Mapping():
            return set().union(*(_texts(one) for one in value.values()))
        case list() | tuple():
            return set().union(*(_texts(one) for one in value))
        case _:
            return set()
