"""The contract of events as pages, of the AsyncAPI document: open to all, and to a subscriber its own."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from bus.domain.text import Text
from console.contract_view import contract_view
from console.page import Asked, Page, link
from console.render import LANGUAGES, Templates
from schemas.since import load_since
from schemas.topics import Contract, load_contract

TEMPLATE: Final = "asyncapi.html"
DOCUMENT: Final = "/asyncapi.json"
# Where the static pages of it stand, by language: the first is the one that a folder shows.
FILES: Final = dict(zip(LANGUAGES, ("index.html", "en.html"), strict=True))


async def _read(asked: Asked) -> Mapping[str, Any]:
    client = asked.query.get("client", "")
    document = await asked.get(DOCUMENT, client=client)
    mine = asked.session.client if asked.session.role == "subscriber" else ""
    return {
        **contract_view(document, _contract(), load_since()),
        "json_at": f"{DOCUMENT}?client={client}" if client else DOCUMENT,
        "client": client,
        "mine": link("/asyncapi", client=mine) if mine and mine != client else "",
    }


def static_pages(document: Mapping[str, Any]) -> Mapping[str, str]:
    """Render the same as files that stand alone, by name; `console.css` and `icon.svg` lie beside them."""
    shown = {**contract_view(document, _contract(), load_since()), "json_at": "asyncapi.json"}
    context = {**shown, "frame": "asyncapi_file.html"}
    return {name: Templates().page(TEMPLATE, context, language) for language, name in FILES.items()}


@cache
def _contract() -> Contract:
    return load_contract()


PAGE: Final = Page(path="/asyncapi", title=Text("事件契约", "event contract"), template=TEMPLATE, read=_read, open=True)
