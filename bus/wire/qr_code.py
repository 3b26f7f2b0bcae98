"""A link as a QR code in SVG, to be shown on a page or printed on a label. Pure."""

from base64 import b64encode
from io import BytesIO
from typing import Final

import segno

_QUIET_MODULES: Final = 4  # of white around it, as ISO 18004 asks


def qr_svg(link: str, *, title: str = "") -> bytes:
    """Draw it black on white, with no size of its own; a fourth of it may be covered or scratched."""
    drawn = BytesIO()
    segno.make(link, error="q", micro=False).save(
        drawn, kind="svg", border=_QUIET_MODULES, dark="#000", light="#fff", title=title or None, omitsize=True
    )
    return drawn.getvalue()


def qr_data_url(link: str, *, title: str = "") -> str:
    """Draw it as an address that an image of a page may have."""
    return f"data:image/svg+xml;base64,{b64encode(qr_svg(link, title=title)).decode()}"
