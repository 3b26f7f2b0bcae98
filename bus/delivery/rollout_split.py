"""Splits what a target is to have between its two versions, while a rollout runs or is not quite over."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bus.delivery import rollout_store
from bus.delivery.queue import NewDelivery
from bus.delivery.rollout import Rollout, takes
from bus.domain.events import Recorded
from bus.domain.terms import TicketId
from bus.postgres.pool import Connection


async def split(
    connection: Connection, rollout: Rollout, events: Sequence[Recorded], types: Mapping[str, Collection[str]]
) -> list[NewDelivery]:
    """Give each event to the version that has its ticket, each ticket's in order; what either had already to none.

    `types` are the events that each version takes; imported history goes to none. The queues of these tickets stay
    locked until the transaction ends, so that nobody moves them meanwhile.
    """
    targets = (rollout.target, rollout.canary)
    kinds = {kind for target in targets for kind in types[target]}
    wanted = [one for one in events if not one.historic and type(one.event).__name__ in kinds]
    if not wanted:
        return []
    places = await rollout_store.places(connection, rollout, sorted({one.ticket_id for one in wanted}))
    known = await rollout_store.known_deliveries(connection, targets, [(one.ticket_id, one.version) for one in wanted])
    some, moved = list[NewDelivery](), set[TicketId]()
    for one in wanted:
        place = places[one.ticket_id]
        to_canary = takes(rollout, one.ticket_id, place)
        target = rollout.canary if to_canary else rollout.target
        if (one.ticket_id, one.version) in known or type(one.event).__name__ not in types[target]:
            continue
        some.append(NewDelivery(target=target, ticket_id=one.ticket_id, version=one.version))
        if to_canary:
            moved.add(one.ticket_id)
        places[one.ticket_id] = replace(
            place,
            moved=place.moved or to_canary,
            waits_at_canary=place.waits_at_canary or to_canary,
            waits_at_target=place.waits_at_target or not to_canary,
        )
    await rollout_store.keep_moved(connection, rollout, moved)
    return some
