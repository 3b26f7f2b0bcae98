"""When a look-up that finds nothing is proof: at a target that shows its effects late, not at once. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from bus.delivery.target import FailureKind

_LOOKS: Final = 4  # within the time after which an empty look-up is proof


def nothing_sent_since(failures: Sequence[Mapping[str, Any]], attempt: int) -> datetime | None:
    """Give since when attempts have ended at their look-up, so that nothing was sent; None if the last one may have.

    `failures` are those before the attempt of that number. One that left no failure, as of a worker that was killed,
    may have sent something.
    """
    match failures[-1:]:
        case [{"looked": {"attempt": int(number), "since": str(since)}}] if number == attempt - 1:
            return datetime.fromisoformat(since)
        case _:
            return None


def unknown_since(
    failures: Sequence[Mapping[str, Any]], *, unsure: bool, first_tried_at: datetime | None
) -> datetime | None:
    """Give since when an effect may be there that nobody knows of; None where every attempt is known to have had none.

    An attempt that left no failure, as of a worker that was killed, counts from the first one.
    """
    ends = [datetime.fromisoformat(one["at"]) for one in failures if one["kind"] == FailureKind.UNKNOWN]
    return min(ends, default=None) or (first_tried_at if unsure else None)


def look_record(failures: Sequence[Mapping[str, Any]], attempt: int, now: datetime) -> dict[str, Any]:
    """Say of an attempt that it ended at its look-up: what its failure holds for the next one to go by."""
    since = nothing_sent_since(failures, attempt) or now
    return {"attempt": attempt, "since": since.isoformat()}


def unproven_s(since: datetime | None, now: datetime, settles_s: float) -> float | None:
    """Give after how many seconds to look again; None where a look-up that finds nothing `now` proves that.

    `since`: from when on nothing was sent. `settles_s`: within which the target shows an effect.
    """
    left_s = settles_s if since is None else (since + timedelta(seconds=settles_s) - now).total_seconds()
    return min(left_s, settles_s / _LOOKS) if left_s > 0 else None
