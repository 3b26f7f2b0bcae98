"""The shapes of a ticket's work order as HTTP answers it (R48)."""

from datetime import datetime

from typing_extensions import TypedDict


class SignatureAnswer(TypedDict):
    """Who signed, approved or rejected a step: `level` is `handler`, `safety` or a role."""

    level: str
    person: str
    at: datetime
    version: int
    rejected: bool
    reason: str


class MeasuredAnswer(TypedDict):
    """A value that a step asks, with its limits, and what was measured."""

    key: str
    zh: str
    en: str
    unit: str
    low: float | None
    high: float | None
    beyond: str
    value: float | None


class StepAnswer(TypedDict):
    """A step: what it asks, how far it has come, and who signed; `photos_min` of its photos are asked."""

    key: str
    zh: str
    en: str
    status: str
    status_zh: str
    turn: bool
    optional: bool
    photos_min: int
    photos: tuple[str, ...]
    values: list[MeasuredAnswer]
    safety: bool
    approvals: tuple[str, ...]
    awaits: tuple[str, ...]
    signatures: list[SignatureAnswer]


class WorkOrderView(TypedDict):
    """A work order by the template that it began with; `finished`: no step keeps the ticket from being resolved."""

    template: str
    version: str
    zh: str
    en: str
    started_at: datetime
    started_by: str
    finished: bool
    steps: list[StepAnswer]


class TemplateAnswer(TypedDict):
    """A template that an order may start from; `required`: the ticket is resolved with it alone."""

    key: str
    version: str
    zh: str
    en: str
    required: bool


class WorkOrderAnswer(TypedDict):
    """The work order of a ticket; null: it has none, and `templates` are those that fit its type."""

    ticket_id: str
    work_order: WorkOrderView | None
    templates: list[TemplateAnswer]
