"""To whose board a ticket was put 升级 (R7), in words. Pure."""

from collections.abc import Mapping
from typing import Final

from bus.domain.text import Text

TEAM_LEAD: Final = "team_lead"
"""Whom the bus itself escalates to."""
_WORDS: Final[Mapping[str, Text]] = {TEAM_LEAD: Text("班组长", "the team lead")}


def board_words(role: str) -> Text:
    """Name the role; one that the bus does not know by its own word."""
    return _WORDS.get(role, Text(role, role))
