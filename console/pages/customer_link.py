"""The link to a customer's page of a ticket as a label to print, and revoking it with a reason."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bus.domain.text import Text
from bus.wire.qr_code import qr_data_url
from console.page import Action, Asked, Page, link


async def _read(asked: Asked) -> Mapping[str, Any]:
    given = await asked.get(_path(asked, "link"))
    return {"given": given, "drawn": qr_data_url(given["link"])}


async def _revoke(asked: Asked) -> str:
    await asked.post(_path(asked, "revoke-customer-link"), {"reason": asked.form.get("why", "")})
    return link(f"/board/{quote(asked.path['ticket'], safe='')}/customer")


def _path(asked: Asked, what: str) -> str:
    return f"/v1/tickets/{quote(asked.path['ticket'], safe='')}/{what}"


PAGE: Final = Page(
    path="/board/{ticket}/customer",
    title=Text("客户链接", "the customer's link"),
    template="customer_link.html",
    read=_read,
    needs="customer-link",
    menu=False,
    actions=[
        Action(
            name="revoke",
            run=_revoke,
            done=Text("此前的链接已作废,下面是新的", "the links of before are revoked; this is a new one"),
        )
    ],
)
