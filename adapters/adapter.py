"""What an adapter is, the bus's own or another package's: a name, its options, and how it is built of them."""

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import SecretStr

from bus.alerts.engine.channel import Channel
from bus.config_file import ConfigFileInvalid, FileModel, secret_of
from bus.delivery.recipients import Recipients, RecipientsInMemory
from bus.delivery.target import Call, Target
from bus.domain.closure_proof import ClosureProofs
from bus.domain.errors import BusError
from bus.domain.page_links import PageLinks
from bus.domain.ticket import Ticket
from bus.intake.source_adapter import Source

TicketAt = Callable[[Call], Awaitable[Ticket]]
"""Gives the ticket as the call's event left it, within the call's time. Raises StoreUnavailable."""


class Options(FileModel):
    """What a file says of one source or target: an unknown field is refused by name, and no value is ever shown."""


OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSecrets:
    """Secrets by the names of the environment variables that hold them; `where` names file and field in a refusal."""

    environment: Mapping[str, str] = field(repr=False)
    where: str

    def read(self, variable: str) -> SecretStr:
        """Give a secret. Raises ConfigFileInvalid, which names the variable and never a value."""
        return secret_of(variable, self.environment, where=self.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceServices:
    """What the bus lends to a source: the name that stands in its address."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetServices:
    """What the bus lends to a target: its name in the targets file, tickets as an event left them, the clock.

    `recipients`: what is remembered of persons that it writes to. `proofs` makes the links and codes of closures,
    `links` those to customers' pages, `engineer_links` those to handlers'.
    """

    name: str
    ticket_at: TicketAt
    now: Callable[[], datetime]
    recipients: Recipients = field(default_factory=RecipientsInMemory)
    proofs: ClosureProofs = field(default_factory=ClosureProofs)
    links: PageLinks = field(default_factory=PageLinks)
    engineer_links: PageLinks = field(default_factory=PageLinks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelServices:
    """What the bus lends to a channel of alerts: its name in the alerts file, the clock."""

    name: str
    now: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)  # without slots: SourceAdapter[Options](…) may be called, too
class SourceAdapter(Generic[OptionsT]):
    """A way to take in what a system sends. `build` does no I/O; it raises ConfigFileInvalid or SettingsInvalid."""

    name: str
    options: type[OptionsT]
    build: Callable[[OptionsT, EnvironmentSecrets, SourceServices], Source]


@dataclass(frozen=True, kw_only=True)  # without slots: TargetAdapter[Options](…) may be called, too
class TargetAdapter(Generic[OptionsT]):
    """A way to call a system. `build` connects to nothing: it is also called to see that a target can be built.

    It raises ConfigFileInvalid or SettingsInvalid. `by_sms`: what it sends reaches phones as SMS.
    """

    name: str
    options: type[OptionsT]
    build: Callable[[OptionsT, EnvironmentSecrets, TargetServices], Target]
    by_sms: bool = False


@dataclass(frozen=True, kw_only=True)  # without slots: ChannelAdapter[Options](…) may be called, too
class ChannelAdapter(Generic[OptionsT]):
    """A way to tell people of alerts. `build` connects to nothing; it raises ConfigFileInvalid.

    `per_minute_max`: the messages in a minute beyond which the other side takes none, or locks it.
    """

    name: str
    options: type[OptionsT]
    build: Callable[[OptionsT, EnvironmentSecrets, ChannelServices], Channel]
    per_minute_max: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAdapter:
    """A target that nobody calls: people come for what waits. `unused`: what a targets file cannot say of it."""

    name: str
    options: type[Options]
    unused: frozenset[str]


@contextmanager
def building(adapter: str, *, where: str) -> Iterator[EnvironmentSecrets]:
    """Lend the secrets that an adapter is built with; `where` names file and entry of whatever goes wrong.

    Raises ConfigFileInvalid for an exception that is not the bus's own.
    """
    try:
        yield EnvironmentSecrets(environment=os.environ, where=where)
    except BusError:
        raise
    except Exception as error:  # another package's own: its text may hold a secret
        raise ConfigFileInvalid(f"{where}: the adapter {adapter!r} failed with {type(error).__name__}") from error
