"""A link to one ticket's page as an answer: nobody keeps it, and a QR code is an image in SVG. Pure."""

from typing import Any, Final

from starlette.responses import Response

from bus.wire.qr_code import qr_svg

KEPT_BY_NOBODY: Final = {"Cache-Control": "no-store"}
_SVG: Final = "image/svg+xml"
QR_RESPONSES: Final[dict[str, Any]] = {
    "200": {"description": "the code", "content": {_SVG: {"schema": {"type": "string"}}}}
}


def qr_response(link: str, *, title: str) -> Response:
    """Draw a link."""
    return Response(qr_svg(link, title=title), 200, KEPT_BY_NOBODY, _SVG)
