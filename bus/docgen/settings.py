"""The settings page, drawn from the Settings class."""

import builtins
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bus.docgen.markdown import code, codes, document, table
from bus.docgen.shapes import spelled
from bus.duration import written
from bus.settings import Settings, secret_files, variables

_ABOUT = """\
Every setting of every program. The programs read the environment once, at their start. `ticketbus settings` prints each
with its value and where it came from, secrets masked. What has no default is lent by the local stack that runs, if
one does. Traces, metrics and logs go to an [OTLP collector](operating.md#opentelemetry) when
`OTEL_EXPORTER_OTLP_ENDPOINT` names one.

**Each secret may stand in a file**, as Docker and Kubernetes hand them out: `NAME_FILE` names the file whose content,
without the newline at its end, is the value of `NAME`. Set one of the two; both are refused, as is a file that is empty
or cannot be read. The same holds for the variables that the files of sources, targets, channels and OIDC name."""
# Defaults that depend on the machine.
_COMPUTED: Mapping[str, str] = {
    "data": "`$XDG_DATA_HOME/ticketbus` or `~/.local/share/ticketbus`",
    "cache": "`$XDG_CACHE_HOME/ticketbus` or `~/.cache/ticketbus`",
    "cors_origins": "",
    "trusted_proxies": '`["127.0.0.1"]`',
    "departments": "",
    "robots": "",
    "disk_floor_bytes": "",
    "disk_marks": "`[75, 85, 90]` for all",
    "intake_secrets": "",
    "no_key_words": "",
    "keep_days": "{}",
    "dwell_limits": "PT2H for all",
    "webhook_secrets": "",
}
_BOUNDS: Mapping[str, str] = {
    "ge": "at least {}",
    "gt": "above {}",
    "le": "at most {}",
    "lt": "below {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "of the form {}",
}
_SHAPES: Mapping[Any, str] = {Path: "path", timedelta: "ISO 8601 duration", SecretStr: "secret"}


def page() -> str:
    """Draw docs/settings.md. Pure."""
    return document(
        "Settings 设置",
        "bus/settings.py",
        _ABOUT,
        table(("Variable", "Type", "Default", "About"), map(_row, variables())),
    )


def _row(name: str) -> tuple[str, ...]:
    field = Settings.model_fields[name]
    default = _COMPUTED[name] if field.default_factory or name in _COMPUTED else _default(field.default)
    by_file = f"the file of {code(secret_files()[name])}" if name in secret_files() else ""
    about = "; or by ".join(filter(None, (field.description or "", by_file)))
    return code(variables()[name]), _shape(field.annotation) + _limits(field.metadata), default, about


def _limits(metadata: Iterable[Any]) -> str:
    """Spell the limits of a value, as its annotation has them: what is beyond them is refused at the start. Pure."""
    given = [(word, getattr(one, name)) for one in metadata for name, word in _BOUNDS.items() if hasattr(one, name)]
    return "".join(f", {word.format(code(str(limit)))}" for word, limit in given if limit is not None)


def _default(value: object) -> str:
    match value:
        case None | "":
            return ""
        case timedelta():
            return code(written(value))
        case [timedelta(), *_] as times:
            return code(json.dumps(times, default=written))
        case _:
            return code(str(value))


def _bare(hint: Any) -> Any:
    """Give what a hint is of, below its limits: list, tuple, or None."""
    return _bare(get_args(hint)[0]) if get_origin(hint) is Annotated else get_origin(hint)


def _shape(hint: Any) -> str:
    args = get_args(hint)
    if get_origin(hint) is Annotated:
        return _shape(args[0])
    if type(None) in args:
        return _shape(next(one for one in args if one is not type(None)))
    if get_origin(hint) is Literal:
        return f"one of {codes(args)}"
    if get_origin(hint) is dict and timedelta in get_args(args[1]):
        return "JSON object of ISO 8601 durations"
    if get_origin(hint) is dict:
        match _bare(args[1]):
            case builtins.list:
                return "JSON object of lists of secrets"
            case builtins.tuple:
                return "JSON object of lists of numbers"
            case _:
                return _each("JSON object of integers", args)
    if get_origin(hint) is list:
        return _each("JSON list of secrets", args) if SecretStr in get_args(args[0]) else "JSON list"
    return _SHAPES.get(hint) or spelled(hint)


def _each(shape: str, args: Sequence[Any]) -> str:
    """Spell a shape with the limits of what it holds. Pure."""
    limits = [_limits(one.metadata) for one in get_args(args[-1])[1:] if isinstance(one, FieldInfo)]
    return shape + (f", each {limits[0].removeprefix(', ')}" if limits and limits[0] else "")
