"""Stopping what a killed supervisor left running."""

import signal
from collections.abc import Callable
from typing import Final

from bus.local import postgres
from bus.local.process import stop_leftover
from bus.local.state import StackState

_GRACE_S: Final = 15.0


def stop_leftovers(state: StackState, say: Callable[[str], None]) -> bool:
    """Stop every process of the state that still lives, last started first; answers whether there was one. Blocks."""
    found = False
    for name, identity in reversed(state.processes.items()):
        polite = postgres.POLITE if name == postgres.NAME else signal.SIGTERM
        if stop_leftover(identity, polite=polite, grace_s=_GRACE_S):
            say(f"stopped {name} (process {identity.pid}), which a killed supervisor had left")
            found = True
    return found
