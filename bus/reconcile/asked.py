"""What is asked for when somebody reconciles a source, and what it comes to."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from bus.reconcile.open_missing import OpenedTickets
from bus.reconcile.reconciler import Ask, ReconcileReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileAsked:
    """What is asked for; `until` None: five minutes ago. `listed`: the list of a file, None where the source is asked.

    `ingest`: open what never arrived.
    """

    source: str
    since: datetime
    until: datetime | None = None
    listed: Ask | None = None
    ingest: bool = False


class Reconciled(NamedTuple):
    """What it came to; nothing is opened where that is not asked for."""

    report: ReconcileReport
    opened: OpenedTickets
