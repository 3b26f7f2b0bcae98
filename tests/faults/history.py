"""What clients asked and what they were told: one JSON line per invocation and per answer, as Jepsen keeps it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self


class Kind(StrEnum):
    """What a line tells. `info`: whether anything happened is unknown (time-out, cut connection, 5xx, in flight)."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class Channel(StrEnum):
    """Where commands come in."""

    HTTP = "http"
    WEBHOOK = "webhook"
    KAFKA = "kafka"
    IMPORT = "import"
    DISPATCH = "dispatch"  # past all doors


SPOOLED = "spooled"  # accepted, decided later: one effect or one kept refusal in the end
UNCHANGED = "unchanged"  # accepted, nothing to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One line. `key` is the client's own (idempotency key, delivery id), the same in every attempt of a command.

    `command_id` is the id that the bus derives from it; `at` is monotonic seconds.
    """

    process: str
    kind: Kind
    channel: Channel
    action: str
    key: str
    command_id: str
    at: float
    status: int = 0
    code: str = ""
    answer: str = ""
    ticket_id: str = ""
    version: int = 0


class History:
    """Appends operations to a file, each flushed: what a client knew stands there even when the client dies."""

    def __init__(self, path: Path) -> None:
        """Begin, or go on with, the file."""
        self.path = path
        self.answered = 0
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, op: Op) -> None:
        """Write one line; `answered` counts those that are final."""
        self._file.write(json.dumps(asdict(op), ensure_ascii=False) + "\n")
        self._file.flush()
        self.answered += op.kind in (Kind.OK, Kind.FAIL)

    def ops(self) -> list[Op]:
        """Read all that was written so far."""
        return list(read(self.path))


def read(path: Path) -> Iterator[Op]:
    """Read a file of operations; a last line cut short by a crash is passed over."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            continue
        yield Op(**{**told, "kind": Kind(told["kind"]), "channel": Channel(told["channel"])})
