"""The faults of a simulator that are on, each at so many calls of some services; the first one on comes first."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from adapters.simulators.switches import switch_name

FaultT = TypeVar("FaultT", bound=StrEnum)


@dataclass(slots=True)
class _Switch(Generic[FaultT]):
    fault: FaultT
    left: int | None
    only: Collection[str]


class FaultSwitches(Generic[FaultT]):
    """What is on, and how often still."""

    def __init__(self) -> None:
        """Begin with all of them off."""
        self._switches = list[_Switch[FaultT]]()

    def turn_on(self, fault: FaultT, *, times: int | None = None, only: Collection[str] = ()) -> None:
        """Show a fault at the next `times` calls of the services in `only`; without them, at all calls."""
        self._switches = [*(one for one in self._switches if one.left != 0), _Switch(fault, times, only)]

    @property
    def names(self) -> list[str]:
        """List the faults that are on."""
        return [switch_name(one.fault) for one in self._switches if one.left != 0]

    def turn_off(self) -> None:
        """Switch all off; who hangs, hangs on."""
        self._switches.clear()

    def next_at(self, service: str) -> FaultT | None:
        """Give the fault that a call of a service meets, and count it."""
        for one in self._switches:
            if one.left != 0 and (not one.only or service in one.only):
                one.left = None if one.left is None else one.left - 1
                return one.fault
        return None
