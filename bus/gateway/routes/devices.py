"""The route of devices: every past repair of a serial number, with the parts replaced, in one call (R26)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.no_key import is_no_number
from bus.domain.ticket_keys import plain_number
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.read.reach import scope_of
from bus.intake.command_bodies import within_limits
from bus.postgres.device_rows import RepairRow

REPAIRS_MAX: Final = 100
RepairsOf = Callable[[str, Sequence[str], int], Awaitable[Sequence[RepairRow]]]
"""Give so many repairs of a plain serial number, the newest first, of regions or of all. Raises StoreUnavailable."""


class DeviceAnswer(TypedDict):
    """The repairs of a device that the client reaches, the newest first, 100 at most; `more`: there are others."""

    serial: str
    repairs: list[RepairRow]
    more: bool


def device_routes(repairs_of: RepairsOf) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def show_device(http: HttpRequest) -> Response:
        """Show a device's repairs, however its serial number is spelled; of none there is an empty list."""
        scope = scope_of(http, await admit(http, Access.PEOPLE))
        serial = plain_number(within_limits(http.path_params["serial"], "serial"))
        regions = scope.regions if scope else ()
        found = [] if is_no_number(serial) else await repairs_of(serial, regions, REPAIRS_MAX + 1)
        return json_response(DeviceAnswer(serial=serial, repairs=[*found[:REPAIRS_MAX]], more=len(found) > REPAIRS_MAX))

    return [reading("/v1/devices/{serial:path}", show_device, "Show every repair of a device", DeviceAnswer)]
