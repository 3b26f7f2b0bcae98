"""Reads the deployment's choices (promises per ticket type, root causes, words) from files and settings into Rules."""

from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, RootModel

from bus.calendars_config import load_calendars
from bus.config_file import FileModel, read_yaml
from bus.domain.no_key import plain_word
from bus.domain.rules import Rules
from bus.domain.sla_clock import SlaLimit
from bus.settings import Settings

_POSITIVE = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=3650))]


class _Promise(FileModel):
    name: str
    response: _POSITIVE
    resolution: _POSITIVE


class _Promises(RootModel[Annotated[dict[str, _Promise], Field(min_length=1)]]):
    """The promises by ticket type."""


def load_rules(settings: Settings) -> Rules:
    """Read the rules once, at start. Raises ConfigFileInvalid."""
    shipped = resources.files("schemas")
    with resources.as_file(shipped.joinpath("sla.yaml")) as default:
        sla = load_sla(settings.sla_file or default)
    causes = yaml.safe_load(shipped.joinpath("root_causes.yaml").read_text(encoding="utf-8"))
    return Rules(
        dedupe_window=settings.dedupe_window,
        sla=sla,
        calendars=load_calendars(settings.calendars_file),
        root_causes=frozenset(causes),
        no_key_words=frozenset(map(plain_word, settings.no_key_words)),
        departments=frozenset(map(plain_word, settings.departments)),
    )


def load_sla(path: Path) -> dict[str, SlaLimit]:
    """Read the promises of every ticket type. Raises ConfigFileInvalid."""
    promises = read_yaml(path, _Promises).root
    return {name: SlaLimit(response=one.response, resolution=one.resolution) for name, one in promises.items()}
