"""Mutations of a valid JSON body: odd values and shapes inside the tree, then damage to its bytes."""

import copy
import gzip
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import orjson

# Spelled by a placeholder in the tree, because no JSON library would write them: no numbers, broken texts, equal keys.
RAW: Sequence[bytes] = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"-0", b"0x10", b"01", b"1.", b".5", b"1e-400", b"9" * 400,
    b"9" * 5000, b"18446744073709551616", b"-9223372036854775809", b"1E400", b"1" + b"0" * 50 + b".5", b"tru", b"'x'",
    rb'"\u0000"', rb'"a\u0000b"', rb'"\ud800"', rb'"\udfff\ud800"', rb'"\ud83d\ude00"', rb'"\x41"', rb'"\u12"', b'"\t"',
    b'"\xff\xfe"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b'"\x00"',
    b'1,"title":2', b'{"a":1,"a":{"a":2}}', b'null,"text":"x","text":null', b"[1,]", b'{"a":1,}', b"/*x*/1",
    b"", b"[", b"{",
    b"[" * 31 + b"]" * 31, b"[" * 40 + b"]" * 40, b"[" * 5000, b'{"a":' * 5000, b'{"a":' * 31 + b"1" + b"}" * 31,
    b"[" + b"0," * 20_000 + b"0]", b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(5000)) + b"}",
)  # fmt: skip
ODD: Sequence[Any] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63), 1e308, 5e-324, 0.1, "", " ", "0", "null",
    "true", "x" * 501,
    "x" * 10_001, "界" * 30_000, "x" * 100_001, "y" * 300_000, "\u202e", "\ufeff", "\x7f\x80\x1b[31m",
    "a\r\nb: c", "é", "👩‍🔧",
    "ΐ" * 500, "ﬃ" * 200, "'; DROP TABLE events; --", "../../etc/passwd", "${jndi:ldap://x}", "%s%n%00",
    "<script>", "已关闭",
    "bus", "TICKETBUS", " ticketbus ", "Photo", "photo ", "IT部", "²³", "１３８００００００００１", "+86 138 0000 0001",
    [], {}, [[]], [{}], {"": ""}, [None], ["x"] * 60, [["x"] * 1000], {"a": {"b": {"c": None}}}, ["x" * 2001] * 3,
    "2026-11-22", "2026-11-22T10:00:00", "2026-11-22T10:00:00Z", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-13-40T99:99:99Z", "2026-11-22T10:00:00+99:00", "20261122T100000Z", "2026-W47-7T10:00:00Z",
    "-2026-11-22T10:00:00Z",
    "2026-11-22T10:00:00.1234567890123Z", "1700000000", 1700000000, 1.7e9, "2000-01-01T00:00:00+23:59",
    "2026-11-22T24:00:00Z",
)  # fmt: skip
_MARK = "\ue000%d\ue000"


def spelled(tree: Any) -> bytes:
    """Write a tree as JSON, its raw parts as they are. Pure."""
    text = orjson.dumps(tree, default=str)
    if b"\xee\x80\x80" in text:
        for number, raw in enumerate(RAW):
            text = text.replace(b'"' + (_MARK % number).encode() + b'"', raw)
    return text


def mutated(tree: Any, chance: Random) -> Any:
    """Give a copy of a tree with one to three changes somewhere in it."""
    whole = [copy.deepcopy(tree)]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        holder, key = _somewhere(whole, chance)
        chance.choice(_CHANGES)(holder, key, chance)
    return whole[0] if whole else {}


def damaged(text: bytes, chance: Random) -> bytes:
    """Give the bytes with a damage of the kinds that wires and wrong encoders do."""
    return chance.choice(_DAMAGES)(text, chance)


def _somewhere(whole: list[Any], chance: Random) -> tuple[Any, Any]:
    """Choose a place: the container and the key or index in it."""
    places: list[tuple[Any, Any]] = [(whole, 0)] if whole else []
    for holder, key in places:
        inner = holder[key]
        if isinstance(inner, dict | list) and len(places) < 200:
            places += [(inner, one) for one in (inner if isinstance(inner, dict) else range(min(len(inner), 50)))]
    return chance.choice(places) if places else (whole, 0)


