"""How a CSV file is written: its encoding and its delimiter, and what a file looks like that is written otherwise."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from adapters.gbk_text import is_gbk_instead
from adapters.map_faults import fault
from bus.domain.text import Text, without_marks

DELIMITERS = {",": ",", ";": ";", "\t": "tab", "|": "|"}  # as a map writes them
_UTF_16 = ("utf-16", "utf-16-le", "utf-16-be")
_ALSO_CHINESE = ("utf-8", *_UTF_16, "gb18030", "gbk", "gb2312")  # GBK is none of the first, or the same
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_LINES_LOOKED_AT = 10_000
_LINE_BYTES_MAX = 1 << 18  # of a line that does not end; it is given in parts


def _encoding(name: str) -> str:
    try:
        plain = codecs.lookup(name).name
        ascii_in_it = "a,\n".encode(plain) == b"a,\n"
    except LookupError:
        zh, en = f"没有编码“{name}”,可用的如", f"there is no encoding {name!r}; such are"
        raise fault(
            f"{zh} utf-8、gb18030、utf-16、windows-1252", f"{en} utf-8, gb18030, utf-16, windows-1252"
        ) from None
    if not ascii_in_it and plain not in _UTF_16 and plain != "utf-8-sig":
        raise fault(
            f"“{name}”不能逐行读取,请把文件转为 utf-8",
            f"{name!r} cannot be read line by line; convert the file to utf-8",
        )
    return "utf-8" if plain == "utf-8-sig" else plain


def trimmed(text: str) -> str:
    """Give a cell, a name of a column or a word without marks of direction, and blanks around it."""
    return without_marks(text).strip()


def _delimiter(text: object) -> object:
    found = "\t" if text == "tab" else text
    if not isinstance(found, str) or len(found) != 1 or found in '"\r\n':
        raise fault(
            "应为一个字符,如 ',' 或 ';',或写 tab", "one character is meant, such as ',' or ';', or the word tab"
        )
    return found


class CsvForm(BaseModel):
    """The encoding, by its Python name, and the one character that stands between cells; `tab` may be written out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    delimiter: Annotated[str, BeforeValidator(_delimiter)] = ","

    def lines(self, lines: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
        """Give each line's bytes with the encoding that they are in; UTF-16 is cut by its characters."""
        if self.encoding in _UTF_16:
            return _utf_16_lines(iter(lines), self.encoding)
        return ((line, self.encoding) for line in lines)

    def mistaken_file(self, begin: bytes, behind: Iterable[bytes] = ()) -> Text | None:
        """Say what a file seems to be written in that begins so, when it is not this encoding.

        Where that is sure and its first line has Latin letters alone, the lines `behind` are read until one has others.
        """
        mark = next((encoding for mark, encoding in _BOMS.items() if begin.startswith(mark)), "")
        if mark:
            return None if self.encoding.startswith(mark) else _mistaken(self.encoding, mark)
        if (b"\0" in begin) != (self.encoding in _UTF_16):
            lines = chain((begin,), islice(behind, _LINES_LOOKED_AT)) if b"\0" not in begin else ()
            return _mistaken(self.encoding, _looks_like(next((line for line in lines if not line.isascii()), begin)))
        return None if self.encoding in _UTF_16 else self.mistaken(begin, self.encoding)

    def mistaken(self, raw: bytes, encoding: str) -> Text | None:
        """Say what lines seem to be written in that are not in `encoding`, that of this form."""
        if raw.isascii() and encoding not in _UTF_16:
            return None
        if _is(raw, encoding) and not _is_utf_8_instead(raw, encoding):
            chinese = encoding not in _ALSO_CHINESE and is_gbk_instead(raw, encoding)
            return _mistaken(encoding, "gb18030") if chinese else None
        return _mistaken(encoding, _looks_like(raw))

    def other_delimiter(self, header: str) -> Text | None:
        """Name the delimiter that a header line seems to have instead; None when it seems to have this one."""
        found = max(DELIMITERS, key=header.count)
        if header.count(found) <= header.count(self.delimiter):
            return None
        word = DELIMITERS[found]
        return Text(
            f"分隔符像是“{word}”;请在对照表写 csv: {{delimiter: '{word}'}}",
            f"the delimiter looks like {word!r}: write csv: {{delimiter: '{word}'}} in the map",
        )


def _mistaken(encoding: str, found: str) -> Text:
    here = encoding.upper()
    if not found:
        return Text(
            f"不是 {here} 编码;请在对照表写明编码,如 csv: {{encoding: gb18030}}",
            f"not {here}; name the encoding in the map, such as csv: {{encoding: gb18030}} or windows-1252",
        )
    name = "GBK" if found == "gb18030" else found.upper()
    return Text(
        f"不是 {here} 编码,像是 {name};请在对照表写 csv: {{encoding: {found}}}",
        f"not {here}, it looks like {name}: write csv: {{encoding: {found}}} in the map",
    )


def _is(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf_8_instead(raw: bytes, encoding: str) -> bool:
    """Say whether a text was saved as UTF-8, though it can be read in another encoding: without error, as nonsense."""
    if encoding in ("utf-8", *_UTF_16) or raw.isascii() or not _is(raw, "utf-8"):
        return False
    one_byte_each = len(raw.decode(encoding)) == len(raw)
    return one_byte_each or max(raw.decode("utf-8")) >= "\u0800"  # two bytes alone may be a Chinese character


def _looks_like(raw: bytes) -> str:
    """Name the encoding that bytes seem to be in, or nothing."""
    if b"\0" in raw:  # half of each Latin letter, comma and line's end
        return "utf-16-le" if raw[1::2].count(0) > raw[::2].count(0) else "utf-16-be"
    if _is(raw, "utf-8"):
        return "utf-8"
    pairs = all(len(run) % 2 == 0 for run in _BEYOND_ASCII.findall(raw))  # of Latin letters one alone is usual
    return "gb18030" if pairs and _is(raw, "gb18030") else ""


def _utf_16_lines(lines: Iterator[bytes], encoding: str) -> Iterator[tuple[bytes, str]]:
    """Cut UTF-16 by its characters: the byte of a line's end is half of 上 as well. Bytes come out as they went in."""
    pieces: list[str] = []
    size = 0
    decoder = None
    for chunk in lines:
        if decoder is None:
            if encoding == "utf-16":
                encoding = "utf-16-be" if chunk.startswith(codecs.BOM_UTF16_BE) else "utf-16-le"
            decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        pieces.append(decoder.decode(chunk))
        size += len(chunk)
        if "\n" in pieces[-1] or size > _LINE_BYTES_MAX:
            *whole, rest = "".join(pieces).split("\n")
            yield from (((line + "\n").encode(encoding, "surrogatepass"), encoding) for line in whole)
            pieces, size = [rest], len(rest)
            if not whole:
                yield rest.encode(encoding, "surrogatepass"), encoding
                pieces, size = [], 0
    half = decoder.getstate()[0] if decoder else b""  # of a character, where the file is cut: unreadable further on
    if last := "".join(pieces).encode(encoding, "surrogatepass") + half:
        yield last, encoding
