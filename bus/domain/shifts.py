"""The shifts that people work, by name. Pure."""

from datetime import datetime
from typing import Final

ALWAYS: Final = "24x7"
SHIFTS: Final = (ALWAYS,)


def on_shift(shift: str, at: datetime) -> bool:  # noqa: ARG001 - of a shift with hours it will be asked
    """Say whether a shift works at a moment; one that is not known works never."""
    return shift == ALWAYS
