"""What a check of `ticketbus doctor` comes to, and what one is made of: a reading and a pure question."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar

from bus.domain.errors import BusError
from bus.postgres.pool import Pool
from bus.settings import Settings, variables
from schemas.topics import Contract

Verdict = Literal["ok", "note", "wrong", "unseen"]
BAD_NEWS: Final = ("wrong", "unseen")
Evidence = Mapping[str, str | int | float | None]
Readings = TypeVar("Readings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One line of `ticketbus doctor`.

    `note`: good to know, nothing breaks soon. `unseen`: the check could not look, which is not ok. `mend`: a command,
    or what to do; empty when nothing is to be done. `evidence`: the figures. None of it holds secrets or personal data.
    """

    check: str
    verdict: Verdict
    says: str
    mend: str = ""
    evidence: Evidence = field(default_factory=dict)


class CannotLook(BusError):
    """What a check wants to see is not to be had; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """The bus that is examined, by its settings; `environment`: the variables that they come from."""

    settings: Settings
    pool: Pool | None
    contract: Contract
    now: datetime
    environment: Mapping[str, str]

    @property
    def database(self) -> Pool:
        """Give the pool. Raises CannotLook where no database is set."""
        if self.pool is None:
            raise CannotLook("DATABASE_URL is not set")
        return self.pool

    def need(self, name: str) -> str:
        """Give a setting. Raises CannotLook where it is not set."""
        if not (value := getattr(self.settings, name)):
            raise CannotLook(f"{variables()[name]} is not set")
        return str(value)


@dataclass(frozen=True, kw_only=True)  # without slots: it is generic, and called
class Check(Generic[Readings]):
    """One check. `read` looks, and changes nothing; raises BusError where it cannot. `judge` is pure.

    `mend`: what to do where it cannot look.
    """

    name: str
    read: Callable[[Examined], Awaitable[Readings]]
    judge: Callable[[Readings], Sequence[Diagnosis]]
    mend: str = "see the check `reach`"


AnyCheck = Check[Any]
