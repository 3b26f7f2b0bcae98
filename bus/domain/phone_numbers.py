"""The one spelling of a phone: China's national number, or that of another country with `+` and its code. Pure."""

import re
from functools import lru_cache
from unicodedata import normalize

import phonenumbers

_COUNTRY, _CODE = "CN", 86
# Read here: by their plan 17900007381 begins with the prefix of a carrier for calls abroad.
_MOBILE = re.compile(r"(?:0{0,2}86)?0?(1[3-9][0-9]{9})")
# An extension: by its word, or as digits behind a last hyphen or comma.
_EXTENSION = re.compile(r"(.*?)(?:转|轉|分机|分機|ext|x|#|;)\D*(\d{1,7})\D*", re.DOTALL)
_TAIL = re.compile(r"(.*\d)\s*(?:-|,+)\s*(\d{1,5})\s*", re.DOTALL)
# What an earlier version left before China's national number: it took off 86 and 0086 before eleven digits alone.
_EARLIER = ("0", "86", "860", "0086", "00860")


@lru_cache(maxsize=4096)
def plain_phone(text: str) -> str:
    """Spell a phone one way: `01062176966`, `+86 10 6217 6966`, `17951 010-62176966` are `1062176966`.

    Numbers of other countries are `+` and all digits; an extension follows the number. What is no possible number is
    its digits; what has no digit is the text without blanks, in upper case.
    """
    shown = normalize("NFKC", text).casefold()
    marked = _EXTENSION.fullmatch(shown)
    for found in (marked,) if marked else (None, _TAIL.fullmatch(shown)):
        head, extension = (found[1], found[2]) if found else (shown, "")
        if number := _national(head):
            return number + extension
    return _digits(shown) or "".join(shown.split()).upper()


def earlier_spellings(text: str) -> list[str]:
    """List the spellings under which earlier versions stored a phone, where they are not today's."""
    plain = plain_phone(text)
    if plain.startswith("+"):
        return [plain[1:], f"00{plain[1:]}"]
    return [f"{prefix}{plain}" for prefix in _EARLIER]


def _national(text: str) -> str:
    """Spell a number by the plan of its country; empty for what none gives out."""
    digits = _digits(text)
    plus = "+" if "+" in re.split(r"\d", text, maxsplit=1)[0] and not digits.startswith("0") else ""
    mobile = _MOBILE.fullmatch(digits)
    if mobile and (not plus or digits.startswith("86")):
        return mobile[1]
    if digits.startswith("086"):  # no area code of China, but its country code as forms write it
        digits = digits[1:]
    try:
        number = phonenumbers.parse(plus + digits, _COUNTRY)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    national = phonenumbers.national_significant_number(number)
    if number.country_code != _CODE:
        return f"+{number.country_code}{national}"
    marked = bool(plus) or digits.startswith(("0", "179"))
    if national != digits and not marked and not (digits.startswith("86") and len(national) >= 10):
        return digits  # what is dropped of bare digits may be their own: 865-609-8731 is no 5609 8731
    if national.startswith("0") and len(national) < len(digits):  # behind a carrier's prefix (17951): read by itself
        return _national(national) or national
    return national


def _digits(text: str) -> str:
    return "".join(str(int(one)) for one in text if one.isdecimal())
