"""What a file is, by its bytes: the types that evidence comes in, by the patterns of the MIME Sniffing standard. Pure.

What its sender calls it does not count. What a browser runs (HTML, SVG, XML, scripts in them) is none of the types.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 4096
"""So many of a file's first bytes tell its type, fewer where it is shorter."""


@dataclass(frozen=True, slots=True)
class FileType:
    """A type that is taken: its media type, the suffix of a name, and whether a browser may show it in place."""

    media_type: str
    suffix: str
    inline: bool = True


JPEG: Final = FileType("image/jpeg", "jpg")
PNG: Final = FileType("image/png", "png")
GIF: Final = FileType("image/gif", "gif")
WEBP: Final = FileType("image/webp", "webp")
HEIC: Final = FileType("image/heic", "heic")
MP4: Final = FileType("video/mp4", "mp4")
QUICKTIME: Final = FileType("video/quicktime", "mov")
PDF: Final = FileType("application/pdf", "pdf", inline=False)
TEXT: Final = FileType("text/plain", "txt", inline=False)
IMAGES: Final = (JPEG, PNG, GIF, WEBP, HEIC)
TYPES: Final = {one.media_type: one for one in (*IMAGES, MP4, QUICKTIME, PDF, TEXT)}

_BEGINS: Final = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"%PDF-", PDF),
)
_BRANDS: Final = (
    (frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}), HEIC),
    (frozenset({b"qt  "}), QUICKTIME),
    (frozenset({b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"avc1", b"mp41", b"mp42", b"M4V ", b"dash"}), MP4),
    (frozenset({b"3gp4", b"3gp5", b"3gp6", b"3gp7", b"3g2a", b"MSNV"}), MP4),
)
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")  # what no text has in any encoding that ASCII is in
_PROGRAM: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:#!|\{\\rtf)")  # a script by its first line, a document with objects
_MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<[A-Za-z!?/]")


def file_type(head: bytes) -> FileType | None:
    """Tell the type by the first HEAD_BYTES; None for what is not taken.

    Of text all that follows is to be held against `TextCheck` too.
    """
    for begin, known in _BEGINS:
        if head.startswith(begin):
            return known
    if head.startswith(b"RIFF") and head[8:14] == b"WEBPVP":
        return WEBP
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    plain = head and TextCheck().takes(head) and not (_MARKUP.match(head) or _PROGRAM.match(head))
    return TEXT if plain else None


class TextCheck:
    """Whether a file is a text, part by part: UTF-8 or GB 18030 throughout, without control characters."""

    def __init__(self) -> None:
        self._decoders = [codecs.getincrementaldecoder(name)() for name in ("utf-8", "gb18030")]

    def takes(self, part: bytes, *, final: bool = False) -> bool:
        """Say whether what came so far can be a text; `final`: nothing follows."""
        if _NO_TEXT.search(part):
            return False
        self._decoders = [one for one in self._decoders if _decodes(one, part, final=final)]
        return bool(self._decoders)


def _decodes(decoder: codecs.IncrementalDecoder, part: bytes, *, final: bool) -> bool:
    try:
        decoder.decode(part, final)
    except UnicodeDecodeError:
        return False
    return True


def _by_brand(head: bytes) -> FileType | None:
    """Tell a file of boxes by its major brand, else by those that it is compatible with, in their order."""
    size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))]
    return next((known for brand in brands for names, known in _BRANDS if brand in names), None)
