"""How a stand-in that runs for long stays small: the oldest of what it remembers goes."""

from itertools import islice
from typing import Any, Final

CALLS_MAX: Final = 10_000  # that `ticketbus simulate` remembers, and as many effects of them


def drop_oldest(most: int | None, *remembered: dict[Any, Any] | list[Any]) -> None:
    """Leave the `most` newest entries of each list and dictionary, in the order of their making; None leaves all."""
    for each in remembered if most is not None else ():
        excess = max(len(each) - (most or 0), 0)
        if isinstance(each, dict):
            for key in [*islice(each, excess)]:
                del each[key]
        else:
            del each[:excess]
