"""The targets file, typed: adapter, events, rate, retries and breaker of each target."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from bus.config_file import AdapterEntry, Adapters, EventName, Events, FileModel, SystemName, read_yaml, with_options
from bus.delivery.breaker import BreakerLimits
from bus.delivery.target import FailureKind
from bus.delivery.triage import RetryLimits
from bus.domain.delivery_state import FAILURES_KEPT
from bus.domain.events import Recorded
from bus.domain.naming import nearest
from bus.domain.terms import is_synthetic
from bus.duration import Duration

_YEAR = timedelta(days=365)
_RETRY: Final = RetryLimits()
_BREAKER: Final = BreakerLimits()
_Wait = Annotated[Duration, Field(gt=timedelta(0), le=_YEAR)]


Kinds = Annotated[
    frozenset[FailureKind],
    BeforeValidator(lambda given: frozenset(FailureKind) if given == "all" else given),
    Field(min_length=1),
]


class RetryPolicy(FileModel):
    """Waits double from `first_wait` to `longest_wait`, with full jitter; a target may ask for up to `retry_after_max`.

    `attempts`: limit for failures of unknown cause. `rejected_attempts`: limit after a rejection.
    """

    first_wait: _Wait = _RETRY.first_wait
    longest_wait: _Wait = _RETRY.longest_wait
    retry_after_max: _Wait = _RETRY.retry_after_max
    attempts: int = Field(_RETRY.unknown_max, ge=1, le=FAILURES_KEPT)
    rejected_attempts: int = Field(_RETRY.rejected_max, ge=1, le=FAILURES_KEPT)

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.first_wait > self.longest_wait:
            raise ValueError("first_wait is longer than longest_wait")
        return self


class BreakerPolicy(FileModel):
    """It opens after `failures` in a row, and then lets one probe through every `probe_every`."""

    failures: int = Field(_BREAKER.failures, ge=1, le=1000)
    probe_every: _Wait = _BREAKER.probe_every


class TargetConfig(AdapterEntry):
    """One target. `deadline` counts from a row's first attempt; `options` are its adapter's own.

    `canary_of`: the target whose new version it is; it gets what a rollout gives it, and nothing else.

    `host`: that it lives on, as its watch names it; while a disk there is at its floor nothing is delivered.

    `synthetic`: it gets what happens to virtual tickets, too.

    `discard`: kinds of failure after which an event is discarded, not kept as a dead letter. "all" is allowed for
    events and kinds.
    """

    events: Events
    synthetic: bool = False
    canary_of: str = ""
    host: str = ""
    concurrency: int = Field(4, ge=1, le=64)
    rate_per_s: float = Field(50, gt=0, le=10_000, allow_inf_nan=False)
    attempt_timeout: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(minutes=10))] = timedelta(
        seconds=10
    )
    deadline: _Wait = _RETRY.deadline
    retry: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()
    discard: Mapping[EventName, Kinds] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.attempt_timeout >= self.deadline:
            raise ValueError("deadline leaves no time for a second attempt: it is not longer than attempt_timeout")
        if self.retry.attempts <= self.breaker.failures:
            raise ValueError(
                f"retry.attempts ({self.retry.attempts}) must be more than breaker.failures ({self.breaker.failures}): "
                "an outage would park rows before the breaker opens"
            )
        if strange := sorted({*self.discard} - {*self.events}):
            raise ValueError(f"discard names {', '.join(strange)}, which it does not take")
        return self

    def may_have(self, recorded: Recorded) -> bool:
        """Say whether it may have an event: of a virtual ticket only where it says so."""
        return self.synthetic or not is_synthetic(recorded.ticket_id)

    @property
    def limits(self) -> RetryLimits:
        """Give the limits for `triage`."""
        return RetryLimits(
            deadline=self.deadline,
            first_wait=self.retry.first_wait,
            longest_wait=self.retry.longest_wait,
            retry_after_max=self.retry.retry_after_max,
            unknown_max=self.retry.attempts,
            rejected_max=self.retry.rejected_attempts,
            discards=self.discard,
        )

    @property
    def breaker_limits(self) -> BreakerLimits:
        """Give the limits of the breaker."""
        return BreakerLimits(failures=self.breaker.failures, probe_every=self.breaker.probe_every)


class TargetsConfig(FileModel):
    """All targets by name, in the order of the file."""

    targets: Mapping[SystemName, TargetConfig]

    @model_validator(mode="after")
    def _canaries_take_all(self) -> Self:
        """Hold new versions to what the old ones take: an event that one leaves out would be lost by a roll-back."""
        for name, config in self.targets.items():
            if not config.canary_of:
                continue
            old = self.targets.get(config.canary_of)
            if old is None or old.canary_of or config.canary_of == name:
                close = nearest(config.canary_of, [one for one in self.targets if one != name])
                meant = f"; did you mean {close!r}?" if close else ""
                raise ValueError(f"{name}: canary_of names {config.canary_of!r}, which is no target of its own{meant}")
            if missing := sorted({*old.events} - {*config.events}):
                raise ValueError(
                    f"{name} does not take {', '.join(missing)}, which {config.canary_of} does: while it "
                    "is its canary it takes them, too"
                )
        return self

    @property
    def canaries(self) -> Mapping[str, str]:
        """Give of each new version the target whose it is."""
        return {name: config.canary_of for name, config in self.targets.items() if config.canary_of}

    def wants(self, recorded: Recorded) -> tuple[str, ...]:
        """Name the targets of an event; imported history has none, and new versions wait for a rollout. Pure."""
        if recorded.historic:
            return ()
        name = type(recorded.event).__name__
        return tuple(
            target
            for target, config in self.targets.items()
            if name in config.events and not config.canary_of and config.may_have(recorded)
        )


def load_targets_config(path: Path, adapters: Adapters) -> TargetsConfig:
    """Read a targets file; each target's `options` become the model of its adapter's.

    Raises ConfigFileInvalid, naming every fault at once and never a value of `options`.
    """
    config = read_yaml(path, TargetsConfig)
    return config.model_copy(update={"targets": with_options(path, "targets", config.targets, adapters)})
