"""What a ticket's events would become at a target: written for people, and sent to nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from bus.app import open_core
from bus.delivery.target import Call, DeliveryFailed, PreviewedTarget, delivery_key
from bus.domain.errors import BusError
from bus.domain.events import Recorded
from bus.domain.evolve import evolve
from bus.domain.naming import did_you_mean, nearest
from bus.domain.terms import TicketId
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.postgres.personal_keys import Reader
from bus.programs.targets import targets_config_of, unserved_target
from bus.settings import Settings
from bus.wire.headers import traceparent


class NoPreview(BusError):
    """There is no such ticket or target, or none that can show what it would send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPreview:
    """One event, and the request that it would become: empty for none, `failure` where it has no form there."""

    version: int
    event: str
    request: str = ""
    failure: str = ""


async def previews(settings: Settings, name: str, number: str, reader: Reader) -> Sequence[RequestPreview]:
    """Show what each event of a ticket that a target takes would become there; who read them is recorded.

    Raises NoPreview, ConfigFileInvalid, SettingsInvalid.
    """
    config = targets_config_of(settings).targets
    if name not in config:
        close = did_you_mean(nearest(name, config), quoted=True)
        text = Text(f"目标文件中没有“{name}”{close.zh}", f"the targets file has no {name!r}{close.en}")
        raise NoPreview(str(text))
    target = unserved_target(settings, name, config[name])
    if target is None or not isinstance(target, PreviewedTarget):
        raise NoPreview(str(Text(f"{name} 不支持预览", f"{name} cannot show what it would send")))
    try:
        async with open_core(settings, connections=1) as core:
            events = await core.store.events(TicketId(number))
            shown = await core.keys.shown(core.pool, [(number, one) for one in events], reader)
    finally:
        await target.close()
    if not shown:
        raise NoPreview(str(Text(f"没有工单“{number}”", f"there is no ticket {number!r}")))
    found, ticket = list[RequestPreview](), None
    for recorded in shown:
        ticket = evolve(ticket, recorded)
        if type(recorded.event).__name__ in config[name].events:
            found.append(_preview(target, name, recorded, ticket))
    return found


def _preview(target: PreviewedTarget, name: str, recorded: Recorded, ticket: Ticket) -> RequestPreview:
    call = Call(
        event=recorded,
        key=delivery_key(recorded.event_id, name),
        attempt=1,
        within_s=0,
        traceparent=traceparent(recorded.trace_id, recorded.event_id),
    )
    request, failure = "", ""
    try:
        request = target.preview(call, ticket)
    except DeliveryFailed as failed:
        failure = f"{failed.kind}: {failed.detail} ({failed.message})"
    return RequestPreview(
        version=recorded.version, event=type(recorded.event).__name__, request=request, failure=failure
    )
