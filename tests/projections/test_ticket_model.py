"""What read models of tickets share: the fold, whose repeats change nothing, and how its row is read back."""

import pytest

from bus.domain.commands import Accept
from bus.domain.errors import VersionMissing
from bus.wire.codec import ticket_json
from projections.ticket_model import fold, read_folded
from tests.domain.people import ASSIGN, OPEN
from tests.projections.told import told


def test_ticket_model_a_repeat_changes_nothing_and_a_gap_is_named() -> None:
    opened, assigned, accepted = told(OPEN, ASSIGN, Accept())
    ticket = fold(fold(None, opened), assigned)
    assert fold(ticket, opened) is ticket
    assert fold(ticket, assigned) is ticket
    with pytest.raises(VersionMissing):
        fold(fold(None, opened), accepted)


def test_ticket_model_a_folded_ticket_is_read_back_the_same() -> None:
    ticket = fold(None, told(OPEN)[0])
    assert read_folded((ticket.ticket_id,), [ticket_json(ticket).decode()]) == ticket
