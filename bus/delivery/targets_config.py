"""The targets file, typed: adapter, events, rate, retries and breaker of each target."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Protocol, Self, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from bus.delivery.breaker import BreakerLimits
from bus.delivery.target import FailureKind
from bus.delivery.triage import RetryLimits
from bus.domain.errors import AdapterUnusable, BusError
from bus.domain.events import Recorded
from bus.domain.naming import nearest
from schemas.catalogue import EVENT_NAMES

_YEAR = timedelta(days=365)
_ATTEMPTS_MAX: Final = 20  # a row remembers so many failures (bus.delivery.queue), and more cannot be counted
_Wait = Annotated[timedelta, Field(gt=timedelta(0), le=_YEAR)]

# Where a secret stands: the environment variable's name. A secret itself, pasted here, is refused without being shown.
VariableName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{2,63}$")]


class TargetsConfigInvalid(BusError):
    """A targets or sources file cannot be used; the text names the file, and of each fault the entry and the field."""


class HasOptions(Protocol):
    """An adapter, as far as a file is concerned: what its options are."""

    @property
    def options(self) -> type[BaseModel]:
        """The model of its options."""
        ...


Model = TypeVar("Model", bound=BaseModel)


class FileModel(BaseModel):
    """A part of a file that people write: an unknown field is refused by name, and no value is ever shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _event(name: object) -> object:
    if name in EVENT_NAMES:
        return name
    close = nearest(str(name), EVENT_NAMES)
    raise ValueError(f"there is no event {name!r}{f'; did you mean {close!r}?' if close else ''}")


EventName = Annotated[str, BeforeValidator(_event)]
Events = Annotated[
    tuple[EventName, ...],
    BeforeValidator(lambda given: EVENT_NAMES if given == "all" else given),
    Field(min_length=1),
]
Kinds = Annotated[
    frozenset[FailureKind],
    BeforeValidator(lambda given: frozenset(FailureKind) if given == "all" else given),
    Field(min_length=1),
]


class RetryPolicy(FileModel):
    """Waits double from `first_wait` to `longest_wait`, with full jitter; a target may ask for up to `retry_after_max`.

    `attempts`: limit for failures of unknown cause. `rejected_attempts`: limit after a rejection.
    """

    first_wait: _Wait = timedelta(seconds=1)
    longest_wait: _Wait = timedelta(minutes=5)
    retry_after_max: _Wait = timedelta(hours=1)
    attempts: int = Field(12, ge=1, le=_ATTEMPTS_MAX)
    rejected_attempts: int = Field(1, ge=1, le=_ATTEMPTS_MAX)

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.first_wait > self.longest_wait:
            raise ValueError("first_wait is longer than longest_wait")
        return self


class BreakerPolicy(FileModel):
    """It opens after `failures` in a row, and then lets one probe through every `probe_every`."""

    failures: int = Field(10, ge=1, le=1000)
    probe_every: _Wait = timedelta(seconds=5)


class TargetConfig(FileModel):
    """One target. `deadline` counts from a row's first attempt; `options` are its adapter's own.

    `discard`: kinds of failure after which an event is discarded, not kept as a dead letter. "all" is allowed for
    events and kinds.
    """

    adapter: str
    events: Events
    concurrency: int = Field(4, ge=1, le=64)
    rate_per_s: float = Field(50, gt=0, le=10_000, allow_inf_nan=False)
    attempt_timeout: Annotated[timedelta, Field(ge=timedelta(milliseconds=100), le=timedelta(minutes=10))] = timedelta(
        seconds=10
    )
    deadline: _Wait = timedelta(hours=24)
    retry: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()
    discard: Mapping[EventName, Kinds] = Field(default_factory=dict)
    options: Any = Field(default_factory=dict)

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


TargetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]  # stands in keys, metrics and commands


class TargetsConfig(FileModel):
    """All targets by name, in the order of the file."""

    targets: Mapping[TargetName, TargetConfig]

    def wants(self, recorded: Recorded) -> tuple[str, ...]:
        """Name the targets of an event; imported history has none. Pure."""
        if recorded.historic:
            return ()
        name = type(recorded.event).__name__
        return tuple(target for target, config in self.targets.items() if name in config.events)


def load_targets_config(path: Path, adapters: Mapping[str, HasOptions]) -> TargetsConfig:
    """Read a targets file; each target's `options` become the model of its adapter's.

    Raises TargetsConfigInvalid, naming every fault at once and never a value of `options`.
    """
    config, faults = read_yaml(path, TargetsConfig), list[str]()
    targets = {
        name: target.model_copy(
            update={"options": read_options(target.adapter, target.options, adapters, faults, f"targets.{name}")}
        )
        for name, target in config.targets.items()
    }
    if faults:
        raise TargetsConfigInvalid(f"{path}: {'; '.join(faults)}")
    return config.model_copy(update={"targets": targets})


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Read a typed YAML file. Raises TargetsConfigInvalid, naming every fault at once and never a value."""
    try:
        return model.model_validate(yaml.load(path.read_text(encoding="utf-8"), _OnceLoader))  # noqa: S506 - ours is a safe one
    except OSError as error:
        raise TargetsConfigInvalid(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise TargetsConfigInvalid(f"{path}: {'; '.join(_faults(error))}") from None
    except yaml.MarkedYAMLError as error:  # its text shows the line, and what stands there may be a secret
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TargetsConfigInvalid(f"{path}: line {line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError):
        raise TargetsConfigInvalid(f"{path}: not YAML in UTF-8") from None


def read_options(
    name: str, given: Any, adapters: Mapping[str, HasOptions], faults: list[str], where: str
) -> BaseModel | None:
    """Read the options of an adapter as its model has them; None when `faults` got why not, never a value of them."""
    try:
        return adapters[name].options.model_validate(given)
    except KeyError:
        close = nearest(name, adapters)
        meant = f"did you mean {close!r}?" if close else f"there are {', '.join(sorted(adapters))}"
        faults.append(f"{where}.adapter: there is no adapter {name!r}; {meant}")
    except AdapterUnusable as error:
        faults.append(f"{where}.adapter: {error}")
    except ValidationError as error:
        faults += _faults(error, f"{where}.options")
    return None


def secret_of(variable: str, environment: Mapping[str, str], *, where: str) -> SecretStr:
    """Read the secret that a target names. Raises TargetsConfigInvalid: the variable, and `where` it is asked for."""
    value = environment.get(variable, "").strip()
    if not value:
        raise TargetsConfigInvalid(f"{where}: the environment variable {variable} is not set")
    return SecretStr(value)


def _faults(error: ValidationError, *within: str) -> list[str]:
    return [
        f"{'.'.join((*within, *map(str, each['loc']))) or 'file'}: {_message(each['type'], each['msg'])}"
        for each in error.errors(include_input=False, include_url=False)
    ]


def _message(kind: str, text: str) -> str:
    return "there is no such field" if kind == "extra_forbidden" else text.removeprefix("Value error, ")


class _OnceLoader(yaml.SafeLoader):
    """Refuses a duplicate key: YAML would silently take the last one, and a target would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands here twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)
