"""Garbage for the WebSocket door: handshakes with one part broken, and frames that no subscriber should send."""

import base64
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_from_bytes

import orjson

from tests.fuzz.stream_client import BINARY, CLOSE, PING, PONG, TEXT, frame, handshake

GOOD = "topics=ticket.status"
TOPICS = ("ticket.assign", "ticket.status", "ticket.sla", "ticket.parts", "ticket.events")
NUMBERS: tuple[Any, ...] = (
    -1, -(2**63), 2**31, 2**53, 2**63 - 1, 2**63, 2**64, 10**40, 0.5, 1e308, True, None, "0", "x", [], {}, [[0]],
)  # fmt: skip
JUNK: tuple[bytes, ...] = (
    b"", b"\0", b"%00", b"\xff\xfe", b"\xed\xa0\x80", "§".encode(), b"a" * 300, b"a" * 9000, b"../..", b"'", b"{}",
    b"null", b"%", b"%zz", b"\x7f", b"${x}", b" ", b"\t", b"start\0", b"START", b"-1", b"\xc0\x80", b"a,b", b"bearer.",
)  # fmt: skip


def text_of(junk: bytes) -> str:
    """Carry any bytes through a str; `handshake` gives them back as they are."""
    return junk.decode("utf-8", errors="surrogateescape")


def bad_handshake(chance: random.Random, token: str, revoked: str, cursors: Sequence[str]) -> bytes:
    """Spell a handshake that is broken in one or two parts, or not at all."""
    made: Sequence[Callable[[], bytes]] = (
        lambda: handshake(f"topics={_topics(chance)}", token),
        lambda: handshake(f"{GOOD}&cursor={_cursor(chance, chance.choice(cursors))}", token),
        lambda: handshake(f"topics={_topics(chance)}&cursor={_cursor(chance, chance.choice(cursors))}", token),
        lambda: _token(chance, revoked),
        lambda: _subprotocols(chance, token, revoked),
        lambda: _headers(chance, token),
        lambda: _bytes(chance, handshake(GOOD, token)),
    )
    return chance.choice(made)()


def _typo(chance: random.Random, name: str) -> str:
    at = chance.randrange(len(name))
    return chance.choice(
        (name[:at] + name[at + 1 :], name[:at] + "s" + name[at:], name.upper(), name + "s", name[:at], name + "\u202e")
    )


def _topics(chance: random.Random) -> str:
    name = chance.choice(TOPICS)
    return chance.choice(
        (
            quote(_typo(chance, name)),
            ",".join(chance.choices(TOPICS, k=chance.randrange(1, 400))),
            f"{name},{quote(_typo(chance, name))}",
            f",,{name},",
            text_of(chance.choice(JUNK)),
            quote_from_bytes(chance.choice(JUNK)),
            quote_from_bytes(chance.randbytes(20)),
            f"{name}&topics=ticket.assigns",
            "ticket.intake",
        )
    )


def _cursor(chance: random.Random, good: str) -> str:
    """Break a cursor: its text, its bytes, its JSON, its names, its lists, its offsets."""
    offsets: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    name = chance.choice(tuple(offsets))
    numbers, one = list(offsets[name]), chance.choice(NUMBERS)
    numbers[chance.randrange(len(numbers))] = one
    trees: tuple[Any, ...] = (
        {**offsets, name: numbers},
        {**offsets, name: [one] * len(numbers)},
        {**offsets, name: numbers[:-1]},
        {**offsets, name: [*offsets[name], 0]},
        {**offsets, name: one},
        {**offsets, _typo(chance, name): offsets[name]},
        {_typo(chance, name): offsets[name]},
        {name: [value + chance.randrange(-3, 10**6) for value in offsets[name]]},
        list(offsets), [offsets], name, one, {}, {name: {}},
    )  # fmt: skip
    tree = chance.choice(trees)
    raw = orjson.dumps(tree) if not _too_wide(tree) else repr(tree).replace("'", '"').encode()
    texts = (
        _spelled(raw),
        _spelled(raw[: chance.randrange(len(raw) + 1)]),
        _spelled(b"[" * chance.randrange(1, 5000)),
        _spelled(b'{"a":' * 1500),
        good[: chance.randrange(len(good))],
        _flipped(chance, good.encode()).decode("latin-1"),
        good + "=" * chance.randrange(4),
        good * 20,
        base64.b64encode(raw).decode(),
        text_of(chance.choice(JUNK)),
        quote_from_bytes(chance.randbytes(40)),
        f"{good}&cursor=start",
    )
    return chance.choice((texts[0], texts[0], chance.choice(texts)))


def _too_wide(tree: Any) -> bool:
    try:
        orjson.dumps(tree)
    except TypeError:  # an integer of more than 64 bits
        return True
    return False


