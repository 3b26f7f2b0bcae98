"""The link to the page of whom a ticket is assigned to, for a dispatcher to show to their phone (R18)."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bus.domain.text import Text
from bus.wire.qr_code import qr_data_url
from console.page import Asked, Page


async def _read(asked: Asked) -> Mapping[str, Any]:
    given = await asked.get(f"/v1/tickets/{quote(asked.path['ticket'], safe='')}/engineer-link")
    return {"given": given, "drawn": qr_data_url(given["url"])}


PAGE: Final = Page(
    path="/board/{ticket}/engineer",
    title=Text("处理人的链接", "the handler's link"),
    template="engineer_link.html",
    read=_read,
    needs="assign",
    menu=False,
)
