"""Readers in clear, where nothing is sealed."""

from collections.abc import Sequence
from typing import TypeVar

from bus.postgres.personal_keys import Reader

Value = TypeVar("Value")


class FakeClear:
    """What nothing is sealed for: everything is in clear already. `readers` are those who read."""

    def __init__(self) -> None:
        self.readers: list[Reader] = []

    async def __call__(self, items: Sequence[tuple[str, Value]], reader: Reader) -> list[Value]:
        """Give the values as they are."""
        self.readers.append(reader)
        return [value for _, value in items]
