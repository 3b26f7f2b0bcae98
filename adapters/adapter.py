"""What an adapter is, the bus's own or another package's: a name, its options, and how it is built of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from bus.delivery.target import Call, Target
from bus.delivery.targets_config import secret_of
from bus.domain.ticket import Ticket
from bus.intake.source_adapter import Source

TicketAt = Callable[[Call], Awaitable[Ticket]]  # the ticket as the call's event left it; raises StoreUnavailable


class Options(BaseModel):
    """What a file says of one source or target: an unknown field is refused by name, and no value is ever shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSecrets:
    """Secrets by the names of the environment variables that hold them; `where` names file and field in a refusal."""

    environment: Mapping[str, str] = field(repr=False)
    where: str

    def read(self, variable: str) -> SecretStr:
        """Give a secret. Raises PlanWrong, which names the variable and never a value."""
        return secret_of(variable, self.environment, where=self.where)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceServices:
    """What the bus lends to a source: the name that stands in its address."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetServices:
    """What the bus lends to a target: its name in the targets file, tickets as an event left them, the clock."""

    name: str
    ticket_at: TicketAt
    now: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)  # without slots: SourceAdapter[Options](…) may be called, too
class SourceAdapter(Generic[OptionsT]):
    """A way to take in what a system sends. `build` does no I/O; it raises PlanWrong or SettingsWrong."""

    name: str
    options: type[OptionsT]
    build: Callable[[OptionsT, EnvironmentSecrets, SourceServices], Source]


@dataclass(frozen=True, kw_only=True)  # without slots: TargetAdapter[Options](…) may be called, too
class TargetAdapter(Generic[OptionsT]):
    """A way to call a system. `build` connects to nothing: it is also called to see that a target can be built.

    It raises PlanWrong or SettingsWrong.
    """

    name: str
    options: type[OptionsT]
    build: Callable[[OptionsT, EnvironmentSecrets, TargetServices], Target]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAdapter:
    """A target that nobody calls: people come for what waits. `unused`: what a targets file cannot say of it."""

    name: str
    options: type[Options]
    unused: frozenset[str]
