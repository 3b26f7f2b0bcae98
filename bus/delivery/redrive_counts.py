"""How the deliveries ended that a redrive sent again, counted at the redrive."""

from collections.abc import Mapping

from bus.postgres.pool import Connection

_COUNT = "UPDATE redrives SET delivered = delivered + %s, failed = failed + %s WHERE id = %s"


async def count_ends(connection: Connection, well: Mapping[int | None, int], badly: Mapping[int | None, int]) -> None:
    """Count for redrives how their deliveries ended, in one lock order, so that transactions cannot deadlock."""
    for redrive in sorted(one for one in {*well, *badly} if one is not None):
        await connection.execute(_COUNT, (well.get(redrive, 0), badly.get(redrive, 0), redrive))
