"""The engineers' pages of a gateway in memory: no file is uploaded there."""

from collections.abc import Callable, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import cast

from bus.domain.engineer_link import engineer_key, engineer_links
from bus.files.files import FileLimits, Files
from bus.gateway.engineer.link_opener import LinkOpener
from bus.gateway.engineer.page_view import PageSetting
from bus.gateway.http.routing import HttpRoute
from bus.gateway.routes.engineer_link import engineer_link_routes
from bus.gateway.routes.engineer_page import engineer_page_routes
from bus.gateway.write.upload import Uploads
from bus.gateway.write.write_side import WriteSide
from bus.intake.store_port import Store
from bus.rules_config import root_cause_words
from tests.gateway.fake_clear import FakeClear

KEY = engineer_key(b"m" * 32)
NO_FILES = cast("Files", SimpleNamespace(limits=FileLimits(bytes_max=1_000, client_day_bytes=0, free_bytes_min=0)))


def opener_on(store: Store, now: Callable[[], datetime]) -> LinkOpener:
    """Make what opens links."""
    return LinkOpener(key=KEY, store=store, now=now)


def engineer_page_features(opener: LinkOpener, writes: WriteSide) -> Sequence[HttpRoute]:
    """Make the routes that the program serves."""
    links = engineer_links(KEY, "https://t.example.com/")
    uploads = Uploads(NO_FILES, writes.check)
    setting = PageSetting(root_causes=root_cause_words(), types={"hardware_fault": "硬件故障"}, codes=True)
    page = engineer_page_routes(opener, writes, uploads, FakeClear(), setting)
    return [*engineer_link_routes(opener.store, links), *page]
