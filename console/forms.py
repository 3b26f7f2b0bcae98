"""Forms as browsers send them, and where they lead afterwards."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.page import ROOT

FORM_BYTES_MAX: Final = 2 * 1024 * 1024  # an edited letter
DIGITS_MAX: Final = 15
_OFFSETS: Final = {len("2026-11-28T08:00"): ":00+08:00", len("2026-11-28T08:00:00"): "+08:00"}
_FRACTION: Final = re.compile(r"-?\d{1,15}\.\d{1,15}", re.ASCII)


async def fields_of(request: Request) -> Sequence[tuple[str, str]]:
    """Read a form's fields. Raises HTTPException (413)."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES_MAX:
            raise HTTPException(413)
    return parse_qsl(body.decode(errors="replace"), keep_blank_values=True)


def go_to(address: str) -> Response:
    """Lead on by GET (303); the way there is in no cache."""
    return RedirectResponse(address, 303, headers={"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


def back_to(address: str) -> str:
    """Give an address to go back to if it is one of the console's, nothing otherwise. Pure."""
    parts = urlsplit(address) if address.isprintable() and "\\" not in address else urlsplit("")
    inside = not parts.scheme and not parts.netloc and f"{parts.path}/".startswith(f"{ROOT}/")
    return address if inside and ".." not in parts.path else ""


def number_of(text: str) -> int | float | str:
    """Give a number that was typed; what is none as it is, for the gateway to refuse it by its field. Pure."""
    if text.removeprefix("-").isdecimal() and len(text) <= DIGITS_MAX:
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else text


def moment(typed: str) -> str:
    """Give a time as browsers send it with China's offset; one that has an offset, or is no time, stays. Pure."""
    seconds = _OFFSETS.get(len(typed))
    return f"{typed}{seconds}" if seconds and typed[10] == "T" else typed
