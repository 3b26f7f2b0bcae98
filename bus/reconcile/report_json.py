"""What reconciling a source came to, as JSON: one shape for the command line and HTTP. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from typing_extensions import TypedDict

from bus.reconcile.compare import TimeBucket
from bus.reconcile.open_missing import OpenedTickets
from bus.reconcile.reconciler import DatedDifference, ReconcileReport


class BucketAnswer(TypedDict):
    """Ten minutes of the source's time of which a ticket is named, and how many tickets source and bus have of them."""

    at: datetime
    listed: int
    known: int


class ReconciliationAnswer(TypedDict):
    """How many tickets a source lists and the bus has of them, and how many are named, by what is wrong.

    `buckets`: how many ten minutes have any. `buckets_not_judged`: how many beside the unequal have a ticket that the
    source does not list, without it being known whether the source lost it. `opened`: of those missing here.
    `unjudged`: why nothing is known of what the source lost.
    """

    kind: Literal["reconciliation"]
    source: str
    since: datetime
    until: datetime
    listed: int
    known: int
    buckets: int
    unequal: list[BucketAnswer]
    buckets_not_judged: int
    missing_here: int
    missing_there: int
    different: int
    opened: int
    unjudged: str | None
    unjudged_en: str | None


class MissingHereAnswer(TypedDict):
    """A ticket that never arrived; `ticket_id` once it is opened, `refused` why it cannot be."""

    kind: Literal["missing_here"]
    source_no: str
    at: datetime
    ticket_id: str | None
    refused: str | None
    refused_en: str | None


class DifferentAnswer(TypedDict):
    """What source and bus say of one ticket, and since which event that differs."""

    kind: Literal["different"]
    source_no: str
    ticket_id: str
    field: str
    listed: str
    known: str
    since_version: int | None
    since_event: str | None
    since_at: datetime | None


class MissingThereAnswer(TypedDict):
    """A ticket that the source has no more."""

    kind: Literal["missing_there"]
    source_no: str
    at: datetime
    ticket_id: str


NamedTicket = MissingHereAnswer | DifferentAnswer | MissingThereAnswer


def head_json(report: ReconcileReport, opened: OpenedTickets) -> ReconciliationAnswer:
    """Give the counts."""
    found = report.found
    return ReconciliationAnswer(
        kind="reconciliation",
        source=report.source,
        since=report.window.since,
        until=report.window.until,
        listed=found.listed,
        known=found.known,
        buckets=len(found.buckets),
        unequal=_buckets(found.unequal),
        buckets_not_judged=len(found.unjudged_buckets),
        missing_here=len(found.missing_here),
        missing_there=len(found.missing_there),
        different=len(report.different),
        opened=len(opened.opened),
        unjudged=report.unjudged.zh if report.unjudged else None,
        unjudged_en=report.unjudged.en if report.unjudged else None,
    )


def tickets_json(report: ReconcileReport, opened: OpenedTickets) -> Iterator[NamedTicket]:
    """Give each ticket that is named: what never arrived, what differs, what the source has no more."""
    for one in report.found.missing_here:
        refused = opened.refused.get(one.number)
        yield MissingHereAnswer(
            kind="missing_here",
            source_no=one.number,
            at=one.at,
            ticket_id=opened.opened.get(one.number),
            refused=refused.zh if refused else None,
            refused_en=refused.en if refused else None,
        )
    for dated in report.different:
        yield _different(dated)
    for lost in report.found.missing_there:
        yield MissingThereAnswer(kind="missing_there", source_no=lost.number, at=lost.at, ticket_id=lost.ticket_id)


def event_name(dated: DatedDifference) -> str | None:
    """Name the event since which a ticket differs."""
    return type(dated.since.event).__name__ if dated.since else None


def _different(dated: DatedDifference) -> DifferentAnswer:
    one, since = dated.difference, dated.since
    return DifferentAnswer(
        kind="different",
        source_no=one.number,
        ticket_id=one.ticket_id,
        field=one.field,
        listed=one.listed,
        known=one.known,
        since_version=since.version if since else None,
        since_event=event_name(dated),
        since_at=since.occurred_at if since else None,
    )


def _buckets(buckets: Sequence[TimeBucket]) -> list[BucketAnswer]:
    return [BucketAnswer(at=one.at, listed=one.listed, known=one.known) for one in buckets]
