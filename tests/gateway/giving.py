"""Questions of routes that are answered by what a test has at hand."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")


def giving(value: Callable[[], Value]) -> Callable[..., Awaitable[Value]]:
    """Give a question that is answered with the value of that moment, whatever is asked."""

    async def answer(*_: object) -> Value:
        return value()

    return answer
