"""The alerts file, typed: channels with their adapters and options, and which alerts go to which of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Protocol, Self

from pydantic import BeforeValidator, Field, model_validator

from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_state import Flip
from bus.alerts.engine.escalations import Escalation, EscalationLevel, called
from bus.alerts.engine.ladder import Ladder, by_severity
from bus.alerts.rule import AnyRule
from bus.alerts.rule_names import RuleName
from bus.config_file import (
    AdapterEntry,
    ConfigFileInvalid,
    FileModel,
    HasOptions,
    SystemName,
    read_yaml,
    with_options,
)
from bus.domain.naming import no_such
from bus.domain.text import Text


def _rule(name: object) -> object:
    names = [one.value for one in RuleName]
    if name in names:
        return name
    raise ValueError(str(no_such(Text("规则", "rule"), str(name), names)))


def _all(names: type[RuleName] | type[Severity]) -> BeforeValidator:
    return BeforeValidator(lambda given: [*names] if given == "all" else given)


Rule = Annotated[RuleName, BeforeValidator(_rule)]
Rules = Annotated[frozenset[Rule], _all(RuleName), Field(min_length=1)]
Severities = Annotated[frozenset[Severity], _all(Severity), Field(min_length=1)]


class ChannelLimits(HasOptions, Protocol):
    """An adapter of channels, as far as the file is concerned."""

    @property
    def per_minute_max(self) -> int:
        """The messages in a minute that the other side takes."""
        ...


class ChannelConfig(AdapterEntry):
    """One channel. `per_minute`: its messages in a minute at most; `second`: what takes over when it fails."""

    per_minute: int = Field(18, ge=2)
    second: SystemName | None = None


class Route(FileModel):
    """Which alerts go to which channels; `escalate`: where a P1 goes that nobody acknowledges in 10 minutes.

    `regions`: alerts of others with these labels `region` alone; empty: whatever the region.
    """

    rules: Rules = frozenset(RuleName)
    severities: Severities = frozenset(Severity)
    regions: frozenset[str] = frozenset()
    channels: Annotated[tuple[SystemName, ...], Field(min_length=1)]
    escalate: tuple[SystemName, ...] = ()

    def takes(self, change: Change) -> bool:
        """Say whether an alert goes this way."""
        state = change.state
        region = str(state.alert.facts.get("region", ""))
        return (
            state.alert.rule in self.rules
            and state.severity in self.severities
            and (not self.regions or region in self.regions)
        )


class RuleTimes(FileModel):
    """How long what a rule finds must be wrong before it opens, and right before it closes; as the rule has it."""

    open_after_s: float | None = Field(None, ge=0, le=86_400)
    close_after_s: float | None = Field(None, ge=0, le=86_400)

    def of(self, rule: AnyRule) -> AnyRule:
        """Give the rule with these times. Pure."""
        opens, closes = self.open_after_s, self.close_after_s
        return replace(
            rule,
            open_after=rule.open_after if opens is None else timedelta(seconds=opens),
            close_after=rule.close_after if closes is None else timedelta(seconds=closes),
        )


class AlertsConfig(FileModel):
    """Channels by name, times of rules, routes, and escalations of tickets; every route that takes an alert sends it.

    Without routes all goes everywhere. So does a P1 that no route takes: nobody would hear of it. Of a ticket's promise
    only those hear whom the first escalation that takes it calls.
    """

    channels: Mapping[SystemName, ChannelConfig] = Field(default_factory=dict)
    rules: Mapping[Rule, RuleTimes] = Field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    escalations: tuple[Escalation, ...] = ()

    @model_validator(mode="after")
    def _names_are_there(self) -> Self:
        named = [(f"channels.{name}.second", one.second) for name, one in self.channels.items() if one.second]
        for number, route in enumerate(self.routes):
            named += [(f"routes.{number}.channels", name) for name in route.channels]
            named += [(f"routes.{number}.escalate", name) for name in route.escalate]
        for number, one in enumerate(self.escalations):
            for stage, levels in (("warned", one.warned), ("broken", one.broken)):
                named += [
                    (f"escalations.{number}.{stage}.{at}.channels", name)
                    for at, level in enumerate(levels)
                    for name in level.channels
                ]
        for place, name in named:
            if name not in self.channels:
                raise ValueError(f"{place}: {no_such(Text('渠道', 'channel'), name, self.channels)}")
        if own := [name for name, one in self.channels.items() if one.second == name]:
            raise ValueError(f"channels.{own[0]}.second: a channel cannot take over from itself")
        return self

    def timed(self, rules: Mapping[str, AnyRule]) -> Mapping[str, AnyRule]:
        """Give the rules with the times that the file names. Pure."""
        return {name: self.rules.get(rule.name, RuleTimes()).of(rule) for name, rule in rules.items()}

    def ladder_of(self, alert: Alert, severity: Severity) -> Ladder:
        """Give the ladder of an alert; a ticket's promise that no escalation takes has none. Pure."""
        if alert.rule is RuleName.SLA_ESCALATION:
            return [one.level for one in self._levels(alert)]
        return by_severity(alert, severity)

    def _levels(self, alert: Alert) -> Sequence[EscalationLevel]:
        return next((one.levels(alert) for one in self.escalations if one.takes(alert)), ())

    def channels_of(self, change: Change) -> Sequence[str]:
        """Name the channels that hear of a change, each once. Pure."""
        state = change.state
        if state.alert.rule is RuleName.SLA_ESCALATION and not state.drill:
            return called(self._levels(state.alert), state.level, over=change.flip is Flip.CLOSED)
        routes = [route for route in self.routes if route.takes(change)]
        if not routes and (not self.routes or change.state.severity is Severity.P1):
            return [*self.channels]
        escalated = change.flip is Flip.ESCALATED
        return [*dict.fromkeys(name for one in routes for name in ((escalated and one.escalate) or one.channels))]


def load_alerts_config(path: Path, adapters: Mapping[str, ChannelLimits]) -> AlertsConfig:
    """Read an alerts file; each channel's `options` become the model of its adapter's.

    Raises ConfigFileInvalid, naming every fault at once and never a value of `options`.
    """
    config = read_yaml(path, AlertsConfig)
    channels = with_options(path, "channels", config.channels, adapters)
    most = {name: adapters[one.adapter].per_minute_max for name, one in channels.items()}
    if faults := [_too_many(name, most[name]) for name, one in channels.items() if one.per_minute > most[name]]:
        raise ConfigFileInvalid(f"{path}: {'; '.join(faults)}")
    return config.model_copy(update={"channels": channels})


def _too_many(name: str, most: int) -> str:
    return f"channels.{name}.per_minute: {Text(f'此渠道每分钟最多 {most} 条', f'this channel takes at most {most}')}"
