"""The page of an engineer without our app, by a link: the ticket, commands with their own time, photos (R18, R19).

The token in the path is the proof. A command goes the way of every other: group commit, kept when it is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import orjson
import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.commands import Command
from bus.domain.engineer_link import ENGINEER_PATH
from bus.domain.errors import MalformedInput
from bus.domain.named_files import file_uri
from bus.domain.naming import did_you_mean, nearest
from bus.gateway.deps import body_of
from bus.gateway.engineer.link_opener import LinkOpener, OpenedLink
from bus.gateway.engineer.page_files import page_file_routes
from bus.gateway.engineer.page_view import PAGE_COMMANDS, PageSetting, engineer_view
from bus.gateway.http.responses import accepted_response, json_response
from bus.gateway.http.routing import HttpRoute
from bus.gateway.ports import InClear
from bus.gateway.write.refused_request import request_received
from bus.gateway.write.ticket_command import command_path, decided
from bus.gateway.write.upload import Uploads
from bus.gateway.write.write_side import WriteSide
from bus.intake.command_bodies import read_time
from bus.postgres.personal_keys import Reader
from bus.wire.json_body import read_object

_MEMBERS: Final = ("command", "at", "device_at", "fields")
_CLOCK_RIGHT: Final = timedelta(minutes=1)  # a phone's clock that is off by more is worth a line
_FRESH: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
log = structlog.get_logger()


def engineer_page_routes(
    opener: LinkOpener, writes: WriteSide, uploads: Uploads, in_clear: InClear, setting: PageSetting
) -> Sequence[HttpRoute]:
    """Make the routes. Pure, but for reading the page's files."""
    page = _EngineerPage(opener=opener, writes=writes, uploads=uploads, in_clear=in_clear, setting=setting)
    path = f"{ENGINEER_PATH}{{token}}"
    return [
        *page_file_routes(ENGINEER_PATH),
        HttpRoute(method="GET", path=f"{path}/ticket", run=page.show),
        HttpRoute(method="POST", path=f"{path}/actions", run=page.act),
        HttpRoute(method="POST", path=f"{path}/photos", run=page.take_photo, streamed=True),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _EngineerPage:
    opener: LinkOpener
    writes: WriteSide
    uploads: Uploads
    in_clear: InClear
    setting: PageSetting

    async def show(self, http: HttpRequest) -> Response:
        """Show the ticket to its assignee, in clear; that it was read is recorded."""
        link = await self.opener.opened(http)
        ticket = link.ticket
        reader = Reader(client=link.client.name, person=ticket.assignee.person, at=self.opener.now())
        view = engineer_view(ticket, self.setting, self.uploads.bytes_max)
        (shown,) = await self.in_clear([(ticket.ticket_id, view)], reader)
        return json_response(shown, headers=_FRESH)

    async def act(self, http: HttpRequest) -> Response:
        """Take one command: its name, its fields, when it happened, and what the phone's own clock had."""
        link = await self.opener.opened(http)
        cls, body = _command(read_object(body_of(http)), link)
        received = replace(
            request_received(http, link.client), path=command_path(cls, link.ticket.ticket_id), body=body
        )
        accepted = await decided(self.writes, cls, received, link.ticket.ticket_id, link.client)
        answer = accepted_response(accepted)
        answer.headers.update(_FRESH)
        return answer

    async def take_photo(self, http: HttpRequest) -> Response:
        """Take in a photo, as any upload for evidence, and an image alone; the same bytes again are the same `uri`."""
        link = await self.opener.opened(http)
        stored = await self.uploads.take(http, link.account, image=True)
        return json_response(
            {"uri": file_uri(stored.sha256), "sha256": stored.sha256, "size": stored.size}, 201, _FRESH
        )


def _command(sent: Mapping[str, Any], link: OpenedLink) -> tuple[type[Command], bytes]:
    """Read what the page sends; a clock that was off is noted. Raises MalformedInput."""
    for member in sent:
        if member not in _MEMBERS:
            raise MalformedInput("unknown_field", member, f"没有字段“{member}”", f"there is no field {member!r}")
    name, fields = sent.get("command"), sent.get("fields", {})
    if not isinstance(name, str) or name not in PAGE_COMMANDS:
        meant = did_you_mean(nearest(str(name), PAGE_COMMANDS), quoted=True)
        raise MalformedInput(
            "no_such_command", "command", f"此页面没有这个操作{meant.zh}", f"the page has no such command{meant.en}"
        )
    if not isinstance(fields, dict):
        raise MalformedInput("wrong_type", "fields", "“fields”须为 JSON 对象", "fields is a JSON object")
    at, device_at = read_time(sent.get("at"), "at"), read_time(sent.get("device_at", sent.get("at")), "device_at")
    if abs(at - device_at) > _CLOCK_RIGHT:
        log.info(
            "engineer_page_clock_corrected",
            ticket_id=link.ticket.ticket_id,
            command=name,
            at=at.isoformat(),
            device_at=device_at.isoformat(),
        )
    return PAGE_COMMANDS[name], orjson.dumps({**fields, "at": sent["at"]})
