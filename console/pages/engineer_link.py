"""The link to the page of whom a ticket is assigned to, to show to their phone, and revoking it (R18)."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bus.domain.text import Text
from bus.wire.qr_code import qr_data_url
from console.page import Action, Asked, Page, link


async def _read(asked: Asked) -> Mapping[str, Any]:
    given = await asked.get(_path(asked, "engineer-link"))
    return {"given": given, "drawn": qr_data_url(given["link"])}


async def _revoke(asked: Asked) -> str:
    await asked.post(_path(asked, "revoke-engineer-link"), {"reason": asked.form.get("why", "")})
    return link(f"/board/{quote(asked.path['ticket'], safe='')}/engineer")


def _path(asked: Asked, what: str) -> str:
    return f"/v1/tickets/{quote(asked.path['ticket'], safe='')}/{what}"


PAGE: Final = Page(
    path="/board/{ticket}/engineer",
    title=Text("处理人的链接", "the handler's link"),
    template="engineer_link.html",
    read=_read,
    needs="assign",
    menu=False,
    actions=[
        Action(
            name="revoke",
            run=_revoke,
            done=Text("此前的链接已作废,下面是新的", "the links of before are revoked; this is a new one"),
        )
    ],
)
