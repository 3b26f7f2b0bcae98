"""Runs every check at once, each within its own time; one that fails or cannot look says so, and holds up no other."""

import asyncio
import pkgutil
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from importlib import import_module
from typing import Final

import psycopg

from bus.doctor import checks
from bus.doctor.diagnosis import AnyCheck, Diagnosis, Examined
from bus.domain.errors import BusError
from bus.postgres.pool import open_pool
from bus.settings import Settings, SettingsInvalid, mask_password
from schemas.topics import load_contract

CHECK_S_MAX: Final = 30.0
CONNECTIONS: Final = 3
ANSWER_S_MAX: Final = 15.0


def all_checks() -> Sequence[AnyCheck]:
    """Find every check there is, in the order of their modules' names."""
    modules = sorted(one.name for one in pkgutil.iter_modules(checks.__path__))
    return [import_module(f"{checks.__name__}.{name}").CHECK for name in modules]


async def examine(
    settings: Settings, now: datetime, environment: Mapping[str, str], wanted: Sequence[AnyCheck] | None = None
) -> list[Diagnosis]:
    """Look at all that the settings name; changes nothing. Takes CHECK_S_MAX seconds at most, and raises nothing."""
    async with AsyncExitStack() as stack:
        pool = None
        if settings.database_url:
            opening = open_pool(settings.database_url, size=CONNECTIONS, answer_s_max=ANSWER_S_MAX)
            pool = await stack.enter_async_context(opening)
        examined = Examined(settings=settings, pool=pool, contract=load_contract(), now=now, environment=environment)
        found = await asyncio.gather(*(_checked(one, examined) for one in (wanted or all_checks())))
    return [one for each in found for one in each]


async def _checked(check: AnyCheck, examined: Examined) -> Sequence[Diagnosis]:
    try:
        async with asyncio.timeout(CHECK_S_MAX):
            readings = await check.read(examined)
    except TimeoutError:
        why = f"no answer within {CHECK_S_MAX:.0f} s"
    except psycopg.Error as error:  # a right that this role lacks, a statement cut short
        why = f"PostgreSQL: {type(error).__name__}: {error.diag.message_primary or ''}"
    except (BusError, SettingsInvalid, OSError) as error:
        why = str(error) or type(error).__name__
    else:
        return [*check.judge(readings)] or [Diagnosis(check=check.name, verdict="ok", says="nothing is wrong")]
    says = f"could not look: {mask_password(why)}"
    return [Diagnosis(check=check.name, verdict="unseen", says=says, mend=check.mend)]
