"""Reads the deployment's choices (promises per ticket type, root causes, words) from files and settings into Rules."""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, RootModel, model_validator

from bus.calendars_config import load_calendars
from bus.config_file import ConfigFileInvalid, FileModel, read_yaml
from bus.domain import customer_link, engineer_link
from bus.domain.calendars import BY_REGION, Calendars
from bus.domain.closure_proof import ClosureProofs, closure_key
from bus.domain.closure_rules import ClosureRules
from bus.domain.customer_link import CustomerLinkRules, link_key
from bus.domain.engineer_link import engineer_key
from bus.domain.naming import did_you_mean, nearest, no_such
from bus.domain.no_key import plain_word
from bus.domain.page_links import PageLinks
from bus.domain.routing_rules import CLAIM_WITHIN, RoutingMode, RoutingRules, RoutingWeights
from bus.domain.rules import Rules
from bus.domain.sla_clock import SlaLimit
from bus.domain.terms import TicketStep, WaitingFor
from bus.domain.text import Text
from bus.domain.transitions import STEP_DEADLINES
from bus.domain.values import PauseAllowance, StepDeadline
from bus.duration import Duration, PositiveDuration
from bus.settings import Settings, secret_of
from bus.work_orders_config import load_work_orders

_Weight = Annotated[int, Field(ge=0, le=100, strict=True)]
_Mode = Annotated[RoutingMode, BeforeValidator(lambda given: "off" if given is False else given)]  # YAML reads it so
_WHOLE = 100
_ALLOWED = Annotated[Duration, Field(le=timedelta(days=3650))]
_POSITIVE = Annotated[PositiveDuration, Field(le=timedelta(days=3650))]


def _time_or_off(given: object) -> object:
    if given is True or given is None:
        raise ValueError(str(Text("应为时长,例如 PT10M,或 off", "should be a time, such as PT10M, or off")))
    return None if given is False else given  # YAML reads `off` as false


def _known_steps(given: object) -> object:
    """Take `on` for the times of the transition table, and `off` for none; refuse a step that there is none of."""
    if isinstance(given, bool):  # YAML reads both words so
        return {} if given else dict.fromkeys(STEP_DEADLINES, False)
    known = [*map(str, STEP_DEADLINES)]
    for name in given if isinstance(given, dict) else ():
        if name not in known:
            close, there = did_you_mean(nearest(str(name), known), quoted=True), ", ".join(known)
            zh, en = f"没有步骤 {name}{close.zh},有 {there}", f"there is no step {name!r}{close.en}; there are {there}"
            raise ValueError(str(Text(zh, en)))
    return given


_Within = Annotated[_POSITIVE | None, BeforeValidator(_time_or_off)]
_Steps = Annotated[dict[TicketStep, _Within], BeforeValidator(_known_steps)]


class _Promise(FileModel):
    name: str
    response: _POSITIVE
    resolution: _POSITIVE
    calendar: str = ""
    pauses: dict[WaitingFor, _ALLOWED] = Field(default_factory=dict)
    steps: _Steps = Field(default=False, validate_default=True)


class _Weights(FileModel):
    load: _Weight
    skill: _Weight
    device: _Weight
    first_fix: _Weight
    travel: _Weight

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (total := sum(self.model_dump().values())) != _WHOLE:
            raise ValueError(str(Text(f"各权重之和应为 {_WHOLE},现为 {total}", f"in sum {_WHOLE}, not {total}")))
        return self


class _Routing(FileModel):
    """Modes, weights, and how long an offer stands."""

    mode: _Mode
    claim_within: Annotated[PositiveDuration, Field(le=timedelta(days=1))] = CLAIM_WITHIN
    types: dict[str, _Mode] = Field(default_factory=dict)
    weights: _Weights


class _Promises(RootModel[Annotated[dict[str, _Promise], Field(min_length=1)]]):
    """The promises by ticket type."""


_Word = Annotated[str, Field(min_length=1, max_length=100)]


class _Words(
    RootModel[
        Annotated[
            dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,49}$")], tuple[_Word, _Word]],
            Field(min_length=1, max_length=500),
        ]
    ]
):
    """A closed list of words."""


def ticket_type_names(settings: Settings) -> Mapping[str, str]:
    """Give each ticket type's name in Chinese, as the file of promises has it. Raises ConfigFileInvalid."""
    with resources.as_file(resources.files("schemas").joinpath("sla.yaml")) as default:
        return {code: one.name for code, one in read_yaml(settings.sla_file or default, _Promises).root.items()}


