"""The sources that gateway and intake stage serve, by the name in the path."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from adapters.adapter import SourceAdapter, SourceServices, building
from adapters.crm.adapter import CrmAdapter
from adapters.registry import SOURCES
from bus.config_file import ConfigFileInvalid, FileModel, SystemName, read_options, read_yaml
from bus.intake.reserved_names import is_client_name, is_reserved
from bus.intake.source_adapter import Source
from bus.settings import Settings, SettingsInvalid


class _SourcePlan(FileModel):
    """One source: which adapter reads what it sends, and that adapter's own options."""

    adapter: str
    options: Any = Field(default_factory=dict)


class _SourcesConfig(FileModel):
    """All sources of a sources file by name."""

    sources: Mapping[SystemName, _SourcePlan]


def sources(settings: Settings) -> Mapping[str, Source]:
    """Make the sources of the sources file, and for each webhook secret one that speaks the generic signed CRM webhook.

    Raises SettingsInvalid for a secret that is none and for the bus's own names, ConfigFileInvalid for the file.
    """
    if own := [name for name in settings.webhook_secrets if is_reserved(name)]:
        raise SettingsInvalid(f"TICKETBUS_WEBHOOK_SECRETS: {own[0]!r} is the bus's own name; call the source otherwise")
    if odd := [name for name in settings.webhook_secrets if not is_client_name(name)]:
        raise SettingsInvalid(
            f"TICKETBUS_WEBHOOK_SECRETS: {odd[0]!r} is no name of a source; use lower case letters, digits, dots and "
            "dashes, at most 63, a letter or digit first"
        )
    made: dict[str, Source] = {
        name: CrmAdapter(name=name, secrets=tuple(one.get_secret_value() for one in secrets))
        for name, secrets in settings.webhook_secrets.items()
    }
    if settings.sources_file is not None:
        made |= _of_file(settings.sources_file, taken=made)
    refuse_shared_secrets(made)
    return made


def names_of(settings: Settings) -> frozenset[str]:
    """Name the sources of `sources`, without a look at their secrets. Raises ConfigFileInvalid."""
    file = settings.sources_file
    return frozenset(settings.webhook_secrets) | (read_yaml(file, _SourcesConfig).sources.keys() if file else set())


def refuse_shared_secrets(sources: Mapping[str, Source]) -> None:
    """Refuse a secret that two sources have: each could speak as the other. Raises SettingsInvalid."""
    if shared := sharing_a_secret(sources):
        one, other = shared
        raise SettingsInvalid(f"the sources {one!r} and {other!r} have the same secret; give each its own")


def sharing_a_secret(sources: Mapping[str, Source]) -> tuple[str, str] | None:
    """Name two sources that have the same secret. Pure."""
    owners = dict[bytes, str]()
    for name, source in sources.items():
        for key in getattr(source, "secrets", frozenset()):
            if (other := owners.setdefault(key, name)) != name:
                return other, name
    return None


def _of_file(path: Path, taken: Mapping[str, Source]) -> Mapping[str, Source]:
    config, faults = read_yaml(path, _SourcesConfig), list[str]()
    options = {
        name: read_options(source.adapter, source.options, SOURCES, faults, f"sources.{name}")
        for name, source in config.sources.items()
    }
    faults += [
        f"sources.{name}: the bus's own name; call the source otherwise" for name in options if is_reserved(name)
    ]
    faults += [f"sources.{name}: TICKETBUS_WEBHOOK_SECRETS has it already" for name in options if name in taken]
    if faults:
        raise ConfigFileInvalid(f"{path}: {'; '.join(faults)}")
    return {name: _built(path, name, SOURCES[source.adapter], options[name]) for name, source in config.sources.items()}


def _built(path: Path, name: str, adapter: SourceAdapter[Any], options: BaseModel | None) -> Source:
    with building(adapter.name, where=f"{path}: sources.{name}.options") as secrets:
        return adapter.build(options, secrets, SourceServices(name=name))
