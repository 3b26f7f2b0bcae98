"""Who decided something that is no ticket's: about people, articles and the like."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Who decided something, why and when."""

    by: str
    why: str = ""
    at: datetime