def _spelled(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _token(chance: random.Random, revoked: str) -> bytes:
    schemes = chance.choices(("Bearer", "bearer", "Basic", "", "Bearer\tx", "Bearer" * 99), k=2)
    lines = [f"Authorization: {scheme} {chance.choice((revoked, text_of(chance.choice(JUNK))))}" for scheme in schemes]
    return handshake(GOOD, chance.choice((None, revoked, revoked + "x")), *lines[: chance.randrange(3)])


def _subprotocols(chance: random.Random, token: str, revoked: str) -> bytes:
    offers = ["bearer." + text_of(chance.choice(JUNK)), "chat", "", f"bearer.{token}", f"bearer.{revoked}", "a b", "§",
              text_of(chance.choice(JUNK)), "bearer." * 2000]  # fmt: skip
    said = [f"Sec-WebSocket-Protocol: {', '.join(chance.choices(offers, k=chance.randrange(1, 5)))}" for _ in range(2)]
    return handshake(GOOD, chance.choice((None, None, token)), *said[: chance.randrange(1, 3)])


def _headers(chance: random.Random, token: str) -> bytes:
    """Break the handshake as HTTP and the WebSocket standard know it."""
    good, junk = handshake(GOOD, token), chance.choice(JUNK)
    swaps: Mapping[bytes, Sequence[bytes]] = {
        b"Sec-WebSocket-Version: 13": (b"Sec-WebSocket-Version: 12", b"Sec-WebSocket-Version: " + junk, b"X: y"),
        b"Sec-WebSocket-Key: ": (b"Sec-WebSocket-Key: " + junk, b"Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: ", b"X: "),
        b"Upgrade: websocket": (b"Upgrade: h2c", b"Upgrade: websocket, h2c", b"X: y", b"Upgrade: " + junk),
        b"Connection: Upgrade": (b"Connection: close", b"Connection: keep-alive, Upgrade", b"X: y"),
        b"GET ": (b"POST ", b"HEAD ", b"get ", b"", junk + b" "),
        b"HTTP/1.1": (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", junk),
        b"/v1/stream": (b"/v1/stream/", b"/v1//stream", b"/v1/stream%00", b"http://x/v1/stream", b"/v1/tickets", junk),
        b"Host: bus": (b"Host: bus\r\ntraceparent: " + junk, b"Sec-WebSocket-Extensions: permessage-deflate; " + junk,
                       b"Host: bus\r\nOrigin: " + junk, b"Host: a\r\nHost: b", b"X: y\r\n  folded: z", b"no colon",
                       b"X: " + b"y" * 70_000, b"\r\n".join(b"H%d: x" % n for n in range(500)),
                       b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Expect: 100-continue"),
        b"\r\n\r\n": (b"\n\n", b"\r\n\r\n" + chance.randbytes(30), b"\r\n\r\n" + frame(TEXT, b"too early")),
    }  # fmt: skip
    part = chance.choice(tuple(swaps))
    return good.replace(part, chance.choice(swaps[part]), 1)


def _flipped(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _bytes(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.randrange(1, 4)):
        data = _flipped(chance, data)
    return data


def bad_frames(chance: random.Random) -> bytes:
    """Spell what no subscriber should send; not all of it is against the protocol."""
    some = chance.randbytes(chance.choice((0, 1, 5, 125, 126, 3000)))
    small = some[:125]
    bad = (
        frame(TEXT, some),
        frame(BINARY, some),
        frame(TEXT, b"x" * 65_537),
        frame(BINARY, b"x" * 1_000_000),
        frame(TEXT, b"\xff\xc0"),
        frame(chance.choice((3, 7, 11, 15)), small),
        frame(TEXT, some, flags=chance.choice((0x40, 0x20, 0x10))),
        frame(TEXT, some, mask=False),
        frame(PING, some, fin=chance.random() < 0.5),
        frame(PING, small) * 50,
        frame(PING, small) * 2000,
        frame(PONG, small) * 50,
        frame(0, small),
        frame(TEXT, b"a", fin=False) + frame(0, b"", fin=False) * 2000,
        frame(TEXT, b"a" * 30_000, fin=False) + frame(0, b"b" * 30_000, fin=False) * 3,
        frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),
        frame(TEXT, b"a", fin=False) + frame(PING, b"b") + frame(0, b"c"),
        frame(CLOSE, b"\x03"),
        frame(CLOSE, chance.choice((0, 999, 1004, 1005, 1006, 1016, 2999, 65535)).to_bytes(2, "big")),
        frame(CLOSE, b"\x03\xe8\xff\xff"),
        frame(CLOSE, b"\x03\xe8" + b"x" * 124),
        b"\x81\xff" + b"\xff" * 8,
        chance.randbytes(200),
        _bytes(chance, frame(TEXT, small) * 3),
    )
    return b"".join(chance.choices(bad, k=chance.randrange(1, 4)))
