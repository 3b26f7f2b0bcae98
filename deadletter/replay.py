"""Replay of input: the topic that its stage reads, so that there is one way in. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bus.domain.errors import InvariantBroken
from bus.domain.text import Text
from bus.intake.command_ids import spelled_key
from bus.wire.headers import RETURNED
from deadletter.dead_letter import DeadLetter
from schemas.messages import RequestReceived
from schemas.topics import COMMANDS, INTAKE

RETURN_BYTES_MAX = 1024 * 1024
NO_WAY_BACK: Final[Mapping[str, Text]] = {
    "import": Text(
        "请改正文件后重新导入,已导入的行不会重复",
        "mend the file and import it again; what is in stays as it is",
    ),
    "log": Text("日志上的外来字节不是任何系统的请求", "foreign bytes on the log are nobody's request; discard it"),
}
"""Kinds of origin whose input cannot be replayed, and what to do instead."""


def no_way_back(origin: str, size: int) -> Text | None:
    """Give the reason why input of an origin cannot be replayed, or None; a delivery always can. Pure."""
    kind = kind_of_origin(origin)
    if kind != "delivery" and size > RETURN_BYTES_MAX:
        return Text(f"有 {size} 字节,Kafka 不收这么大的记录", f"its {size} bytes are more than Kafka takes back")
    return NO_WAY_BACK.get(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRecord:
    """A record that replays input."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str]


def kind_of_origin(origin: str) -> str:
    """Name the kind of origin: delivery, webhook, http, commands, answer, intake, import or log. Pure."""
    return origin.partition(":")[0]


def way_back(letter: DeadLetter, encode: Callable[[RequestReceived], bytes]) -> ReplayRecord:
    """Give the record that replays a letter's input on its stage's topic; a raw request goes to the intake."""
    returned = {RETURNED: str(letter.id)}
    headers = _sent_headers(letter) | returned
    match kind_of_origin(letter.origin):
        case "webhook" | "http":
            received = request_of(letter)
            return ReplayRecord(topic=INTAKE, key=received.source, value=encode(received), headers=returned)
        case "commands" | "answer":
            key = letter.ticket_id or letter.origin
            return ReplayRecord(topic=COMMANDS, key=key, value=letter.value, headers=headers)
        case "intake":
            return ReplayRecord(topic=INTAKE, key=letter.origin, value=letter.value, headers=headers)
        case other:
            raise InvariantBroken(f"input of {other!r} is replayed on no topic")


def request_of(letter: DeadLetter, body: bytes | None = None) -> RequestReceived:
    """Give the raw request that a letter of a webhook or of HTTP was, or would be with another body."""
    headers = _sent_headers(letter)
    _, _, source = letter.origin.partition(":")
    return RequestReceived(
        delivery_id=spelled_key(headers) or letter.origin_ref.partition("#")[0],
        source=source or letter.headers.get(":client", ""),
        client=source or letter.headers.get(":client", ""),
        method="POST",
        path=letter.headers[":path"],
        headers=headers,
        body=letter.value if body is None else body,
        received_at=letter.began_at,
        trace_id=letter.trace_id,
    )


def _sent_headers(letter: DeadLetter) -> dict[str, str]:
    """Give the headers that came with the input; those that begin with a colon are notes of ours."""
    return {name: value for name, value in letter.headers.items() if not name.startswith(":")}
