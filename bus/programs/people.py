"""The directory of people, as commands, the gateway and customers' pages use it."""

from datetime import datetime

from bus.app import Core
from bus.domain.decided import Decided
from bus.domain.terms import CUSTOMER_PAGE
from bus.gateway.customer.handler import NOT_LISTED, ShownHandler, shown_handler
from bus.people.directory import Directory
from bus.people.handing_on import HandedOn, hand_on
from bus.postgres.people_rows import PersonRow
from bus.postgres.personal_keys import Reader


def directory_of(core: Core) -> Directory:
    """Make the directory; asks nothing yet."""
    return Directory(pool=core.pool, keys=core.keys, encode=core.codec.encode_record, rules=core.dispatcher.rules)


async def let_go(core: Core, person: str, decided: Decided) -> tuple[PersonRow, HandedOn] | None:
    """Have somebody leave, and hand their open tickets on; None: there is nobody of that name. Harmless to repeat.

    Raises StoreUnavailable.
    """
    directory = directory_of(core)
    row = await directory.leave(person, decided)
    return (row, await hand_on(directory, core.dispatcher.dispatch, row, decided)) if row else None


async def handler_for_customers(core: Core, person: str, now: datetime) -> ShownHandler:
    """Give what customers may see of who handles their ticket; that it is read is recorded. Raises StoreUnavailable."""
    directory = directory_of(core)
    rows = [one for one in await directory.listed(person) if one.left_at is None]
    shown = await directory.in_clear(rows, Reader(client=CUSTOMER_PAGE, person="", at=now))
    return shown_handler(shown[0].profile) if shown else NOT_LISTED
