"""The engineer app as a target: what a targets file may say of it."""

from typing import Final

from pydantic import BaseModel, ConfigDict

# What speaks of calls that fail: an app is not called, it comes by itself, and until then its events wait.
UNUSED: Final = frozenset({"rate_per_s", "retry", "breaker", "discard"})


class EngineerAppOptions(BaseModel):
    """Nothing: apps come to the gateway by themselves and are known by their tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
