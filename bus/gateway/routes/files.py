"""The routes of files: uploading one, and reading one by its signed address."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from bus.domain.commands import AddEvidence
from bus.domain.text import Text
from bus.files.addresses import PATH, AddressFault, AddressSigner
from bus.files.errors import FileGone
from bus.files.file_type import TYPES
from bus.files.rows import StoredFile
from bus.gateway.auth.authorize import admit
from bus.gateway.deps import deps_of
from bus.gateway.http.answers import FileAnswer
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute
from bus.gateway.http.single_values import query_of
from bus.gateway.read.file_view import file_view
from bus.gateway.write.upload import Uploads

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_RANGE: Final = re.compile(r"bytes=(\d{1,15})?-(\d{1,15})?")
_ADDRESS_TEXTS: Final[Mapping[AddressFault, Text]] = {
    AddressFault.WRONG: Text("文件地址的签名不符", "the address of the file is not one that was signed"),
    AddressFault.EXPIRED: Text("文件地址已过期,请重新查看工单", "the address has expired; read the ticket again"),
}
# Whatever the bytes are: nothing in them runs, is framed, or is taken for another type.
_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
    "Accept-Ranges": "bytes",
}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}


def file_routes(uploads: Uploads, addresses: AddressSigner) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    handlers = _FileHandlers(uploads, addresses)
    content = {"application/octet-stream": _BINARY}
    upload = {
        "summary": "Upload a photo or file for evidence",
        "security": [{"bearer": []}],
        "requestBody": {"required": True, "content": content, "description": "the file's bytes, as they are"},
    }
    read = {
        "summary": "Read a file by its signed address",
        "parameters": [
            {"name": name, "in": "query", "required": True, "schema": {"type": "string"}}
            for name in ("expires", "signature")
        ],
        "responses": {str(status): {"description": about, "content": content} for status, about in _READ_ANSWERS},
    }
    return [
        HttpRoute(
            method="POST", path=PATH, run=handlers.upload_file, about=upload, answers={201: FileAnswer}, streamed=True
        ),
        HttpRoute(
            method="GET", path=f"{PATH}/{{sha256}}", run=handlers.read_file, about=read, query=("expires", "signature")
        ),
    ]


_READ_ANSWERS: Final = ((200, "the file"), (206, "the range of it that was asked for"))


@dataclass(frozen=True, slots=True)
class _FileHandlers:
    uploads: Uploads
    addresses: AddressSigner

    async def upload_file(self, http: HttpRequest) -> Response:
        """Take in a file for evidence: its bytes are the body, its type is told by them. Its `uri` goes into evidence.

        Who may `add-evidence` may upload. The same file again is the same `uri`; no Idempotency-Key is needed.
        """
        client = await admit(http, AddEvidence)
        stored, now = await self.uploads.take(http, client.name), deps_of(http).now()
        shown = file_view(stored, self.addresses, now)
        return json_response(shown, 201, {"Location": shown["url"]})

    async def read_file(self, http: HttpRequest) -> Response:
        """Read a file, or a range of it, by the address that an upload or a ticket gave; it needs no token."""
        sha256, query = http.path_params["sha256"], query_of(http)
        fault = self.addresses.fault(sha256, query.get("expires", ""), query.get("signature", ""), deps_of(http).now())
        if fault:
            raise HttpProblem(403, fault.value, "signature", _ADDRESS_TEXTS[fault])
        file = await self.uploads.files.find(sha256) if _SHA256.fullmatch(sha256) else None
        if file is None:
            raise _gone()
        first, last, whole = _range(http.headers.get("range", ""), file.size)
        headers = _headers(file, first, last, whole=whole)
        status = 200 if whole else 206
        if http.method == "HEAD":
            return Response(None, status, headers)
        return StreamingResponse(await _begun(self.uploads.files.read(sha256, first, last)), status, headers)


def _gone() -> HttpProblem:
    text = Text("文件已删除或不存在", "the file was deleted, or is not there")
    return HttpProblem(410, "file_gone", "sha256", text)


def _range(asked: str, size: int) -> tuple[int, int, bool]:
    """Give the first and the last byte wanted, and whether that is the whole; what is no single range is the whole.

    Raises HttpProblem (416). Pure.
    """
    found = _RANGE.fullmatch(asked.strip())
    if not found or found.groups() == (None, None):
        return 0, size - 1, True
    begin, end = (None if text is None else int(text) for text in found.groups())
    first = begin if begin is not None else max(size - (end or 0), 0)
    last = size - 1 if begin is None or end is None else min(end, size - 1)
    if first > last:
        text = Text(f"文件只有 {size} 字节", f"the file has {size} bytes")
        raise HttpProblem(416, "out_of_range", "Range", text, {"Content-Range": f"bytes */{size}"})
    return first, last, False


def _headers(file: StoredFile, first: int, last: int, *, whole: bool) -> dict[str, str]:
    known = TYPES[file.media_type]
    shown = "inline" if known.inline else "attachment"
    headers = {
        **_SAFE,
        "Content-Type": file.media_type,
        "Content-Length": str(last - first + 1),
        "Content-Disposition": f'{shown}; filename="{file.sha256[:12]}.{known.suffix}"',
        "ETag": f'"{file.sha256}"',
    }
    return headers if whole else {**headers, "Content-Range": f"bytes {first}-{last}/{file.size}"}


async def _begun(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Read the first part before an answer is begun, so that what is not there is answered as that."""
    try:
        head = await anext(parts)
    except (FileGone, StopAsyncIteration):
        raise _gone() from None
    return _followed(head, parts)


async def _followed(head: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for part in parts:
        yield part
