"""A target's own list of the documents that deliveries made there: one document of it, and the optional port."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol, runtime_checkable

from bus.delivery.target import Call, Target


class DocumentStage(StrEnum):
    """How far a document is at its target."""

    OPEN = "open"  # saved, and the goods are still in the store
    COUNTED = "counted"  # in the books for good: the goods have left
    VOIDED = "voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDocument:
    """A document in a target's books. `own_id` is the target's: two documents of one number have two.

    `note`: what stands on it of what it is for, `TICKET REQUEST`. `day`: its day in the books.
    """

    own_id: str
    number: str
    note: str
    day: date
    stage: DocumentStage


@runtime_checkable
class ListingTarget(Target, Protocol):
    """A target that can be asked which documents it has; optional. It is asked for nothing but reading."""

    def documents(self, since: date, until: date) -> AsyncGenerator[Sequence[ListedDocument], None]:
        """Give, page by page, the documents under numbers of ours whose day is from `since` to `until`, both included.

        Either the whole list comes, or it raises DeliveryFailed: a page that fails is asked for again a few times.
        """
        ...

    def documents_of(self, numbers: Sequence[str]) -> AsyncGenerator[Sequence[ListedDocument], None]:
        """Give the documents of these numbers, whatever their day. Raises DeliveryFailed as `documents` does."""
        ...

    def document_number(self, call: Call) -> str:
        """Give the number of the document that a call makes. Raises DeliveryFailed: it makes none. Pure."""
        ...
