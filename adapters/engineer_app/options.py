"""Options of the engineer app as a target."""

from typing import Final

from adapters.adapter import Options, PushAdapter


class EngineerAppOptions(Options):
    """Nothing: apps come to the gateway by themselves and are known by their tokens."""


ADAPTER: Final = PushAdapter(
    name="engineer-app",
    options=EngineerAppOptions,
    # They speak of calls that fail: an app is not called, it comes by itself, and until then its events wait.
    unused=frozenset({"rate_per_s", "retry", "breaker", "discard"}),
)
