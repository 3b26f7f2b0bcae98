"""The links to a ticket's pages as codes to print or show, the customer's (R16), the handler's (R18); revoking them."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from bus.domain.text import Text
from bus.wire.qr_code import qr_data_url
from console.page import Action, Asked, Page


async def _read(read: str, asked: Asked) -> Mapping[str, Any]:
    given = await asked.get(asked.ticket_path(read))
    return {"given": given, "drawn": qr_data_url(given["link"])}


async def _revoke(revoke: str, asked: Asked) -> str:
    await asked.post(asked.ticket_path(revoke), {"reason": asked.form.get("why", "")})
    return ""


def _page(path: str, title: Text, template: str, *, read: str, revoke: str, needs: str) -> Page:
    """Make the page of a link, which the API gives at `read` and revokes at `revoke`, below the ticket."""
    done = Text("此前的链接已作废,下面是新的", "the links of before are revoked; this is a new one")
    return Page(
        path=path,
        title=title,
        template=template,
        read=partial(_read, read),
        needs=needs,
        menu=False,
        actions=[Action(name="revoke", run=partial(_revoke, revoke), done=done)],
    )


CUSTOMERS: Final = _page(
    "/board/{ticket}/customer",
    Text("客户链接", "the customer's link"),
    "customer_link.html",
    read="link",
    revoke="revoke-customer-link",
    needs="customer-link",
)
ENGINEERS: Final = _page(
    "/board/{ticket}/engineer",
    Text("处理人的链接", "the handler's link"),
    "engineer_link.html",
    read="engineer-link",
    revoke="revoke-engineer-link",
    needs="assign",
)
