"""Settings: files that programs would refuse, secrets that others can read, variables that no setting has."""

import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from bus.app import master_secret
from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.domain.errors import BusError
from bus.programs.alerting import check_channels
from bus.programs.serving import serving_of
from bus.programs.worker import checked_targets
from bus.rules_config import load_rules
from bus.secret_files import HOLD_KEYS
from bus.settings import PREFIX, Settings, secret_files, variables

NAME: Final = "settings"
ALIKE: Final = 0.85  # secrets that files name by variables of their own are not meant
_BY_FILE: Final = tuple(secret_files().values())


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsReadings:
    """What settings are at fault: what a program would say, files open to others by setting, unknown variables."""

    refused: Sequence[str]
    open_to_others: Mapping[str, Path]
    unknown: Mapping[str, str]


async def _read(examined: Examined) -> SettingsReadings:
    settings = examined.settings

    async def rules() -> None:
        load_rules(settings)

    async def master_key() -> None:
        master_secret(settings)

    async def targets() -> None:
        await checked_targets(settings)

    async def channels() -> None:
        await check_channels(settings)

    async def serving() -> None:
        serving_of(settings)

    tried: Sequence[Callable[[], Awaitable[None]]] = (rules, master_key, targets, channels, serving)
    refused = list[str]()
    for one in tried:
        try:
            await one()
        except BusError as error:
            refused.append(str(error))
    return SettingsReadings(
        refused=[*dict.fromkeys(refused)],
        open_to_others={
            variable: path
            for variable, path in _secret_files(settings, examined.environment).items()
            if _open_to_others(path)
        },
        unknown=misspelled(examined.environment),
    )


def _secret_files(settings: Settings, environment: Mapping[str, str]) -> Mapping[str, Path]:
    """Give the files that hold secrets, by the variable that names each. Pure."""
    keys = {variables()[name]: path for name in HOLD_KEYS if (path := getattr(settings, name))}
    given = {one: Path(path) for one in _BY_FILE if (path := environment.get(one))}
    return dict([*keys.items()][:1]) | given


def _open_to_others(path: Path) -> bool:
    return path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO)


def misspelled(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Give variables of ours that no setting has, but one that is spelled nearly so. Pure."""
    known = {one for one in (*variables().values(), *_BY_FILE) if one.startswith(PREFIX)}
    strange = (one for one in environment if one.startswith(PREFIX) and one not in known)
    names = [one.removeprefix(PREFIX) for one in known]
    near = {one: get_close_matches(one.removeprefix(PREFIX), names, n=1, cutoff=ALIKE) for one in strange}
    return {one: f"{PREFIX}{meant[0]}" for one, meant in near.items() if meant}


def judge(found: SettingsReadings) -> Sequence[Diagnosis]:
    """Judge them. Pure."""
    wrong = [
        Diagnosis(check=NAME, verdict="wrong", says=one, mend="ticketbus settings   # docs/settings.md")
        for one in found.refused
    ]
    wrong += [
        Diagnosis(check=NAME, verdict="wrong", says=f"{one}: other users may read {path}", mend=f"chmod 600 {path}")
        for one, path in found.open_to_others.items()
    ]
    wrong += [
        Diagnosis(
            check=NAME, verdict="note", says=f"{one} is no setting; {meant} is", mend=f"unset {one}; export {meant}=…"
        )
        for one, meant in found.unknown.items()
    ]
    return wrong or [Diagnosis(check=NAME, verdict="ok", says="programs would take all settings and files as they are")]


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
