"""The files of the engineer's page: the same for every link, kept by the page's service worker for when it is offline.

The worker's text has their names and a digest of them all: a browser takes up a change of any with the next visit.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.gateway.http.routing import Handler, HttpRoute

_STATIC: Final = files("bus.gateway.engineer").joinpath("static")
_WORKER: Final = "worker.js"
_PAGE: Final = "page.html"
_TYPES: Final[Mapping[str, str]] = {
    "html": "text/html",
    "js": "text/javascript",
    "css": "text/css",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types worker"
)
_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-cache",  # the service worker keeps them, and looks for others with each visit
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


def page_file_routes(root: str) -> Sequence[HttpRoute]:
    """Make the routes below `root`, which ends in a slash; the page itself is every link's. Reads the files."""
    texts = {one.name: one.read_text(encoding="utf-8") for one in _STATIC.iterdir()}
    digest = sha256("\n".join(f"{name}\n{texts[name]}" for name in sorted(texts)).encode()).hexdigest()
    worker, page = texts.pop(_WORKER), texts.pop(_PAGE)
    worker = worker.replace("DIGEST", digest[:16]).replace("[/* names */]", json.dumps(sorted(texts)))
    pages = (root, f"{root}{{token}}", f"{root}{{token}}/")  # some chats put a slash behind a link
    return [
        *(_giving(f"{root}static/{name}", text, name) for name, text in texts.items()),
        _giving(f"{root}{_WORKER}", worker, _WORKER),
        *(_giving(path, page, _PAGE) for path in pages),
    ]


def _giving(path: str, text: str, name: str) -> HttpRoute:
    query = None if name == _PAGE else ()  # what a chat adds to the address of a link is nobody's
    return HttpRoute(method="GET", path=path, run=_giver(text, _TYPES[name.rpartition(".")[2]]), query=query)


def _giver(text: str, media_type: str) -> Handler:
    async def give(_http: HttpRequest) -> Response:
        return Response(text, 200, _HEADERS, media_type)

    return give
