"""The directory of people, as commands and the gateway use it."""

from bus.app import Core
from bus.domain.decided import Decided
from bus.people.directory import Directory
from bus.people.handing_on import HandedOn, hand_on
from bus.postgres.people_rows import PersonRow


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