def load_rules(settings: Settings) -> Rules:
    """Read the rules once, at start. Raises ConfigFileInvalid."""
    shipped = resources.files("schemas")
    calendars = load_calendars(settings.calendars_file)
    with resources.as_file(shipped.joinpath("sla.yaml")) as default:
        file = settings.sla_file or default
        sla = load_sla(file)
    if faults := [fault for name, limit in sla.items() for fault in _faults(name, limit, calendars)]:
        raise ConfigFileInvalid(f"{file}: {'; '.join(faults)}")
    with resources.as_file(shipped.joinpath("routing.yaml")) as default:
        routing = load_routing(settings.routing_file or default, sla)
    master = secret_of(settings, "master_key").encode()
    return Rules(
        dedupe_window=settings.dedupe_window,
        sla=sla,
        calendars=calendars,
        root_causes=frozenset(root_cause_words()),
        no_key_words=frozenset(map(plain_word, settings.no_key_words)),
        departments=frozenset(map(plain_word, settings.departments)),
        robots=frozenset(map(plain_word, settings.robots)),
        routing=routing,
        closure=ClosureRules(
            remind_after=tuple(settings.closure_reminders),
            expires_after=settings.closure_expires_after,
            rejection_reasons=_words(settings.rejection_reasons_file or shipped.joinpath("rejection_reasons.yaml")),
            scene_tags=_words(settings.scene_tags_file or shipped.joinpath("scene_tags.yaml")),
            key=closure_key(master) if master else b"",
        ),
        customer_link=CustomerLinkRules(
            ends_after=settings.customer_link_ends_after,
            ask_again_after=settings.customer_asks_again_after,
            key=link_key(master) if master else b"",
        ),
        work_orders=load_work_orders(settings.work_orders_file, sla),
    )


@cache
def root_cause_words() -> Mapping[str, Text]:
    """Give the words of the root causes (R14) by their codes."""
    return _words(resources.files("schemas").joinpath("root_causes.yaml"))


def _words(file: Path | Traversable) -> dict[str, Text]:
    """Read a closed list of words: code, Chinese, English. Raises ConfigFileInvalid."""
    with resources.as_file(file) as path:
        return {code: Text(zh, en) for code, (zh, en) in read_yaml(path, _Words).root.items()}


def closure_proofs(settings: Settings, rules: Rules) -> ClosureProofs:
    """Give what makes links and codes; links lead to the page as customers reach it, else to the gateway."""
    return ClosureProofs(key=rules.closure.key, page_url=_customer_url(settings))


def customer_links(settings: Settings, rules: Rules) -> PageLinks:
    """Give what makes the links of the customers' page of a ticket."""
    return customer_link.customer_links(rules.customer_link.key, _customer_url(settings))


def _customer_url(settings: Settings) -> str:
    return settings.customer_url or settings.url or ""


def engineer_links(settings: Settings) -> PageLinks:
    """Give what makes the links of engineers' pages, and has their key."""
    master = secret_of(settings, "master_key")
    key = engineer_key(master.encode()) if master else b""
    return engineer_link.engineer_links(key, _customer_url(settings))


def load_sla(path: Path) -> dict[str, SlaLimit]:
    """Read the promises of every ticket type. Raises ConfigFileInvalid."""
    promises = read_yaml(path, _Promises).root
    return {
        name: SlaLimit(
            response=one.response,
            resolution=one.resolution,
            calendar=one.calendar,
            steps=_deadlines(one.steps),
            pauses=_allowances(one.pauses),
        )
        for name, one in promises.items()
    }


def _deadlines(own: Mapping[TicketStep, timedelta | None]) -> tuple[StepDeadline, ...]:
    """Give the deadlines of steps: those of the transition table, but as a type changes them or leaves them out."""
    return tuple(
        StepDeadline(step=step, within_s=int(within.total_seconds()))
        for step, within in {**STEP_DEADLINES, **own}.items()
        if within
    )


def _allowances(own: Mapping[WaitingFor, timedelta]) -> tuple[PauseAllowance, ...]:
    return tuple(PauseAllowance(waiting_for=whom, allowed_s=int(time.total_seconds())) for whom, time in own.items())


def _faults(name: str, limit: SlaLimit, calendars: Calendars) -> Iterator[str]:
    """Say which calendar of a promise is not there, or has too few hours for it."""
    if limit.calendar and not calendars.named(limit.calendar):
        there = no_such(Text("日历", "calendar"), limit.calendar, {BY_REGION, *calendars.by_name})
        yield f"{name}.calendar: {there}"
    for one in calendars.named(limit.calendar):
        if not one.working.holds(max(limit.response, limit.resolution, *map(_within, limit.steps))):
            few = Text(
                f"日历 {one.name} 十年内也没有这么多工时", f"calendar {one.name} has not so many hours in ten years"
            )
            yield f"{name}: {few}"


def _within(deadline: StepDeadline) -> timedelta:
    return timedelta(seconds=deadline.within_s)


def load_routing(path: Path, types: Collection[str]) -> RoutingRules:
    """Read how tickets find who takes them; `types` are those that there are. Raises ConfigFileInvalid."""
    read = read_yaml(path, _Routing)
    for name in read.types:
        if name not in types:
            raise ConfigFileInvalid(f"{path}: types.{name}: {no_such(Text('工单类型', 'ticket type'), name, types)}")
    weights = RoutingWeights(**read.weights.model_dump())
    return RoutingRules(mode=read.mode, types=read.types, weights=weights, claim_within=read.claim_within)
