"""Names reserved for the bus: an outside client with one would pass for the bus itself."""

from unicodedata import category, normalize

from bus.domain.errors import MalformedInput
from bus.domain.terms import BUS

RESERVED = frozenset({BUS, "bus"})  # the actor, and the source, of what the bus does by itself
# Letters of other scripts that look like those of the reserved names (Unicode's confusables, lower case).
_ALIKE = str.maketrans("тіıсϲкκеεьвβυսѕꜱτι", "tiicckkeebbbuussti")


def is_reserved(name: str) -> bool:
    """Say whether a name is the bus's own, or would be read as that: other widths, letters that look alike. Pure."""
    return _as_read(name) in RESERVED


def _as_read(name: str) -> str:
    shown = "".join(one for one in normalize("NFKD", name).casefold() if category(one) not in ("Cf", "Mn", "Cc", "Zs"))
    return shown.translate(_ALIKE)


def refuse_reserved(name: str, field: str) -> None:
    """Refuse the bus's own names. Pure. Raises MalformedInput that names the field."""
    if is_reserved(name):
        zh, en = f"“{name}”是总线自己的名字,请写实际操作者", f"{name!r} is the bus's own name; say who it really was"
        raise MalformedInput("reserved_name", field, zh, en)
