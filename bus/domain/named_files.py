"""Files of our own store as evidence names them: `ticketbus-file:` and the SHA-256 of their bytes. Pure."""

from collections.abc import Collection

from bus.domain import refusals
from bus.domain.closing_commands import Resolve
from bus.domain.closing_events import TicketResolved
from bus.domain.commands import AddEvidence, Command
from bus.domain.events import Event, EvidenceAdded
from bus.domain.evidence_uri import FILE_SCHEME, file_of
from bus.domain.work_order_commands import SignStep
from bus.domain.work_order_events import StepSignedOff


def file_uri(sha256: str) -> str:
    """Give the stable address of a file, by the SHA-256 of its bytes in lower-case hex."""
    return f"{FILE_SCHEME}:{sha256}"


def named_files(record: Command | Event) -> tuple[str, ...]:
    """List the files of our store that a command or an event names, each by its SHA-256."""
    match record:
        case AddEvidence(uri=uri) | EvidenceAdded(uri=uri):
            uris: tuple[str, ...] = (uri,)
        case Resolve(photos=uris) | TicketResolved(photos=uris) | SignStep(photos=uris) | StepSignedOff(photos=uris):
            pass
        case _:
            return ()
    return tuple(dict.fromkeys(sha256 for uri in uris if (sha256 := file_of(uri))))


def check_files(command: Command, known: Collection[str]) -> None:
    """Refuse evidence that names a file which is not in the store, or another SHA-256 than the file's.

    Raises CommandRefused.
    """
    field = "uri" if isinstance(command, AddEvidence) else "photos"
    for sha256 in named_files(command):
        if sha256 not in known:
            raise refusals.no_such_file(field, file_uri(sha256))
        if isinstance(command, AddEvidence) and command.sha256 and command.sha256.strip().lower() != sha256:
            raise refusals.another_file()
