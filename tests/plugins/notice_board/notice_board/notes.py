"""A note that somebody left on the board opens a ticket."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from ticketbus.adapters import (
    EnvironmentSecrets,
    MalformedInput,
    Options,
    Request,
    RequestReceived,
    SourceAdapter,
    SourceServices,
    VariableName,
    build_command,
    command_id,
    commands,
    read_object,
    terms,
)


class NotesOptions(Options):
    """Which environment variable holds the key that the board signs with."""

    key: VariableName


class Notes:
    """One board. A note is signed with HMAC-SHA256 over its id and its body."""

    def __init__(self, options: NotesOptions, secrets: EnvironmentSecrets, services: SourceServices) -> None:
        """Bind the name under which it speaks, and its key."""
        self.name = services.name
        self._key = secrets.read(options.key).get_secret_value().encode()

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:  # noqa: ARG002 - notes have no age
        """Prove the board and give the note's id. Pure. Raises MalformedInput."""
        given = {name.lower(): value.strip() for name, value in headers.items()}
        note, mac = given.get("note-id", ""), given.get("note-mac", "")
        wanted = hmac.new(self._key, note.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not note or not hmac.compare_digest(wanted.encode(), mac.encode()):
            raise MalformedInput("bad_signature", "note-mac", "签名不符", "the signature does not fit")
        return note

    def translate(self, received: RequestReceived) -> tuple[Request, ...]:
        """Read a note as an opening of a ticket. Pure. Raises MalformedInput."""
        return (
            Request(
                command_id=command_id(received.source, received.delivery_id, "open"),
                command=build_command(commands.OpenTicket, read_object(received.body, "$")),
                source=received.source,
                actor=received.source,
                at=received.received_at,
                received_at=received.received_at,
                trace_id=terms.TraceId(received.trace_id),
                fingerprint=hashlib.sha256(received.body).hexdigest(),
            ),
        )


NOTES = SourceAdapter(name="notice-board", options=NotesOptions, build=Notes)
