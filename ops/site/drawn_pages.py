"""Pages drawn from the contracts: of events (AsyncAPI) as the console shows it, of HTTP (OpenAPI) by Swagger UI."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson

from bus.gateway.http import openapi
from console.pages.contract import static_pages

_ROOT: Final = Path(__file__).parents[2]
# Opened from a file a page may read no other: the document comes as a script. Nothing can be sent from here.
_START: Final = """
SwaggerUIBundle({spec: openapi, dom_id: "#swagger-ui", deepLinking: true, supportedSubmitMethods: []});
"""
_PAGE: Final = """<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>ticketbus HTTP</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="swagger-ui.css"></head><body><div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script><script src="start.js"></script></body></html>
"""
# What a page of docs/ says at its end, where the site has more of it than a Git host.
LINKS: Final[Mapping[str, str]] = {
    "docs/asyncapi": '<p><a href="../asyncapi/index.html">事件契约</a> · <a href="../asyncapi/en.html">English</a></p>',
    "docs/http": '<p><a href="../http/index.html">HTTP 接口 / the HTTP interface</a></p>',
}


def write_pages(site: Path) -> None:
    """Write the pages and the documents that they are drawn from into folders of the site."""
    events, http = site / "asyncapi", site / "http"
    document = (_ROOT / "docs" / "asyncapi.json").read_bytes()
    for name, text in static_pages(orjson.loads(document)).items():
        _write(events / name, text.encode())
    _write(events / "asyncapi.json", document)
    for name in ("console.css", "icon.svg"):
        shutil.copyfile(_ROOT / "console" / "static" / name, events / name)
    described = (_ROOT / "docs" / "openapi.json").read_bytes()
    _write(http / "index.html", _PAGE.encode())
    _write(http / "openapi.json", described)
    _write(http / "start.js", b"const openapi = " + described + b";" + _START.encode())
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE"):
        shutil.copyfile(Path(openapi.__file__).parent / "swagger_ui" / name, http / name)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
