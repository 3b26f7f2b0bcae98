"""Names of persons, spelled one way, and the names that are the bus's own: a client with one would pass for the bus."""

import re
from functools import lru_cache
from unicodedata import normalize

from bus.domain.errors import MalformedInput
from bus.domain.look_alikes import as_read
from bus.domain.terms import BUS, CUSTOMER_PAGE, ENGINEER_PAGE, SANDBOX
from bus.domain.text import IGNORABLE, Text, refused_character

# The actor, and the source, of what the bus does by itself, and of what comes by its own pages.
RESERVED = frozenset({BUS, "bus", SANDBOX, CUSTOMER_PAGE, ENGINEER_PAGE})
MAPPED_NAME_CHARS_MAX = 32
_CLIENT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_BRAILLE_BLANK = "\u2800"


def is_client_name(name: str) -> bool:
    """Say whether a client, and so a source, can be called that: ids, addresses, CloudEvents sources are made of it."""
    return _CLIENT_NAME.fullmatch(name) is not None


def wrong_for_a_map(name: str) -> Text | None:
    """Say why a source that is plugged in by a map cannot be called that; None where it can. Pure."""
    if not is_client_name(name) or len(name) > MAPPED_NAME_CHARS_MAX:
        return Text(
            f"由小写字母、数字、点和连字符组成,最多 {MAPPED_NAME_CHARS_MAX} 个字符",
            f"is lower-case letters, digits, dots and dashes, at most {MAPPED_NAME_CHARS_MAX}",
        )
    return Text(f"“{name}”是总线自己的名字", f"{name!r} is the bus's own name") if is_reserved(name) else None


@lru_cache(maxsize=4096)
def is_reserved(name: str) -> bool:
    """Say whether a name is the bus's own, or would be read as that: other widths, letters that look alike. Pure."""
    return as_read(name) in RESERVED


def refuse_reserved(name: str, field: str) -> None:
    """Refuse the bus's own names. Pure. Raises MalformedInput that names the field."""
    if is_reserved(name):
        zh, en = f"“{name}”是总线自己的名字,请写实际操作者", f"{name!r} is the bus's own name; say who it really was"
        raise MalformedInput("reserved_name", field, zh, en)


def own_prefix(source: str) -> str:
    """Give what the names of a source's own secrets begin with: QUAN_DESK_ of quan-desk. Pure."""
    return "".join(one if one.isalnum() else "_" for one in source).upper() + "_"


@lru_cache(maxsize=4096)
def plain_name(name: str) -> str:
    """Spell a person's name one way: full width as half, no blanks around it, and nothing that cannot be seen. Pure."""
    if not name.isascii():
        name = normalize("NFKC", IGNORABLE.sub("", name.replace(_BRAILLE_BLANK, " ")))
    return " ".join(name.split())


def person_name(name: str, field: str) -> str:
    """Give a person's name in its one spelling; empty when nothing of it can be seen. Pure.

    Raises MalformedInput for a control character, and for the bus's own name or one that would be read as that.
    """
    refuse_control(name, field)
    plain = plain_name(name)
    refuse_reserved(plain, field)
    return plain


def refuse_control(text: str, field: str, *, lines: bool = False) -> None:
    """Refuse what would break a line, or turn its direction; `lines`: the text may have several. Pure.

    Raises MalformedInput.
    """
    if found := refused_character(text, lines=lines):
        zh = f"“{field}”含控制字符" if lines else f"“{field}”是单行文字,含控制字符"
        en = f"{field} holds a control character" if lines else f"{field} is one line, and holds a control character"
        raise MalformedInput("control_character", field, f"{zh} U+{ord(found):04X}", f"{en}: U+{ord(found):04X}")
