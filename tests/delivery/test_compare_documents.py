"""A target's documents against the bus's requests: each of four kinds is named by number, and nothing else."""

from collections import Counter
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.delivery.compare_documents import (
    DifferenceKind,
    DocumentDifference,
    KnownRequest,
    RequestState,
    compare_documents,
    next_step,
)
from bus.delivery.document_list import DocumentStage, ListedDocument

DAY = date(2026, 11, 28)
COUNTED, OPEN, VOIDED = DocumentStage.COUNTED, DocumentStage.OPEN, DocumentStage.VOIDED
UNKNOWN_STATES = {RequestState.WAITING, RequestState.LETTER, RequestState.DISCARDED, RequestState.REFUSED}


def listed(number: str, stage: DocumentStage = COUNTED, *, own_id: str = "", note: str = "") -> ListedDocument:
    return ListedDocument(own_id=own_id or f"id-{number}", number=number, note=note, day=DAY, stage=stage)


def known(number: str, state: RequestState = RequestState.ISSUED, *more: str, own: bool = True) -> KnownRequest:
    return KnownRequest(
        ticket_id=f"T-{number}", version=2, request_no="PR", numbers=(number, *more), state=state, own=own
    )


def kinds(*found: DocumentDifference) -> list[tuple[str, str]]:
    return [(one.kind.value, one.number) for one in found]


def test_compare_documents_what_both_have_is_named_in_nothing() -> None:
    found = compare_documents([listed("A"), listed("B", VOIDED)], [known("A"), known("B", RequestState.REFUSED)])
    assert (found.listed, found.known, found.differences) == (2, 2, [])


@pytest.mark.parametrize("there", [None, VOIDED, OPEN])
def test_compare_documents_an_issued_request_without_a_document_that_counts_is_missing_there(
    there: DocumentStage | None,
) -> None:
    found = compare_documents([listed("A", there)] if there else [], [known("A")])
    [one] = found.differences
    assert (one.kind, one.number, one.ticket_id, one.stage) == (DifferenceKind.MISSING_THERE, "A", "T-A", there)


@pytest.mark.parametrize("state", RequestState)
def test_compare_documents_a_document_counts_and_the_bus_knows_of_it_or_not(state: RequestState) -> None:
    found = compare_documents([listed("A")], [known("A", state)])
    assert kinds(*found.differences) == ([("unknown_here", "A")] if state in UNKNOWN_STATES else [])
    assert found.not_judged == (state is RequestState.UNDER_WAY)


def test_compare_documents_a_mended_copy_beside_its_original_makes_two_of_one_request() -> None:
    found = compare_documents([listed("A"), listed("COPY")], [known("COPY", RequestState.ISSUED, "A")])
    [one] = found.differences
    assert (one.kind, one.others) == (DifferenceKind.TWICE, ("COPY (id-COPY)",))


def test_compare_documents_two_documents_of_one_number_are_two_and_one_listed_twice_is_one() -> None:
    same = [listed("A", own_id="1"), listed("A", own_id="2")]
    assert kinds(*compare_documents(same, [known("A")]).differences) == [("twice", "A")]
    again = [listed("A", OPEN, own_id="1"), listed("A", own_id="1")]
    assert compare_documents(again, [known("A")]).differences == []


def test_compare_documents_a_number_that_no_request_makes_is_not_ours_unless_it_is_voided() -> None:
    found = compare_documents([listed("A", note="T-9 PR-9"), listed("B", VOIDED), listed("C", OPEN)], [])
    assert [(one.number, one.ticket_id, one.request_no) for one in found.differences] == [
        ("C", "", ""),
        ("A", "T-9", "PR-9"),
    ]


def test_compare_documents_another_targets_requests_are_judged_by_what_is_listed_alone() -> None:
    others = [known("A", own=False), known("B", RequestState.LETTER, own=False), known("C", own=False)]
    found = compare_documents([listed("A"), listed("B")], others)
    assert (kinds(*found.differences), found.known) == ([("unknown_here", "B")], 0)


def test_compare_documents_each_difference_says_what_to_do_next_in_both_languages() -> None:
    for kind, state in product(DifferenceKind, RequestState):
        step = next_step(DocumentDifference(kind=kind, number="A", ticket_id="T-1", state=state), "erp")
        assert step.zh
        assert step.en


NUMBERS = "ABCD"
DOCUMENTS = st.lists(
    st.builds(
        ListedDocument,
        own_id=st.sampled_from(["1", "2", "3", "4", "5"]),
        number=st.sampled_from(NUMBERS),
        note=st.sampled_from(["", "T-A PR", "T-X PR"]),
        day=st.just(DAY),
        stage=st.sampled_from(DocumentStage),
    ),
    max_size=6,
    unique_by=lambda one: one.own_id,
)
REQUESTS = st.lists(
    st.builds(known, st.sampled_from(NUMBERS), st.sampled_from(RequestState), own=st.booleans()),
    max_size=4,
    unique_by=lambda one: one.numbers,
)


@given(DOCUMENTS, REQUESTS)
def test_compare_documents_names_what_a_naive_look_at_each_pair_names(
    documents: list[ListedDocument], requests: list[KnownRequest]
) -> None:
    expected = Counter[tuple[str, str]]()
    for request in requests:
        counting = [one for one in documents if one.number == request.numbers[0] and one.stage is COUNTED]
        if request.own and request.state is RequestState.ISSUED and not counting:
            expected["missing_there", request.numbers[0]] += 1
        if request.state in UNKNOWN_STATES and counting:
            expected["unknown_here", request.numbers[0]] += 1
    ours = {request.numbers[0]: request.note for request in requests}
    for number in NUMBERS:
        if number not in ours and any(one.number == number and one.stage is not VOIDED for one in documents):
            expected["not_ours", number] += 1
    notes = Counter(ours.get(one.number, one.note) for one in documents if one.stage is COUNTED)
    found = compare_documents(documents, requests)
    named = Counter({(one.kind.value, one.number) for one in found.differences if one.kind is not DifferenceKind.TWICE})
    assert named == expected
    twice = found.of(DifferenceKind.TWICE)
    assert sorted(1 + len(one.others) for one in twice) == sorted(n for note, n in notes.items() if n > 1 and note)
    assert compare_documents([*documents, *documents], requests) == found
