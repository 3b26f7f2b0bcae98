"""A local stack restored from a backup: PostgreSQL recovered, then both stores brought to agree, on the parts alone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bus.app import NotConfigured, open_core, personal_keys, prepare
from bus.backup.failures import RestoreRefused
from bus.backup.manifest import Manifest
from bus.backup.take import verify
from bus.lent_settings import borrow
from bus.local import state as states
from bus.local.leftovers import stop_leftovers
from bus.local.recovery import Recovery, check_target, recover
from bus.local.stack import LocalStack
from bus.postgres.pool import connected, open_pool
from bus.postgres.schema_number import check_not_newer, refuse_newer
from bus.programs.mending import MendedStores, mend
from bus.programs.restored_files import RestoredFiles, restore_files
from bus.settings import Settings, secret_of

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredBus:
    """Both stores, and the uploaded files, once a restore has ended."""

    mended: MendedStores
    files: RestoredFiles

    @property
    def whole(self) -> bool:
        """Say that nothing differs and no file is missing."""
        return not self.mended.report.differences and self.files.whole


def restore_local(settings: Settings, backup: Path, made: Manifest, to: datetime | None, say: Say) -> RestoredBus:
    """Verify a backup and restore it into the settings' data directory; it ends with the stack down.

    For the main thread alone. Raises BackupDamaged, RestoreRefused, SchemaNewer, InvariantBroken for a wrong master
    key, NotConfigured without one; then nothing was put in place.
    """
    assert made.postgres is not None, "the caller has looked"
    data = settings.data
    refuse_newer(made.schema)
    check_target(data)
    verify(backup)
    state = _state(settings, data, say)
    settings = _with_master_key(settings, state)
    recovery = Recovery(
        backup=backup, base=made.postgres, data=data, to=to, password=state.secrets.database_password
    )  # fmt: skip

    def check(url: str) -> None:
        asyncio.run(_check(url, settings))
        states.save(data, state)  # the server knows its password from now on

    recover(recovery, check, say)
    stack = LocalStack(data=data, settings=settings, prepare=lambda given: prepare(given, say), say=say)
    stack.start()
    try:
        return asyncio.run(_restored(borrow(settings, stack.state.lends), backup, made))
    finally:
        stack.stop()


def _state(settings: Settings, data: Path, say: Say) -> states.StackState:
    """Take the stack's state; of a stack that is wholly lost a new one, with the master key as set."""
    state = states.load(data)
    if state is not None:
        if living := state.living_supervisor():
            raise RestoreRefused(f"a stack runs in {data} (process {living.pid}): `ticketbus down` first")
        stop_leftovers(state, say)
        return state
    if not (secret := secret_of(settings, "master_key")):
        raise NotConfigured(
            f"{data} has no stack.json, which held the master key: set TICKETBUS_MASTER_KEY, or put stack.json back; "
            "without it no personal text can be read again"
        )
    state = states.StackState()
    state.secrets.master_key = secret
    say("stack.json is new: passwords, the admin's token and the CRM's webhook secret are, too (`ticketbus env`)")
    return state


def _with_master_key(settings: Settings, state: states.StackState) -> Settings:
    return settings if secret_of(settings, "master_key") else borrow(settings, {"master_key": state.secrets.master_key})


async def _check(url: str, settings: Settings) -> None:
    """See that this program reads what was recovered: its schema, and personal texts by the master key."""
    async with open_pool(url, size=1) as pool, connected(pool) as connection:
        await check_not_newer(connection)
        await personal_keys(settings).check(connection)


async def _restored(settings: Settings, backup: Path, made: Manifest) -> RestoredBus:
    async with open_core(settings, connections=4) as core:
        mended = await mend(core)
        return RestoredBus(mended=mended, files=await restore_files(core, backup, made))
