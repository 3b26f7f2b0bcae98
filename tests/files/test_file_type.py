"""A file's type is told by its bytes; what a browser runs, and what nobody asked for, is none."""

import pytest

from bus.files.file_type import TextCheck, file_type
from tests.files import samples as s

TAKEN = {
    "image/jpeg": [s.JPEG],
    "image/png": [s.PNG],
    "image/gif": [s.GIF],
    "image/webp": [s.WEBP],
    "image/heic": [s.HEIC, s.of_brands(b"mif1", b"heic"), s.of_brands(b"msf1", b"hevc")],
    "video/mp4": [s.MP4, s.of_brands(b"mp42"), s.of_brands(b"3gp4", b"isom"), s.of_brands(b"XAVC", b"mp42")],
    "video/quicktime": [s.MOV],
    "application/pdf": [s.PDF],
    "text/plain": [s.TEXT, s.TEXT_GBK, b"\xef\xbb\xbfok\r\n", b"<34>Oct 11 22:14:15 host su: failed"],
}
REFUSED = [
    b"", s.HTML, s.SVG, b"\n\t <HTML>", b"\xef\xbb\xbf<svg/>", b"<script>", b"<!-- -->", b"MZ\x90\0\3", b"\x7fELF\2\1",
    b"PK\3\4\x14\0", b"\0\0\0\x20ftypavif", b"\0\0\0\x0cftyp", b"RIFF\0\0\0\0WAVEfmt ", b"\xff\xd8",
    "日志".encode("utf-16"), b"log\0line", b"log \x1b[2J", b"ID3\4\0\0",
    b"#!/bin/sh\nrm x\n", b"\xef\xbb\xbf#!/usr/bin/env node\n", b"{\\rtf1\\ansi x}",
]  # fmt: skip


@pytest.mark.parametrize(("media_type", "head"), [(name, one) for name, heads in TAKEN.items() for one in heads])
def test_file_type_is_told_by_the_first_bytes(media_type: str, head: bytes) -> None:
    known = file_type(head)
    assert known is not None
    assert known.media_type == media_type


@pytest.mark.parametrize("head", REFUSED)
def test_file_type_of_what_is_not_taken_is_none(head: bytes) -> None:
    assert file_type(head) is None


def test_file_type_of_a_text_is_that_of_all_its_parts() -> None:
    for text in (s.TEXT, s.TEXT_GBK):
        check = TextCheck()
        assert all(check.takes(bytes([byte])) for byte in text)  # cut within characters
        assert check.takes(b"", final=True)
        assert not check.takes(b"\0")
    half = TextCheck()
    assert half.takes(b"E4 \xe5")
    assert not half.takes(b"", final=True)
    mixed = TextCheck()
    assert mixed.takes("压缩机".encode())
    assert not mixed.takes(b"\xff")
