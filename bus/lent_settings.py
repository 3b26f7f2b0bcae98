"""What a running local stack lends to the settings of commands and programs: its addresses and secrets."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psutil
from pydantic import SecretStr

from bus.settings import Settings

STATE_FILE: Final = "stack.json"
RULE_FILES: Final = ("sla_file", "calendars_file", "work_orders_file")
# What a local stack may fill in; its state file holds these under "lends".
LENT: Final = (
    "database_url", "kafka_bootstrap", "schema_registry_url", "schema_registry_basic_auth", "url", "token",
    "webhook_secrets", "dedupe_window", "master_key", *RULE_FILES,
)  # fmt: skip
SAME_START_S: Final = 2.0  # the boot time is in whole seconds


def resolve(settings: Settings, data: Path | None = None) -> Settings:
    """Fill what is unset from the local stack that runs in `data`, if one does. Idempotent; reads one small file.

    Without `data` the default stack is meant, and what the environment sets wins; a stack that was named wins itself.
    """
    if data is not None:
        return borrow(settings.model_copy(update={"data": data}), lent_by(data))
    lent = lent_by(settings.data)
    wanted = {
        name: value
        for name, value in lent.items()
        if name not in settings.model_fields_set or getattr(settings, name) is None
    }
    if settings.schema_registry_url not in (None, lent.get("schema_registry_url")):
        wanted.pop("schema_registry_basic_auth", None)  # it is for the stack's own registry alone
    return borrow(settings, wanted)


def borrow(settings: Settings, lent: Mapping[str, Any]) -> Settings:
    """Answer the settings with these plain values in place of their own; secrets become secret again."""
    update = dict(lent)
    for name in ("token", "schema_registry_basic_auth", "master_key"):
        if update.get(name) is not None:
            update[name] = SecretStr(update[name])
    if "webhook_secrets" in update:
        update["webhook_secrets"] = {
            source: [SecretStr(secret) for secret in secrets] for source, secrets in update["webhook_secrets"].items()
        }
    for name in RULE_FILES:
        if name in update:
            update[name] = Path(update[name])
    if "dedupe_window" in update:
        update["dedupe_window"] = timedelta(seconds=update["dedupe_window"])
    return settings.model_copy(update=update)


def started_after_boot_s(process: psutil.Process) -> float:
    """Give a process's start in seconds since boot, which no change of the clock moves. Raises psutil.Error."""
    return process.create_time() - psutil.boot_time()


def lent_by(data: Path) -> dict[str, Any]:
    """Answer what the stack in `data` lends; nothing when its supervisor is not alive."""
    try:
        state = json.loads((data / STATE_FILE).read_bytes())
        supervisor = state["supervisor"]
        started = started_after_boot_s(psutil.Process(supervisor["pid"]))
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return {}
    if abs(started - supervisor["started"]) > SAME_START_S:
        return {}
    return {name: value for name, value in state.get("lends", {}).items() if name in LENT}
