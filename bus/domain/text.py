"""A sentence in the two languages that service people read. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Chinese and English of one meaning; as a string Chinese comes first."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"
