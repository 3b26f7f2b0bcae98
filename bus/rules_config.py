"""Reads the deployment's choices (promises per ticket type, root causes) from their YAML files into Rules."""

from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bus.domain.errors import BusError
from bus.domain.rules import Rules
from bus.domain.sla_clock import SlaLimit
from bus.settings import Settings

_POSITIVE = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=3650))]


class RulesConfigInvalid(BusError):
    """A rules file cannot be read; the text names the file, the field and what is expected."""


class _Promise(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    response: _POSITIVE
    resolution: _POSITIVE


def load_rules(settings: Settings) -> Rules:
    """Read the rules once, at start. Raises RulesConfigInvalid."""
    shipped = resources.files("schemas")
    with resources.as_file(shipped.joinpath("sla.yaml")) as default:
        sla = load_sla(settings.sla_file or default)
    causes = yaml.safe_load(shipped.joinpath("root_causes.yaml").read_text(encoding="utf-8"))
    return Rules(
        dedupe_window=settings.dedupe_window,
        sla=sla,
        root_causes=frozenset(causes),
    )


def load_sla(path: Path) -> dict[str, SlaLimit]:
    """Read the promises of every ticket type. Raises RulesConfigInvalid."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        promises = TypeAdapter(dict[str, _Promise]).validate_python(raw)
    except (OSError, yaml.YAMLError) as error:
        raise RulesConfigInvalid(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise RulesConfigInvalid(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if not promises:
        raise RulesConfigInvalid(f"{path}: names no ticket type")
    return {name: SlaLimit(response=one.response, resolution=one.resolution) for name, one in promises.items()}
