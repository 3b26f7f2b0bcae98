"""Templates of work orders 作业单 (R48): ordered steps, and what each asks before the next may begin."""

from dataclasses import dataclass
from typing import Annotated, Final

from typing_extensions import Doc

SAFETY: Final = "safety"  # 安全签核: the level at which any second person signs


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredValue:
    """A value that was measured in a step."""

    key: Annotated[str, Doc("which value, by the key that the step gives it")]
    value: Annotated[float, Doc("what was measured, in the unit of the step")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLimits:
    """A value that a step asks to be measured, with its limits."""

    key: Annotated[str, Doc("the key that `sign-step` gives it under, as insulation")]
    zh: Annotated[str, Doc("what is measured, in Chinese")]
    en: Annotated[str, Doc("the same in English")]
    unit: Annotated[str, Doc("the unit that it is measured in, as MΩ; empty: a number alone")]
    low: Annotated[float | None, Doc("the least that is right; null: no limit")]
    high: Annotated[float | None, Doc("the most that is right; null: no limit")]
    beyond: Annotated[str, Doc("the role that has to approve a value out of its limits; empty: it is refused")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStep:
    """A step of a work order, and what it asks beside the sign-off of the ticket's handler."""

    key: Annotated[str, Doc("the key that commands give the step by, as cut-power")]
    zh: Annotated[str, Doc("what is done, in Chinese")]
    en: Annotated[str, Doc("the same in English")]
    optional: Annotated[bool, Doc("the next step may be signed without it")]
    photos: Annotated[int, Doc("how many photos it asks at least")]
    values: Annotated[tuple[ValueLimits, ...], Doc("the values that it asks to be measured")]
    safety: Annotated[bool, Doc("it asks the safety sign-off 安全签核 of a second person")]
    approvals: Annotated[tuple[str, ...], Doc("the roles whose people approve it, one after the other")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderTemplate:
    """The steps of a kind of work, in their order."""

    key: Annotated[str, Doc("the key that `start-work-order` gives it by")]
    version: Annotated[str, Doc("the version of the template, as its file has it")]
    zh: Annotated[str, Doc("what work it is, in Chinese")]
    en: Annotated[str, Doc("the same in English")]
    types: Annotated[tuple[str, ...], Doc("the ticket types that it fits; empty: all")]
    required: Annotated[bool, Doc("tickets of these types are resolved with it alone")]
    steps: Annotated[tuple[WorkStep, ...], Doc("the steps, first to last")]

    def fits(self, ticket_type: str) -> bool:
        """Say whether a ticket of a type may have it."""
        return not self.types or ticket_type in self.types
