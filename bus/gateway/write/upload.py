"""Taking in a file that a request has as its body."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request as HttpRequest

from bus.domain.text import Text
from bus.files.errors import FileRefused
from bus.files.files import Files
from bus.files.rows import StoredFile
from bus.gateway.deps import deps_of
from bus.gateway.http.body_stream import body_stream_of
from bus.gateway.http.problems import HttpProblem

_STATUS: Final[Mapping[str, int]] = {
    "file_too_large": 413,
    "file_type": 415,
    "file_empty": 422,
    "files_quota": 429,
    "too_many_uploads": 429,
    "files_full": 507,
}
_RETRY_AFTER_S: Final[Mapping[str, int]] = {"files_quota": 3600, "too_many_uploads": 5, "files_full": 300}


@dataclass(frozen=True, slots=True)
class Uploads:
    """Takes in files; `check` raises IntakeStopped while none may be."""

    files: Files
    check: Callable[[], None]

    @property
    def bytes_max(self) -> int:
        """What one file may have."""
        return self.files.limits.bytes_max

    async def take(self, http: HttpRequest, client: str, *, image: bool = False) -> StoredFile:
        """Take in the body in the name of a client; `image`: it is to be one, as where the sender calls it one.

        Raises HttpProblem (413, 415, 422, 429, 507), Transient."""
        self.check()
        _refuse_form(http)
        image = image or http.headers.get("content-type", "").lower().startswith("image/")
        body, now = body_stream_of(http), deps_of(http).now()
        try:
            return await self.files.take(body.parts(), client=client, declared=body.declared, now=now, image=image)
        except FileRefused as refused:
            raise _problem(refused) from refused


def _refuse_form(http: HttpRequest) -> None:
    """Refuse a form: its frame would be stored with the file, as a text."""
    if http.headers.get("content-type", "").lower().startswith("multipart/"):
        zh, en = "请直接发送文件内容,不要用表单", "send the file's bytes as the body, not as a form"
        raise HttpProblem(415, "multipart", "Content-Type", Text(zh, en))


def _problem(refused: FileRefused) -> HttpProblem:
    after = _RETRY_AFTER_S.get(refused.code)
    headers = {"Retry-After": str(after)} if after else {}
    return HttpProblem(_STATUS[refused.code], refused.code, refused.field, refused.text, headers, **refused.context)
