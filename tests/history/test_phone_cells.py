"""Phones in an export that a spreadsheet has been through."""

import pytest

from adapters.history.map_file import KeyColumn
from bus.domain.terms import KeyKind
from tests.history.uci import MAP, Bus, lines, row


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("13912340000.0", "13912340000"),
        ("1.3912340000E10", "13912340000"),
        ("1.3912340000e+10", "13912340000"),
        ("1.391234E+10", "1.391234E+10"),
        ("1.39E+10", "1.39E+10"),
        ("010-62176966.5", "010-62176966.5"),
        ("1.3912340005E6", "1.3912340005E6"),
    ],
)
async def test_phone_cells_a_phone_that_a_spreadsheet_took_for_a_number_is_that_phone(written: str, kept: str) -> None:
    mapped = MAP.model_copy(update={"incident_key": KeyColumn(kind=KeyKind.PHONE, column="cmdb_ci")})
    bus = Bus()
    await bus.take(lines([row("New", cmdb_ci=written)]), mapped=mapped)
    [ticket] = await bus.tickets()
    assert ticket.incident_key.value == kept
