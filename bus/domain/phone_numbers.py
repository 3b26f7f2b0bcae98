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
_BETWEEN = re.compile(r"[,、;/|\n]|或")  # of several numbers
_SPREADSHEET = re.compile(r"(\d{7,15})\.0+|(\d)\.(\d{6,14})E\+?(\d{1,2})", re.ASCII | re.IGNORECASE)
_CARRIERS = ("179", "12593", "11808")  # prefixes of long distance: 17951, 17909 …
# The 0 of long distance within a country, in brackets: `(0)212`, `(0212)`, `[0]`. Some countries have none.
_TRUNK = re.compile(r"[(\[\u3010\u3014]\s*0")
# What stands beside a phone in ASCII: `tel:`, `ext. 801`.
_PHONE_WORDS = re.compile(r"tel(?:ephone)?|phone|mobile|fax|ext|x(?=\s*\d)", re.IGNORECASE)
PHONE_LENGTH = 10  # digits of a landline with its area code, at least
_AREA = re.compile(r"\D*\d{2,3}\D+\d{3,4}\D?\d{4}\D*")  # a landline without the 0 of long distance
# What an earlier version left before China's national number: it took off 86 and 0086 before eleven digits alone.
_EARLIER = ("0", "86", "860", "0086", "00860")


@lru_cache(maxsize=4096)
def plain_phone(text: str) -> str:
    """Spell a phone one way: `01062176966`, `+86 10 6217 6966`, `17951 010-62176966` are `1062176966`.

    Numbers of other countries are `+` and all digits; an extension follows the number. What is no possible number is
    its digits; what has no digit is the text without blanks, in upper case.
    """
    shown = as_dialled(normalize("NFKC", text).strip()).casefold()
    marked = _EXTENSION.fullmatch(shown)
    for found in (marked,) if marked else (None, _TAIL.fullmatch(shown)):
        head, extension = (found[1], found[2]) if found else (shown, "")
        if number := _national(head):
            return number + extension
    return _digits(shown) or "".join(shown.split()).upper()


def mobile_number(text: str) -> str:
    """Give the mobile that a message can be sent to, without an extension; of several numbers the first that is one.

    China's are eleven digits, those of other countries `+` and all digits; empty where there is none.
    """
    shown = as_dialled(normalize("NFKC", text).strip()).casefold()
    for part in _BETWEEN.split(shown):
        marked = _EXTENSION.fullmatch(part)
        for found in (marked,) if marked else (None, _TAIL.fullmatch(part)):
            number = _national(found[1] if found else part)
            if number.startswith("+") or _MOBILE.fullmatch(number):
                return number
    return ""


def earlier_spellings(text: str) -> list[str]:
    """List the spellings under which earlier versions stored a phone, where they are not today's."""
    plain = plain_phone(text)
    if plain.startswith("+"):
        return [*dict.fromkeys((plain[1:], f"00{plain[1:]}", _digits(text)))]
    return [f"{prefix}{plain}" for prefix in _EARLIER]


def as_dialled(text: str) -> str:
    """Give a phone that a spreadsheet took for a number, 13912340000.0 or 1.3912340000E10, as it is dialled.

    With fewer digits than a power of ten asks for some may be lost, and the text stays as it is.
    """
    found = _SPREADSHEET.fullmatch(text)
    if found is None:
        return text
    whole, first, rest, power = found.groups()
    return whole or (first + rest if len(rest) == int(power) else text)


def is_lettered(text: str) -> bool:
    """Say whether ASCII letters stand in a text that are no word for a phone: it may be a serial."""
    return re.search("[A-Za-z]", _PHONE_WORDS.sub("", as_dialled(normalize("NFKC", text).strip()))) is not None


def is_phone(text: str) -> bool:
    """Say whether a reader takes a text for a phone, words around it or none; bare digits where a plan gives them out.

    Of bare digits a mobile, a number of 400 or 800 and what begins with 0, 00 or 86; eight digits may be anything's.
    """
    if is_lettered(text):
        return False
    shown = as_dialled(normalize("NFKC", text).strip()).casefold()
    found = _EXTENSION.fullmatch(shown) or _TAIL.fullmatch(shown)
    return any(_given_out(one) for one in ((shown, found[1]) if found else (shown,)))


def _given_out(text: str) -> bool:
    digits = _digits(text)
    if _MOBILE.fullmatch(digits):
        return True
    abroad = "+" in re.split(r"\d", text, maxsplit=1)[0]
    marked = abroad or digits.startswith(("0", "86", "400", "800", *_CARRIERS)) or _AREA.fullmatch(text)
    if not marked or len(digits) < PHONE_LENGTH - 2 * abroad:
        return False
    plain = _national(text)
    try:
        number = phonenumbers.parse(plain, _COUNTRY)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number) if abroad else phonenumbers.is_valid_number(number)


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
    number = _without_trunk_zero(number, marked=_TRUNK.search(text) is not None)
    if not phonenumbers.is_possible_number(number):
        return ""
    national = phonenumbers.national_significant_number(number)
    if number.country_code != _CODE:
        return f"+{number.country_code}{national}"
    marked = bool(plus) or digits.startswith(("0", *_CARRIERS))
    if national != digits and not marked and not (digits.startswith("86") and len(national) >= 10):
        return digits  # what is dropped of bare digits may be their own: 865-609-8731 is no 5609 8731
    if national.startswith("0") and len(national) < len(digits):  # behind a carrier's prefix (17951): read by itself
        return _national(national) or national
    return national


def _without_trunk_zero(number: phonenumbers.PhoneNumber, *, marked: bool) -> phonenumbers.PhoneNumber:
    """Take off the 0 of long distance that another country's plan does not have, where a number is one without it.

    `marked`: it stands in brackets, so that a possible number is enough. Italy's 0 is the number's own, and stays.
    """
    national = phonenumbers.national_significant_number(number)
    if number.country_code == _CODE or not national.startswith("0") or phonenumbers.is_valid_number(number):
        return number
    try:
        without = phonenumbers.parse(f"+{number.country_code}{national[1:]}")
    except phonenumbers.NumberParseException:
        return number
    is_one = phonenumbers.is_possible_number if marked else phonenumbers.is_valid_number
    return without if is_one(without) else number


def _digits(text: str) -> str:
    return "".join(str(int(one)) for one in text if one.isdecimal())
