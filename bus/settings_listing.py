"""Every setting with its value, secrets masked, and where that came from."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import SecretStr

from bus.duration import written
from bus.lent_settings import LENT
from bus.settings import MASK, Settings, mask_password, secret_files, variables

SettingSource = Literal["environment", "file", "local stack", "default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSetting:
    """One setting as `ticketbus settings` shows it, secrets masked."""

    name: str
    variable: str
    value: str | None
    source: SettingSource
    description: str


def listing(settings: Settings, resolved: Settings) -> Iterator[ListedSetting]:
    """List each setting with where its value came from; `settings` is as read, `resolved` as used."""
    files = secret_files()
    for name, variable in variables().items():
        value = getattr(resolved, name)
        source: SettingSource = "default"
        if name in settings.model_fields_set:
            source = "file" if os.environ.get(files.get(name, "")) else "environment"
        elif value != getattr(settings, name) and name in LENT:
            source = "local stack"
        description = Settings.model_fields[name].description or ""
        yield ListedSetting(name=name, variable=variable, value=_shown(value), source=source, description=description)


def _shown(value: object) -> str | None:
    """Write a value as its variable takes it, with secrets masked."""
    if value is None:
        return None
    if isinstance(value, dict | list):
        return json.dumps(value, default=_shown, ensure_ascii=False)
    match value:
        case SecretStr():
            return MASK
        case timedelta():
            return written(value)
        case _:
            return mask_password(str(value))
