"""What read models of tickets share: a fold is done once for the very same arguments, and never taken for another."""

import pytest

from projections import ticket_model
from projections.ticket_model import fold, folded_json, read_folded, shared
from tests.domain.people import OPEN
from tests.projections.told import told


def test_ticket_model_a_shared_function_is_called_once_for_the_very_same_arguments() -> None:
    calls = list[tuple[object, ...]]()
    one, equal = ["a"], ["a"]

    def called(*arguments: object) -> object:
        calls.append(arguments)
        return object()

    sharing = shared(called)
    assert sharing(None, one) is sharing(None, one)
    assert sharing(None, equal) is not sharing(None, one)
    assert len(calls) == 2


def test_ticket_model_a_shared_function_forgets_its_oldest_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticket_model, "KEPT", 2)
    sharing, arguments = shared(lambda _: object()), [["a"], ["b"], ["c"]]
    first, *_, last = [sharing(one) for one in arguments]
    assert sharing(arguments[2]) is last
    assert sharing(arguments[0]) is not first


def test_ticket_model_two_read_models_fold_the_same_event_into_one_ticket() -> None:
    (opened,) = told(OPEN)
    ticket = fold(None, opened)
    assert fold(None, opened) is ticket
    text = folded_json(ticket).decode()
    again = read_folded((ticket.ticket_id,), [text])
    assert again == ticket
    assert read_folded((ticket.ticket_id,), [f"{text}"]) is again
