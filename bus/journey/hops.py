"""The hops of each event of a ticket, from the rows of all sources: in order of time, each with its lag. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bus.journey.hop_sources import Hop, HopSource

Rows = Mapping[HopSource[Any], Sequence[Any]]


def hops_of(rows: Rows) -> dict[int, list[Hop]]:
    """Give the hops of each version, in order of time, what has not happened last.

    `lag_ms` is measured from the hop that a hop follows: the first one at the same place, else the first anywhere.
    """
    hops = dict[int, list[Hop]]()
    follows = dict[str, str]()
    for source, found in rows.items():
        follows |= source.follows
        for row in found:
            for version, hop in source.hops(row):
                hops.setdefault(version, []).append(hop)
    return {version: _with_lags(own, follows) for version, own in hops.items()}


def _with_lags(hops: Sequence[Hop], follows: Mapping[str, str]) -> list[Hop]:
    at: dict[Any, datetime] = {}
    # In order of time: what an operator republished stands where it belongs.
    known = sorted((hop for hop in hops if hop["at"]), key=lambda hop: hop["at"])
    for hop in known:
        after = follows.get(hop["hop"], "")
        before = at.get((after, hop["where"])) or at.get(after)
        hop["lag_ms"] = round((hop["at"] - before).total_seconds() * 1000, 1) if before else None
        at.setdefault(hop["hop"], hop["at"])
        at.setdefault((hop["hop"], hop["where"]), hop["at"])
    waiting = [{**hop, "lag_ms": None} for hop in hops if not hop["at"]]
    return [*known, *waiting]
