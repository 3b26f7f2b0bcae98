"""What a target said of a failure, made fit to be stored: no personal data of the ticket, one line, short. Pure."""

from collections.abc import Sequence
from typing import Final

from bus.domain.events import Recorded
from bus.domain.personal import personal_fields
from bus.observability.masking import MASK, mask_text

CHARS_MAX: Final = 300
_READ_MAX: Final = 2000  # of what came; masked before it is cut, so that no half of a name is left
_PIECE: Final = 6  # so many characters in a row of a personal text are no chance


def fit_to_store(words: str, events: Sequence[Recorded]) -> str:
    """Mask and cut a target's words. What they repeat of the events' personal texts, whole or in part, is masked."""
    text = one_line(words)[:_READ_MAX]
    for personal in personal_texts(events) if text else ():
        text = _without(text, personal)
    text = mask_text(text)
    return text if len(text) <= CHARS_MAX else f"{text[: CHARS_MAX - 1]}…"


def personal_texts(events: Sequence[Recorded]) -> list[str]:
    """List the personal texts of events that are more than a character, each once, on a line, the longest first."""
    texts = (text for one in events for text in personal_fields(one.event).values())
    lines = {one_line(text) for text in texts if isinstance(text, str)}
    return sorted((line for line in lines if len(line) > 1), key=lambda line: (-len(line), line))


def one_line(text: str) -> str:
    """Put a text on one line, without what nobody sees; PostgreSQL takes all that is left."""
    return "".join(one for one in " ".join(text.split()) if one.isprintable())


def _without(text: str, personal: str) -> str:
    """Mask each run of characters that stands in the personal text, in whatever case."""
    plain, hidden = _lower(text), _lower(personal)
    size = min(_PIECE, len(hidden))
    pieces = {hidden[at : at + size] for at in range(len(hidden) - size + 1)}
    kept, end = list[str](), 0
    for at in range(len(plain) - size + 1 if size else 0):
        if plain[at : at + size] in pieces:
            if at > end or not at:
                kept += (text[end:at], MASK)
            end = at + size
    return "".join((*kept, text[end:]))


def _lower(text: str) -> str:
    """Lower each character that stays one."""
    return "".join(low if len(low := one.lower()) == 1 else one for one in text)
