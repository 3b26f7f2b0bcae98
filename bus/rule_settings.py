"""The settings of the service's own rules, a part of Settings."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from bus.config_file import in_form
from bus.domain.terms import State
from bus.domain.text import Text
from bus.duration import Duration, PositiveDuration

_CLOCK_FORM: Final = Text("写作 07:45(24 小时制)", "write 07:45, by the clock of 24 hours")
_URL_FORM: Final = Text("写作 https://t.example.com,不含 ? 和 #", "write https://t.example.com, without ? and #")


class RuleSettings(BaseSettings):
    """What is the same ticket, what is promised, in which hours, and who takes it; `Settings` says how it is read."""

    dedupe_window: Duration = Field(timedelta(minutes=15), description="ISO 8601 duration; same key, same master")
    no_key_words: list[str] = Field(
        default_factory=list,
        description='JSON list of words that are no incident key, beside those built in: ["无SN", "待录入"]',
    )
    departments: list[str] = Field(
        default_factory=list,
        description='JSON list of names that are departments and no persons, beside the usual words: ["家电部"]',
    )
    robots: list[str] = Field(
        default_factory=list,
        description='JSON list of names that programs answer under, which is no first response: ["客服机器人"]',
    )
    sla_file: Path | None = Field(None, description="YAML of deadlines per ticket type")
    calendars_file: Path | None = Field(None, description="YAML of working hours and public holidays")
    routing_file: Path | None = Field(None, description="YAML of how tickets find who takes them")
    morning_at: Annotated[str, in_form(r"([01]\d|2[0-3]):[0-5]\d", _CLOCK_FORM)] = Field(
        "07:45",
        description="HH:MM when the drift list of a working day is made and sent, by the clocks of the calendar",
    )
    morning_calendar: str = Field("", description="whose working days have a drift list; unset: the default calendar")
    closure_reminders: list[PositiveDuration] = Field(
        default=[timedelta(hours=24), timedelta(hours=48)],
        description='JSON list of how long after a request the customer is reminded to confirm: ["PT24H", "PT48H"]',
    )
    closure_expires_after: Duration = Field(
        timedelta(days=7),
        ge=timedelta(seconds=1),
        le=timedelta(days=90),
        description="until a request to confirm expires",
    )
    scene_tags_file: Path | None = Field(None, description="YAML of the scene tags that tickets may have")
    rejection_reasons_file: Path | None = Field(
        None, description="YAML of the reasons that customers may reject a closure for"
    )
    customer_url: Annotated[str, in_form(r"https?://[^\s?#]+", _URL_FORM)] | None = Field(
        None, description="what stands before /t/… and /close/… for customers, as https://t.example.com; unset: `url`"
    )
    customer_link_ends_after: Duration = Field(
        timedelta(days=30),
        ge=timedelta(hours=1),
        le=timedelta(days=365),
        description="after closing, until the link to the customer's page opens nothing any more",
    )
    engineer_link_ends_after: Duration = Field(
        timedelta(days=30),
        ge=timedelta(hours=1),
        le=timedelta(days=365),
        description="after closing, until the link to the engineer's page opens nothing any more",
    )
    customer_confirm: Literal["code", "link"] | None = Field(
        None,
        description="what an answer to a closure wants on the customer's page: the code of an SMS, or the link alone; "
        "unset: the code where an SMS target takes ClosureRequested or ClosureCodeAsked, else the link",
    )
    customer_asks_again_after: Duration = Field(
        timedelta(hours=1),
        ge=timedelta(minutes=1),
        le=timedelta(days=7),
        description="until a customer can ask on the page again how it goes",
    )
    work_orders_file: Path | None = Field(None, description="YAML of the templates of work orders")
    dwell_limits: dict[State, Duration] = Field(
        default_factory=dict,
        description='JSON of the working time after which a ticket is red, by state, else PT2H: {"resolved": "PT24H"}',
    )
