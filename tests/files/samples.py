"""The smallest files of each type, as their standards have them."""

import struct
import zlib


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def of_brands(major: bytes, *others: bytes) -> bytes:
    """Make the begin of a file of boxes."""
    return _box(b"ftyp", major + b"\0\0\2\0" + b"".join(others)) + _box(b"mdat", b"\0" * 16)


JPEG = b"\xff\xd8\xff\xe1\0\x18Exif\0\0II*\0\x08\0\0\0" + b"\0" * 12 + b"\xff\xd9"
PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)
GIF = b"GIF89a\1\0\1\0\0\0\0;"
WEBP = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\7\x10\x11\x11\x88\x88\xfe\7\0"
HEIC = of_brands(b"heic", b"mif1", b"heic")
MP4 = of_brands(b"isom", b"isom", b"iso2", b"avc1", b"mp41")
MOV = of_brands(b"qt  ", b"qt  ")
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
TEXT = "2026-11-28 10:00:00 压缩机过流 E4\n".encode()
TEXT_GBK = "2026-11-28 10:00:00 压缩机过流 E4\n".encode("gb18030")
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
