"""The bus's errors: one small tree; what to do is read from the class, never from the message."""

from typing import Any

from bus.domain.text import Text


class BusError(Exception):
    """An error that the bus knows."""


class Refusal(BusError):
    """The input is at fault. `code` is stable, `field` names the culprit, texts say what to do."""

    def __init__(self, code: str, field: str, zh: str, en: str, **context: Any) -> None:
        """Keep both texts; `context` holds plain values for machines (nearest, legal, ticket_id, …)."""
        super().__init__(f"{code} ({field}): {en}")
        self.code, self.field, self.zh, self.en, self.context = code, field, zh, en, context

    @property
    def text(self) -> Text:
        """The sentence in both languages."""
        return Text(self.zh, self.en)


class CommandRefused(Refusal):
    """The domain says no to a well-formed command."""


class MalformedInput(Refusal):
    """The input cannot be read or translated; its bytes are kept."""


class Conflict(BusError):
    """The request does not fit the present state; nothing was changed, and the text says what the state is."""

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


class AdapterUnusable(BusError):
    """An adapter of another package cannot be used; the text names the package, its entry point and the mend."""


class Transient(BusError):
    """Something outside is away for now; the same call may succeed later."""


class StoreUnavailable(Transient):
    """PostgreSQL cannot take the transaction now; nothing was appended."""


class IntakeStopped(Transient):
    """Nothing is taken in for now, neither here nor by a spool: a disk has no room. The text names it."""

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


class ArchiveUnreadable(Transient):
    """A file of the archive cannot be read here. The text names it, and where it should lie."""

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


class DatabaseNotPrepared(StoreUnavailable):
    """A table or column of this version is missing, until somebody runs `ticketbus prepare`."""


class CommandRaced(Transient):
    """Two transactions held the same new command id; one won, and the other finds it known when it tries again."""


class KafkaUnavailable(Transient):
    """Kafka did not acknowledge in time; the record may or may not be there."""


class TopicAway(KafkaUnavailable):
    """A topic is not there, or this program may not write to it; other topics may be fine."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic} is not there, or may not be written to")
        self.topic = topic


class InvariantBroken(BusError):
    """Ours: what must hold does not. Stop here and alert."""


class VersionMissing(InvariantBroken):
    """An event's version does not follow the one known: versions in between are missing."""

    def __init__(self, ticket_id: str, *, version: int, known: int) -> None:
        """Keep the last version known; 0 for a ticket that is not known at all."""
        super().__init__(f"{ticket_id}: version {version} follows {known}")
        self.known = known


def cause_of(error: Exception) -> str:
    """Say what failed: an error of ours in its words; of others the kind alone, their words may hold personal data."""
    return str(error) if isinstance(error, BusError) else type(error).__name__
