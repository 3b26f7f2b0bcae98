"""Secrets of a channel, taken out of every text that leaves it: an answer may repeat the address that was called."""

import html
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from bus.alerts.engine.channel import NotSent
from bus.observability.masking import MASK, mask_text

WHY_CHARS_MAX: Final = 300
_VALUE_CHARS_MIN: Final = 4  # of an address: what is shorter is no key, and would mask half of every text
_PATH_CHARS_MIN: Final = 16  # a part of a path that is as long may be a key


class HiddenSecrets:
    """What must not be read in a failure: each text as it is, and as addresses, pages and headers write it."""

    def __init__(self, *texts: str) -> None:
        """Hide these."""
        forms = {form for text in texts for form in _forms(text) if form}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)", re.IGNORECASE)

    def without(self, text: str) -> str:
        """Give a text without them, on one line, phones masked, cut."""
        return mask_text(" ".join(self._pattern.sub(MASK, text).split()))[:WHY_CHARS_MAX]

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Let no NotSent out that has one of them in its text."""
        try:
            yield
        except NotSent as error:
            raise NotSent(self.without(error.why), error.retry_after_s) from None


def secrets_of(url: str) -> list[str]:
    """List what may be a secret in an address: its query, whole and value by value, and long parts of its path."""
    parts = urlsplit(url)
    values = [value for _, value in parse_qsl(parts.query) if len(value) >= _VALUE_CHARS_MIN]
    within = [part for part in parts.path.split("/") if len(part) >= _PATH_CHARS_MIN]
    return [parts.query, parts.fragment, *values, *within]


def _forms(text: str) -> tuple[str, ...]:
    coded = b64encode(text.encode()).decode()
    return text, quote(text, safe=""), quote_plus(text), unquote(text), html.escape(text), coded
