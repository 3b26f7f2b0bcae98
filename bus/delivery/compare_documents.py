"""Compares a target's list of documents with what the bus delivered there, number by number. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bus.delivery.document_list import DocumentStage, ListedDocument
from bus.domain.text import Text


class RequestState(StrEnum):
    """What the bus believes of a request for parts at a target."""

    ISSUED = "issued"  # delivered, and the ticket says that the parts were issued
    REFUSED = "refused"  # delivered, and the ticket says that there are none
    DONE = "done"  # delivered, and the ticket says neither
    WAITING = "waiting"
    LETTER = "letter"
    DISCARDED = "discarded"
    UNDER_WAY = "under_way"  # called or settled just now: not judged
    GONE = "gone"  # no delivery is kept of it: not judged


class DifferenceKind(StrEnum):
    """In what a target and the bus differ."""

    MISSING_THERE = "missing_there"  # issued, says the ticket, and no document counts there
    UNKNOWN_HERE = "unknown_here"  # the document counts there, and the bus does not know that it was made
    TWICE = "twice"  # several documents of one request count
    NOT_OURS = "not_ours"  # it has a number of our form, and no request of this bus makes it


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRequest:
    """A request for parts, for one target: the numbers that its document may have, the one that counts first.

    `own`: it went to the target whose list is compared; of another target's only documents that are listed are judged.
    """

    ticket_id: str
    version: int
    request_no: str
    numbers: Sequence[str]
    state: RequestState
    own: bool = True

    @property
    def note(self) -> str:
        """Say what stands on its documents."""
        return f"{self.ticket_id} {self.request_no}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDifference:
    """One difference: the document's number, the ticket as far as it is known, and what either side says.

    `stage` None: the target has no document of that number. `others`: the other documents of the same request that
    count, each by its number and the target's own id.
    """

    kind: DifferenceKind
    number: str
    ticket_id: str = ""
    request_no: str = ""
    state: RequestState | None = None
    stage: DocumentStage | None = None
    others: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentComparison:
    """What a list came to. `listed` and `known` count documents under our numbers, and requests of the time.

    `not_judged`: requests that were called or settled just now.
    """

    listed: int
    known: int
    not_judged: int = 0
    differences: Sequence[DocumentDifference] = field(default=())

    def of(self, kind: DifferenceKind) -> Sequence[DocumentDifference]:
        """Give the differences of a kind."""
        return [one for one in self.differences if one.kind is kind]


_UNKNOWN = frozenset({RequestState.WAITING, RequestState.LETTER, RequestState.DISCARDED, RequestState.REFUSED})


def compare_documents(listed: Iterable[ListedDocument], known: Sequence[KnownRequest]) -> DocumentComparison:
    """Compare by number alone; `listed` may name a document several times, and the last counts.

    `known` has the target's requests of the time, and every request, of whichever target, whose ticket or number is
    listed.
    """
    documents = {one.own_id: one for one in listed}.values()
    by_number = {number: one for one in sorted(known, key=lambda one: one.own) for number in one.numbers}
    found = [*_missing(documents, known), *_twice(documents, by_number)]
    for one in documents:
        request = by_number.get(one.number)
        if request is None and one.stage is not DocumentStage.VOIDED:
            found.append(_difference(DifferenceKind.NOT_OURS, one, None))
        elif request and one.stage is DocumentStage.COUNTED and request.state in _UNKNOWN:
            found.append(_difference(DifferenceKind.UNKNOWN_HERE, one, request))
    return DocumentComparison(
        listed=len(documents),
        known=sum(one.own for one in known),
        not_judged=sum(one.own and one.state is RequestState.UNDER_WAY for one in known),
        differences=sorted(set(found), key=lambda one: (one.kind, one.ticket_id, one.number)),
    )


def _missing(documents: Iterable[ListedDocument], known: Iterable[KnownRequest]) -> Iterable[DocumentDifference]:
    stages = defaultdict[str, set[DocumentStage]](set)
    for document in documents:
        stages[document.number].add(document.stage)
    for one in known:
        there = stages[one.numbers[0]]
        if one.own and one.state is RequestState.ISSUED and DocumentStage.COUNTED not in there:
            yield DocumentDifference(
                kind=DifferenceKind.MISSING_THERE,
                number=one.numbers[0],
                ticket_id=one.ticket_id,
                request_no=one.request_no,
                state=one.state,
                stage=DocumentStage.OPEN if DocumentStage.OPEN in there else min(there, default=None),
            )


def _twice(documents: Iterable[ListedDocument], by_number: Mapping[str, KnownRequest]) -> Iterable[DocumentDifference]:
    counted = defaultdict[str, list[ListedDocument]](list)
    for one in documents:
        if one.stage is DocumentStage.COUNTED:
            request = by_number.get(one.number)
            counted[request.note if request else one.note].append(one)
    for note, same in counted.items():
        if len(same) > 1 and note.strip():
            first, *others = sorted(same, key=lambda one: (one.number not in by_number, one.number, one.own_id))
            named = tuple(f"{one.number} ({one.own_id})" for one in others)
            yield _difference(DifferenceKind.TWICE, first, by_number.get(first.number), others=named)


def _difference(
    kind: DifferenceKind, document: ListedDocument, request: KnownRequest | None, *, others: Sequence[str] = ()
) -> DocumentDifference:
    ticket_id, _, request_no = document.note.partition(" ")
    return DocumentDifference(
        kind=kind,
        number=document.number,
        ticket_id=request.ticket_id if request else ticket_id,
        request_no=request.request_no if request else request_no,
        state=request.state if request else None,
        stage=document.stage,
        others=tuple(others),
    )


def next_step(one: DocumentDifference, target: str) -> Text:
    """Say what to do about a difference. Pure."""
    match one.kind, one.state:
        case DifferenceKind.MISSING_THERE, _:
            return Text(
                f"请库房核对:备件已出库则在 {target} 中恢复或审核此单据,否则在工单 {one.ticket_id} 上重新申请备件",
                f"ask the store: if the parts have left, restore or audit the document at {target}, else ask for the "
                f"parts again on ticket {one.ticket_id}",
            )
        case DifferenceKind.UNKNOWN_HERE, RequestState.LETTER:
            return Text(
                "重发该死信(ticketbus deadletter list,deadletter retry),总线会查到此单据,不会重复出库",
                "retry the letter (`ticketbus deadletter list`, `deadletter retry`): the document is found, and no "
                "second one is made",
            )
        case DifferenceKind.UNKNOWN_HERE, RequestState.WAITING:
            return Text(
                f"下次投递会查到此单据;目标暂停则执行 ticketbus delivery resume {target}",
                f"the next attempt finds the document; if the target is paused, `ticketbus delivery resume {target}`",
            )
        case DifferenceKind.UNKNOWN_HERE, _:
            return Text(
                f"工单 {one.ticket_id} 认为没有出库:在 {target} 中作废此单据,或在工单上注明",
                f"ticket {one.ticket_id} says that nothing was issued: void the document at {target}, or note it there",
            )
        case DifferenceKind.TWICE, _:
            return Text(f"请库房核对后在 {target} 中只留一张", f"ask the store, and leave one of them at {target}")
        case _:
            return Text(
                f"是否有另一套总线使用同一账套?否则请在 {target} 中核实此单据",
                f"does another bus write into the same books? If not, look into the document at {target}",
            )
