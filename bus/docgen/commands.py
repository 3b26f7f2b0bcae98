"""The command reference: what may be asked over HTTP, by whom, in which state, and the words to ask with."""

from collections.abc import Iterator
from datetime import timedelta
from importlib import resources

from bus.docgen.markdown import code, codes, document, table
from bus.docgen.shapes import field_table, record_section, records, sentence
from bus.domain.commands import OUTSIDE, Command, OpenTicket
from bus.domain.naming import kebab
from bus.domain.terms import EvidenceKind, KeyKind, Tick, WaitingFor
from bus.domain.transitions import TRANSITIONS
from bus.gateway.auth.roles import GRANTS, Access, Role
from bus.rules_config import load_sla, root_cause_words
from schemas.messages import CommandSent

_ABOUT = """\
`POST /v1/tickets` opens a ticket or joins the one that is there; `POST /v1/tickets/{ticket_id}/{command}` does the
rest. The body is the command's fields as JSON, and may have `at` (when it happened, RFC 3339 with offset) and `actor`
(who did it) besides. A field that nobody knows is refused by name. `Authorization: Bearer …` and `Idempotency-Key`
are required: the same key with the same body gets the same answer, with another body it is refused.

What a command must bring beyond its required fields depends on the state: see [states](states.md). What is
**personal**: [privacy](privacy.md)."""
_KAFKA = """\
A system that speaks Kafka itself puts the same commands on `ticket.commands`: the key is the ticket's number or its own
one, the value `0x00`, the schema id in four bytes (big-endian) and the Avro record `ticketbus.command.Assign` and so
on, as it stands under `schemas/commands/`. Each begins with the fields below, then come the command's own. A header
`traceparent`, with `tracestate`, gives a new ticket its trace.
There is no answer: what took effect is an event on `ticket.events` with the
command's id, what was refused is kept with its bytes and reason (origin `commands`). The broker's access list says who
may write; what stands in `source` is believed."""
_CAUSES = """\
`resolve` names one of these (R14); they stand in `schemas/root_causes.yaml`."""
_TYPES = """\
`type` of a new ticket; each has its promises (R7). They stand in `schemas/sla.yaml`; a file of the same form, named by
`TICKETBUS_SLA_FILE`, replaces it and holds for tickets opened from then on. Each may name
[working hours](calendars.md)."""


def page() -> str:
    """Draw docs/commands.md. Reads the rules' YAML files."""
    return document(
        "Commands 命令",
        "commands.py, fields.py and transitions.py of bus/domain, bus/gateway/auth/roles.py and schemas/",
        _ABOUT,
        "## Who may what\n\n" + table(("Role", "Commands", "Reading"), map(_role, Role)),
        *(_section(cls) for cls in OUTSIDE),
        "## Over Kafka\n\n" + _KAFKA + "\n\n" + field_table(CommandSent, but="command"),
        "## Records inside commands",
        *(record_section(cls) for cls in records(iter(OUTSIDE))),
        f"## Root causes 根因\n\n{_CAUSES}\n\n" + table(("Code", "中文", "English"), _causes()),
        f"## Ticket types 工单类型\n\n{_TYPES}\n\n"
        + table(("Type", "First response 首次响应", "Resolution 解决"), _types()),
        "## Words 用语\n\n" + table(("Word", "中文"), _words()),
    )


def _section(cls: type[Command]) -> str:
    path = "POST /v1/tickets" if cls is OpenTicket else f"POST /v1/tickets/{{ticket_id}}/{kebab(cls)}"
    states = [
        f"{state.zh} `{state.value}`"
        for (state, command), duty in TRANSITIONS.items()
        if command is cls and state is not None and not duty.historic
    ]
    legal = f" In: {'、'.join(states)}." if states else ""
    roles = codes(role.value for role in Role if cls in GRANTS[role].commands)
    return "\n\n".join(
        (
            f"## {kebab(cls)}",
            f"{sentence(cls)}{legal}",
            f"`{path}` · {roles}",
            field_table(cls, asked=True),
        )
    )


def _role(role: Role) -> tuple[str, str, str]:
    grant = GRANTS[role]
    commands = [kebab(cls) for cls in OUTSIDE if cls in grant.commands]
    everything = len(commands) == len(OUTSIDE)
    return (
        code(role.value),
        "all" if everything else codes(commands),
        codes(one.value for one in Access if one in grant.accesses),
    )


def _causes() -> Iterator[tuple[str, str, str]]:
    return ((code(name), words.zh, words.en) for name, words in root_cause_words().items())


def _types() -> Iterator[tuple[str, str, str]]:
    with resources.as_file(resources.files("schemas").joinpath("sla.yaml")) as path:
        return ((code(name), _time(one.response), _time(one.resolution)) for name, one in load_sla(path).items())


def _time(limit: timedelta) -> str:
    minutes = int(limit.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _words() -> Iterator[tuple[str, str]]:
    return ((code(word.value), word.zh) for kind in (KeyKind, WaitingFor, EvidenceKind, Tick) for word in kind)
