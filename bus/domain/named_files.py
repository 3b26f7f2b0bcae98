"""Files of our own store as evidence names them: `ticketbus-file:` and the SHA-256 of their bytes. Pure."""

from collections.abc import Mapping

from bus.domain import refusals
from bus.domain.closing_commands import Resolve
from bus.domain.closing_events import TicketResolved
from bus.domain.commands import AddEvidence, Command
from bus.domain.events import Event, EvidenceAdded
from bus.domain.evidence_uri import FILE_SCHEME, file_of
from bus.domain.terms import EvidenceKind
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


def check_files(command: Command, known: Mapping[str, str]) -> None:
    """Refuse evidence that names a file which is not in the store, another SHA-256 than its own, or no image as photo.

    `known`: the media types of files by their SHA-256.

    Raises CommandRefused.
    """
    field = "uri" if isinstance(command, AddEvidence) else "photos"
    for sha256 in named_files(command):
        if sha256 not in known:
            raise refusals.no_such_file(field, file_uri(sha256))
        if isinstance(command, AddEvidence) and command.sha256 and command.sha256.strip().lower() != sha256:
            raise refusals.another_file()
        if _as_photo(command) and not known[sha256].startswith("image/"):
            raise refusals.no_image(field, known[sha256])


def _as_photo(command: Command) -> bool:
    return not isinstance(command, AddEvidence) or command.kind is EvidenceKind.PHOTO
