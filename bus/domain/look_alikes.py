"""How people read a name: letters and digits of other scripts and styles as the ASCII ones they look like. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache
from unicodedata import category, decimal, name, normalize

from bus.domain.text import IGNORABLE

# Code points that look like letters of `ticketbus` and of ticket numbers: Unicode's confusables.txt (UTS #39), those
# with a single ASCII letter as prototype, case folded and decomposed, and mu. `i` has those of I, l and 1.
_CONFUSABLES: Mapping[str, str] = {
    "b": "0185 03B2 0432 044C 13CF 13F4 1472 15AF 15F7 A4D0 A7B5 10282 102A1 10301",
    "c": "03C3 0441 13DF 2CA5 A4DA 102A2 10302 1043D 1051C 118F2 1F74C",
    "e": "03B5 0435 04BD 13AC 212E 22FF 2D39 A4F0 AB32 10286 118C6 118CE",
    "k": "03BA 043A 13E6 16D5 2C95 A4D7 10518",
    "s": "01BD 0455 057F 13D5 13DA A4E2 10296 10448 118C1 16F3A",
    "t": "03C4 0442 13A2 22A4 27D9 2CA7 A4D4 10297 102B1 10315 118DC 16F0A 1F768",
    "u": "028B 03BC 03C5 057D 1200 144C 222A 22C3 A4F4 A79F 104F6 118D8 16F42",
    "i": (
        "0131 01C0 0269 03B9 0456 04CF 13A5 13DE 14AA 16C1 2223 2373 23FD 2502 2C93 2CD1 2D4F A4E1 A4F2 A647 "
        "1028A 10309 10320 10443 10526 118C3 118D2 16F16 16F28 1D22A"
    ),
    "o": (
        "03BF 043E 0585 0B20 0C02 0C82 0D02 0D20 0D82 101D 10FF 12D0 1D11 2C9F 2D54 3007 A4F3 AB3D 10292 "
        "102AB 1042C 104EA 10516 118C8 118D5 118D7"
    ),
}
_LOOKS_LIKE = {chr(int(code, 16)): letter for letter, codes in _CONFUSABLES.items() for code in codes.split()}
# Latin letters in another style, or with a stroke or a hook, and the flags' letters say which letter they are.
_BY_NAME = re.compile(r"\bLATIN .*\bLETTER (?:SMALL )?(?:CAPITAL )?([A-Z])\b|^REGIONAL INDICATOR SYMBOL LETTER ([A-Z])")
_SAME = str.maketrans("l1|0", "iiio")  # alike in many fonts
_UNSEEN = frozenset({"Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs"})
_DASHES = frozenset("\u02d7\u2043\u2212\u2796")  # beside those of the category


def as_read(text: str) -> str:
    """Give the letters and digits that a reader takes a text for: lower case, without blanks; I, l and 1 are `i`."""
    shown = normalize("NFKD", normalize("NFKD", text).casefold())
    return "".join(map(_letter, shown)).translate(_SAME)


def hyphens(text: str) -> str:
    """Spell each hyphen, dash and minus sign as the hyphen of ASCII; `\u2014\u2014`, typed as one key, is one."""
    return "".join(map(_hyphen, text.replace("\u2014\u2014", "-")))


@lru_cache(maxsize=4096)
def _hyphen(one: str) -> str:
    return "-" if category(one) == "Pd" or one in _DASHES else one


@lru_cache(maxsize=4096)
def _letter(one: str) -> str:
    kind = category(one)
    if kind in _UNSEEN or IGNORABLE.match(one):
        return ""
    if one.isascii():
        return one
    if _hyphen(one) == "-":
        return "-"
    if kind == "Nd":
        return str(decimal(one))
    if found := _LOOKS_LIKE.get(one):
        return found
    named = _BY_NAME.search(name(one, ""))
    return (named[1] or named[2]).lower() if named else one
