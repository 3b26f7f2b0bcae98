"""A command that came over Kafka to its request: pure, by the rules of the commands that come over HTTP."""

from datetime import datetime

from bus.domain.commands import OpenTicket, Request
from bus.domain.errors import MalformedInput
from bus.domain.naming import kebab
from bus.domain.terms import TicketId, TraceId
from bus.domain.text import is_blank
from bus.intake.command_bodies import within_limits
from bus.intake.command_ids import check_key, command_id, fingerprint
from bus.intake.reserved_names import is_client_name, refuse_reserved
from schemas.messages import CommandSent

ORIGIN = "KAFKA"
KEY = "idempotency_key"


def request_of(sent: CommandSent, *, received_at: datetime, trace_id: TraceId | None) -> Request:
    """Read what a system wants. Raises MalformedInput.

    Without the sender's trace the command's id gives one, so that a repeat has the same.
    """
    sent = within_limits(sent)
    check_key(sent.idempotency_key, KEY)
    for field in ("source", "actor"):
        _check_name(getattr(sent, field), field)
    if not is_client_name(sent.source):
        zh, en = (
            "“source”须为小写字母、数字、点、横线的名称",
            "source is a name of lower case letters, digits, dots and dashes",
        )
        raise MalformedInput("malformed_name", "source", zh, en)
    _check_address(sent)
    own = command_id(sent.source, sent.idempotency_key)
    at = sent.at or received_at
    return Request(
        command_id=own,
        command=sent.command,
        source=sent.source,
        actor=sent.actor,
        at=at,
        received_at=received_at,
        trace_id=trace_id or TraceId(own.hex),
        fingerprint=fingerprint(ORIGIN, kebab(type(sent.command)), {"sent": sent}),
        ticket_id=TicketId(sent.ticket_id) if sent.ticket_id else None,
        source_no=sent.ticket_source_no,
        key_field=KEY,
        automatic=sent.actor == sent.source,
    )


def _check_name(name: str, field: str) -> None:
    if is_blank(name):
        raise MalformedInput("missing", field, f"缺少字段“{field}”", f"the field {field!r} is empty")
    refuse_reserved(name, field)


def _check_address(sent: CommandSent) -> None:
    given = [name for name in ("ticket_id", "ticket_source_no") if getattr(sent, name)]
    if isinstance(sent.command, OpenTicket):
        if given:
            zh, en = "开单命令不写工单号", "OpenTicket names no ticket: its own source_no is in the command"
            raise MalformedInput("ambiguous", given[0], zh, en)
    elif len(given) != 1:
        zh, en = "ticket_id 与 ticket_source_no 须且只须填一个", "give ticket_id or ticket_source_no, and not both"
        raise MalformedInput("ambiguous" if given else "missing", "ticket_id", zh, en)