def _odd(holder: Any, key: Any, chance: Random) -> None:
    if holder:
        holder[key] = copy.deepcopy(chance.choice(ODD))


def _raw(holder: Any, key: Any, chance: Random) -> None:
    if holder:
        holder[key] = _MARK % chance.randrange(len(RAW))


def _gone(holder: Any, key: Any, _chance: Random) -> None:
    if holder:
        del holder[key]


def _misspelled(holder: Any, key: Any, chance: Random) -> None:
    if isinstance(holder, dict):
        at = chance.randrange(len(key) + 1)
        made_up = chance.choice(("", "x", "É", "\x01", "." * 3, "k" * 3000))
        holder[key[:at] + made_up + key[at + 1 :]] = holder.pop(key)


def _added(holder: Any, _key: Any, chance: Random) -> None:
    value = copy.deepcopy(chance.choice(ODD))
    if isinstance(holder, dict):
        names = (
            "at",
            "actor",
            "waives",
            "__proto__",
            "ticket_id",
            "13912345678",
            "绝密女士",
            "n" * 200_000,
            "\ud7ff",
            "",
        )
        holder[chance.choice(names)] = value
    else:
        holder.append(value)


def _wrapped(holder: Any, key: Any, chance: Random) -> None:
    if holder:
        inner = holder[key]
        for _ in range(chance.choice((1, 2, 40))):
            inner = [inner] if chance.random() < 0.5 else {"value": inner}
        holder[key] = inner


def _repeated(holder: Any, key: Any, chance: Random) -> None:
    if holder and isinstance(inner := holder[key], str | list):
        holder[key] = inner * chance.choice((2, 60, 600))


_CHANGES: Sequence[Callable[[Any, Any, Random], None]] = (
    _odd, _odd, _odd, _odd, _odd, _raw, _raw, _gone, _misspelled, _added, _wrapped, _repeated,
)  # fmt: skip


def _cut(text: bytes, chance: Random) -> bytes:
    return text[: chance.randrange(len(text) + 1)]


def _flipped(text: bytes, chance: Random) -> bytes:
    broken = bytearray(text)
    for _ in range(chance.choice((1, 1, 3, 20))):
        if broken:
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    return bytes(broken)


def _inserted(text: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(text) + 1)
    return (
        text[:at]
        + chance.choice((chance.randbytes(3), b"\0", b'"', b"\\", b"}", b"[" * 50, b",,", RAW[-1]))
        + text[at:]
    )


def _spliced(text: bytes, chance: Random) -> bytes:
    a, b = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    return text[:a] + text[b:] if chance.random() < 0.5 else text[:b] + text[a:]


def _recoded(text: bytes, chance: Random) -> bytes:
    codec = chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "gb18030", "utf-7"))
    return text.decode(errors="replace").encode(codec)


def _squeezed(text: bytes, chance: Random) -> bytes:
    return chance.choice((gzip.compress, zlib.compress))(text)


def _grown(text: bytes, chance: Random) -> bytes:
    """Grow over every limit: with blanks, which no parser minds, or by repeating all."""
    return text + b" " * chance.choice((1, 262_144, 2_000_000)) if chance.random() < 0.5 else text * 3


def _hidden_depth(_text: bytes, chance: Random) -> bytes:
    """Nest deeper than any parser likes where only a reader of UTF-16 sees it: a byte of 嬢 is a quote mark."""
    return '["嬢",'.encode("utf-16-le") + "[".encode("utf-16-le") * chance.choice((30, 3000))


_DAMAGES = (
    _cut,
    _cut,
    _flipped,
    _flipped,
    _flipped,
    _inserted,
    _inserted,
    _spliced,
    _recoded,
    _squeezed,
    _grown,
    _hidden_depth,
)
