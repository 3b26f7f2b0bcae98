"""Salesforce's outbound messages: a SOAP envelope with up to 100 notifications, taken apart into documents. Pure.

Seen in the vendor's description of the WSDL alone (?): how an empty notification of a deleted record looks.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element

from adapters.xml_root import xml_root
from bus.domain.errors import MalformedInput

FORM: Final = "salesforce-outbound-message"
NOTIFICATIONS_MAX: Final = 100
DEPTH_MAX: Final = 5
MESSAGE: Final = "_message"
TYPE: Final = "_type"
ID: Final = "notification_id"
ACK: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>"
)
"""The answer to a message of which nothing needs to come again; whatever else is answered, all of it comes again."""

_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OUTBOUND: Final = "{http://soap.sforce.com/2005/09/outbound}"
_XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
# Of what stands around the notifications; the SessionId, which lets its holder in, is read by nobody.
_AROUND: Final = {
    "organization_id": "OrganizationId",
    "action_id": "ActionId",
    "enterprise_url": "EnterpriseUrl",
    "partner_url": "PartnerUrl",
}


def notifications(body: bytes) -> Sequence[dict[str, Any]]:
    """Give the document of each notification: the record's fields by name, texts, None for nil.

    `_message` has the notification's own id and what stands around all of them, `_type` the record's type. Nothing of
    the SessionId is in it. Raises MalformedInput.
    """
    root = xml_root(body)
    message = None if root is None else root.find(f"{_SOAP}Body/{_OUTBOUND}notifications")
    if root is None or root.tag != f"{_SOAP}Envelope" or message is None:
        zh, en = "不是 Salesforce 出站消息(SOAP)", "no outbound message of Salesforce (SOAP)"
        raise MalformedInput("not_an_outbound_message", "$", zh, en)
    around = {name: _value(message.find(f"{_OUTBOUND}{tag}"), 1) for name, tag in _AROUND.items()}
    found = message.findall(f"{_OUTBOUND}Notification")
    if not 0 < len(found) <= NOTIFICATIONS_MAX:
        zh, en = f"应有 1 到 {NOTIFICATIONS_MAX} 条通知", f"1 to {NOTIFICATIONS_MAX} notifications are meant"
        raise MalformedInput("bad_count", "Notification", zh, en)
    return [_document(one, around) for one in found]


def _document(notification: Element, around: Mapping[str, Any]) -> dict[str, Any]:
    own = (notification.findtext(f"{_OUTBOUND}Id") or "").strip()
    if not own:
        raise MalformedInput("missing", "Notification.Id", "通知没有编号", "a notification has no Id")
    record = notification.find(f"{_OUTBOUND}sObject")
    fields = {} if record is None else _fields(record, 1)
    kind = "" if record is None else record.get(f"{_XSI}type", "")
    return {**fields, TYPE: kind.rpartition(":")[2], MESSAGE: {ID: own, **around}}


def _fields(element: Element, depth: int) -> dict[str, Any]:
    """Give the parts of an element by their local names; of several of one name the list."""
    read = dict[str, Any]()
    for child in element:
        name, value = child.tag.rpartition("}")[2], _value(child, depth)
        if name in read:
            before = read[name]
            read[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            read[name] = value
    return read


def _value(element: Element | None, depth: int) -> Any:
    if element is None or element.get(f"{_XSI}nil") in ("true", "1"):
        return None
    if not len(element):
        return element.text or ""
    if depth >= DEPTH_MAX:
        raise MalformedInput("too_deep", "sObject", f"超过 {DEPTH_MAX} 层", f"more than {DEPTH_MAX} levels")
    return _fields(element, depth + 1)


def checked(document: Any) -> Any:
    """Give a notification's document back if it has its own id. Raises MalformedInput."""
    match document:
        case {"_message": {"notification_id": str(own)}} if own.strip():
            return document
        case _:
            zh, en = "不是出站消息的通知", "no notification of an outbound message"
            raise MalformedInput("missing", f"{MESSAGE}.{ID}", zh, en)
