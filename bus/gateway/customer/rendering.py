"""Pages for customers: no script, the style inside, nothing from elsewhere but a photo, nothing kept by browsers."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Final

import jinja2
from starlette.responses import Response

_TEMPLATES: Final = files("bus.gateway.customer").joinpath("templates")
_CSS: Final = _TEMPLATES.joinpath("page.css").read_text(encoding="utf-8").strip()
_STYLE: Final = b64encode(sha256(_CSS.encode()).digest()).decode()
_NAMES: Final = ("frame.html", "closure_form.html", "closure.html", "notice.html", "ticket.html")
_ENVIRONMENT: Final = jinja2.Environment(
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    loader=jinja2.DictLoader({name: _TEMPLATES.joinpath(name).read_text(encoding="utf-8") for name in _NAMES}),
)


def customer_page(
    template: str,
    status: int = 200,
    *,
    photo_from: str = "",
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> Response:
    """Render a page; `photo_from` is the one origin that an image may come from. Pure."""
    images = f"data: {photo_from}".strip()  # data: of the icon that there is none, so that browsers ask for none
    policy = (
        f"default-src 'none'; img-src {images}; style-src 'sha256-{_STYLE}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    safe = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
    shown = _ENVIRONMENT.get_template(template).render({"css": _CSS, **context})
    return Response(shown, status, {**safe, **(headers or {})}, "text/html")
