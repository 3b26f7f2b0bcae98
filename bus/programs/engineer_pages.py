"""The page that an engineer without our app opens by a link, and the link, put together of the core's parts."""

import functools
from collections.abc import Sequence

from bus.app import Core
from bus.gateway.engineer.link_opener import LinkOpener
from bus.gateway.engineer.page_view import PageSetting
from bus.gateway.http.routing import Feature
from bus.gateway.routes.engineer_link import engineer_link_routes
from bus.gateway.routes.engineer_page import engineer_page_routes
from bus.gateway.write.upload import Uploads
from bus.gateway.write.write_side import WriteSide
from bus.intake.dispatch import utc_now
from bus.rules_config import engineer_links, root_cause_words, ticket_type_names


def engineer_pages(core: Core, writes: WriteSide, uploads: Uploads, *, codes: bool) -> Sequence[Feature]:
    """Give the features; `codes`: customers are sent codes to confirm by."""
    links, in_clear = engineer_links(core.settings), functools.partial(core.keys.shown, core.pool)
    opener = LinkOpener(key=links.key, store=core.store, now=utc_now, ends_after=core.settings.engineer_link_ends_after)
    setting = PageSetting(root_causes=root_cause_words(), types=ticket_type_names(core.settings), codes=codes)
    return [
        engineer_link_routes(core.store, links),
        engineer_page_routes(opener, writes, uploads, in_clear, setting),
    ]
