"""Stand-ins for a rehearsal: their switches by name, how they stand, and a line for each call that comes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from adapters.simulators.callback_faults import CallbackFault
from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.erp_simulator import ErpSimulator
from adapters.simulators.fault_switches import FaultT
from adapters.simulators.faulty_simulator import turning
from adapters.simulators.fxiaoke import FxiaokeSimulator, changed_in
from adapters.simulators.fxiaoke_faults import FxiaokeFault
from adapters.simulators.kingdee import KingdeeSimulator
from adapters.simulators.kingdee_faults import KingdeeFault
from adapters.simulators.salesforce import SalesforceSimulator
from adapters.simulators.salesforce_faults import SalesforceFault
from adapters.simulators.sap import SapSimulator
from adapters.simulators.sap_faults import SapFault
from adapters.simulators.switches import NoSuchSwitch, Switches, Turn, switch_name, switch_names
from adapters.simulators.ticket_list import ListFault
from adapters.simulators.u8 import U8Simulator, bill_in
from adapters.simulators.u8_faults import U8Fault
from bus.domain.text import Text

SHOWN: Final = 20  # of bills, documents


def kingdee_switches(erp: KingdeeSimulator) -> Switches:
    """Give the switches of a Kingdee; its state has the bills in its books, its stock and how many calls came."""

    def bills() -> Sequence[Mapping[str, Any]]:
        return [
            {"number": one.number, "note": one.model.get("FNote"), "status": one.status, "voided": one.voided}
            for one in erp.books.bills[-SHOWN:]
        ]

    return _erp_switches(erp, KingdeeFault, "bills", bills)


def sap_switches(erp: SapSimulator) -> Switches:
    """Give the switches of an SAP S/4; its state has documents, stock and how many calls came."""

    def documents() -> Sequence[Mapping[str, Any]]:
        return [
            {"number": f"{one.number}/{one.year}", "reference": one.reference, "text": one.text}
            for one in erp.books.documents[-SHOWN:]
        ]

    return _erp_switches(erp, SapFault, "documents", documents)


def u8_switches(erp: U8Simulator) -> Switches:
    """Give the switches of a U8; its state has the bills in its books, its stock and how many calls came."""

    def bills() -> Sequence[Mapping[str, Any]]:
        return [{"number": one.number, "note": one.note, **one.steps} for one in erp.books.bills[-SHOWN:]]

    return _erp_switches(erp, U8Fault, "bills", bills)


def fxiaoke_switches(crm: FxiaokeSimulator) -> Switches:
    """Give the switches of a 纷享销客; its state has records and what was done to them, flows and calls."""

    def state() -> Mapping[str, Any]:
        books = crm.books
        shown = ({"object": one.object, "id": one.values["_id"], **one.steps} for one in books.records[-SHOWN:])
        counts = {"calls": crm.called, "tokens": books.tokens_asked, "flows": books.flows_started}
        return {"on": crm.switched_on, "records": list(shown), **counts}

    return Switches(faults=switch_names(FxiaokeFault), turn=turning(crm, FxiaokeFault), heal=crm.heal, state=state)


def salesforce_switches(org: SalesforceSimulator) -> Switches:
    """Give the switches of a Salesforce organization; its state has records, how many calls came and what changed."""

    def records() -> Sequence[Mapping[str, Any]]:
        return [
            {name: value for name, value in one.items() if name != "attributes"}
            for one in [*org.books.records.values()][-SHOWN:]
        ]

    def state() -> Mapping[str, Any]:
        return {"on": org.switched_on, "records": records(), "calls": org.called, "changes": org.effects()}

    return Switches(
        faults=switch_names(SalesforceFault), turn=turning(org, SalesforceFault), heal=org.heal, state=state
    )


def _erp_switches(
    erp: ErpSimulator[FaultT], faults: type[FaultT], name: str, newest: Callable[[], Sequence[Mapping[str, Any]]]
) -> Switches:
    def state() -> Mapping[str, Any]:
        return {"on": erp.switched_on, name: newest(), "stock": erp.books.stock, "calls": erp.called}

    return Switches(faults=switch_names(faults), turn=turning(erp, faults), heal=erp.heal, state=state)


def callback_switches(receiver: CallbackReceiver) -> Switches:
    """Give the switches of a CRM that takes callbacks; its state tells what it has taken, and how many tickets it has.

    Faults of its list have switches of their own, beside the one that is on for callbacks.
    """
    of_list = switch_names(ListFault) if receiver.tickets else {}

    def state() -> Mapping[str, Any]:
        ledger = receiver.ledger
        taken = [{"id": one.delivery_id, **_head(one.body)} for one in ledger.effects[-20:]]
        counts = {"calls": ledger.arrived, "taken": ledger.taken, "unproven": ledger.unproven}
        tickets = receiver.tickets
        on = [*receiver.switched_on, *(switch_name(one) for one in (tickets.faults if tickets else ()))]
        return {"on": on, **counts, "tickets": len(tickets.tickets) if tickets else 0, "last": taken}

    def turn(turn: Turn) -> None:
        if turn.only:
            raise NoSuchSwitch(str(Text("CRM 只有一个服务,不用 only", "a CRM has one service: leave out which")))
        if receiver.tickets and turn.fault in of_list:
            receiver.tickets.misbehave(ListFault[turn.fault.replace("-", "_").upper()], turn.times)
            return
        receiver.misbehave(CallbackFault[turn.fault.replace("-", "_").upper()], turn.times)

    def heal() -> None:
        receiver.behave()
        if receiver.tickets:
            receiver.tickets.behave()

    return Switches(faults={**switch_names(CallbackFault), **of_list}, turn=turn, heal=heal, state=state)


def kingdee_line(service: str, body: bytes, fault: str) -> str:
    """Say in a line what came: the service, and of a save what is wanted. Nothing personal is in either."""
    try:
        asked = orjson.loads(body)
        model = orjson.loads(asked["data"])["Model"] if service == "Save" else {}
        rows = [f"{row['FMaterialId']['FNumber']}×{row['FQty']}" for row in model.get("FEntity", ())]
        shown = [service, *(str(model[name]) for name in ("FBillNo", "FNote") if name in model), *rows]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        shown = [service, "?"]
    return " ".join([*shown, *_switched(fault)])


def sap_line(service: str, body: bytes, fault: str) -> str:
    """Say in a line what came: the service, and of a goods issue what is wanted. Nothing personal is in either."""
    try:
        asked = orjson.loads(body) if service == "Post" else {}
        rows = asked["to_MaterialDocumentItem"]["results"] if asked else ()
        items = [f"{row['Material']}×{row['QuantityInEntryUnit']}" for row in rows]
        names = ("ReferenceDocument", "MaterialDocumentHeaderText")
        shown = [service, *(str(asked[name]) for name in names if name in asked), *items]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        shown = [service, "?"]
    return " ".join([*shown, *_switched(fault)])


def u8_line(service: str, body: bytes, fault: str) -> str:
    """Say in a line what came: the service, and of a bill its number and lines. Nothing personal is in either."""
    bill = bill_in(body)
    rows = [f"{code}×{quantity:g}" for code, quantity in bill.lines] if bill else []
    return " ".join([service, *([bill.number, bill.note] if bill else []), *rows, *_switched(fault)])


def fxiaoke_line(service: str, body: bytes, fault: str) -> str:
    """Say in a line what came: the service, the object and the record. Nothing personal is in either."""
    return " ".join(one for one in (service, changed_in(body), *_switched(fault)) if one)


def callback_line(delivery_id: str, body: bytes, fault: str) -> str:
    """Say in a line what came: the delivery, its type, ticket, version and state; texts of people are left out."""
    try:
        head = _head(orjson.loads(body))
    except orjson.JSONDecodeError:
        head = {}
    return " ".join([delivery_id or "-", *(f"{name}={value}" for name, value in head.items()), *_switched(fault)])


def _head(body: object) -> dict[str, Any]:
    match body:
        case {"type": kind, "data": {**data}}:
            return {"type": kind, **{name: data.get(name) for name in ("ticket_id", "version", "state")}}
        case _:
            return {}


def _switched(fault: str) -> list[str]:
    return [f"→ 开关 switch: {fault}"] if fault else []


def salesforce_line(service: str, body: bytes, fault: str) -> str:
    """Say in a line what came: the service, and the names of the fields written, whose values may be personal."""
    try:
        fields = orjson.loads(body) if service == "Write" else {}
        shown = [service, *(sorted(fields) if isinstance(fields, dict) else "?")]
    except orjson.JSONDecodeError:
        shown = [service, "?"]
    return " ".join([*shown, *_switched(fault)])
