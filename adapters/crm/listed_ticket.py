"""One ticket of a CRM's list, in the words of its webhook `ticket.created`, with its state beside. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.crm.status import SYNONYMS
from adapters.crm.translate import read_model
from adapters.crm.wire import Created, CrmModel, Instant, Named, Status
from bus.domain.errors import CommandRefused, MalformedInput
from bus.domain.naming import state_named
from bus.domain.simplified import simplified
from bus.intake.command_bodies import within_limits
from bus.reconcile.source_list import ListedTicket
from bus.wire.json_body import joined, refuse_unstorable


class _ListedData(CrmModel):
    """What a list must have of each ticket, and what may be compared."""

    source_no: Named
    opened_at: Instant
    status: Status = ""
    type: str = ""
    region: str = ""


def listed_ticket(raw: Mapping[str, Any], path: str) -> ListedTicket:
    """Read a ticket; `path` is where it stands. Pure. Raises MalformedInput that names the field.

    A status of a word that no state has is not compared. What lacks for an opening is said in `unopenable`.
    """
    refuse_unstorable({name: value for name, value in raw.items() if name in Created.model_fields}, path)
    data = read_model(_ListedData, raw, path)
    number = within_limits(data.source_no, joined(path, "source_no"))
    fields = {"state": _state(data.status), "type": data.type, "region": data.region}
    listed = ListedTicket(
        number=number, at=data.opened_at, fields={name: value for name, value in fields.items() if value}
    )
    try:
        return replace(listed, opening=within_limits(read_model(Created, raw, path).command(), path))
    except MalformedInput as lacking:
        return replace(listed, unopenable=lacking.text)


def _state(word: str) -> str:
    text = simplified(word.strip().lower())
    try:
        return (SYNONYMS.get(text) or state_named(text)).value if text else ""
    except CommandRefused:
        return ""
