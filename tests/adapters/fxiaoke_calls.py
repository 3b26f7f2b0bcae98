"""Calls, options and targets that the tests of 纷享销客 are made of."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from adapters.adapter import EnvironmentSecrets
from adapters.contract_suites.target import services
from adapters.fxiaoke.options import FxiaokeOptions
from adapters.fxiaoke.target import FxiaokeTarget
from adapters.simulators.fxiaoke import FxiaokeSimulator
from adapters.simulators.fxiaoke_books import FxiaokeTenant
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.events import Event, NoteAdded
from tests.adapters.test_kingdee import call as kingdee_call

TENANT = FxiaokeTenant()
_APP_IDS = count(1_320_001)
SECRETS = {"FXIAOKE_SECRET": TENANT.app_secret, "FXIAOKE_CODE": TENANT.permanent_code}
READ = EnvironmentSecrets(environment=SECRETS, where="t")
NOTE = NoteAdded(text="李女士 13800001111 来电", changed=())
CASE, FOLLOW_UP, KEY = "CasesObj", "object_followup__c", "delivery_key__c"
PATIENT_S = 30.0
UNKNOWN, UNAVAILABLE = FailureKind.UNKNOWN, FailureKind.UNAVAILABLE
UPDATE: Mapping[str, Any] = {
    "update": CASE,
    "id": {"value": "case-1"},
    "fields": {
        "field_state__c": "ticket.state",
        "field_version__c": "version",
        "field_at__c": {"from": "occurred_at", "time": {"format": "epoch_ms"}},
        "field_done__c": {"value": True},
        "field_people__c": "[actor]",
        "field_none__c": "event.nothing",
    },
}
CREATE: Mapping[str, Any] = {
    "create": FOLLOW_UP,
    "key_field": KEY,
    "fields": {"text__c": "event.text || event.reason || 'x'", "owner": {"value": ["1000"]}},
}


def tenant_of_its_own() -> FxiaokeTenant:
    """Give a tenant whose app has a number of its own: tokens are kept by address and app, and ports come again."""
    return FxiaokeTenant(app_id=f"FSAID_{next(_APP_IDS)}")


def simulated(**own: Any) -> FxiaokeSimulator:
    """Give a tenant with one case, whose id is case-1."""
    crm = FxiaokeSimulator(**own)
    crm.books.create(CASE, {"field_v24BD__c": "new"})
    crm.books.records[0].values["_id"] = "case-1"
    return crm


def call(number: int = 1, event: Event = NOTE, **changed: Any) -> Call:
    """Make a call of its own by its number."""
    asked = kingdee_call(number)
    return replace(asked, event=replace(asked.event, event=event, version=2), **changed)


def options(crm: FxiaokeSimulator, *writes: Mapping[str, Any], **own: Any) -> FxiaokeOptions:
    """Give the options of a target at a simulator, of a creation where no write is named."""
    account = {**crm.account("FXIAOKE_SECRET", "FXIAOKE_CODE"), **own.pop("account", {})}
    return FxiaokeOptions.model_validate({"account": account, "writes": list(writes) or [CREATE], **own})


@asynccontextmanager
async def target(crm: FxiaokeSimulator, *writes: Mapping[str, Any], **own: Any) -> AsyncIterator[FxiaokeTarget]:
    """Build a target for the length of a block."""
    built = FxiaokeTarget(options(crm, *writes, **own), READ, services())
    try:
        yield built
    finally:
        await built.close()


async def as_delivered(built: FxiaokeTarget, asked: Call) -> Effect:
    """Do as delivery does after a failure: look where a repeat would do harm, and send what is not there."""
    found = None if built.idempotent else await built.confirm(asked)
    return found or await built.send(asked)


async def failure_of(built: FxiaokeTarget, asked: Call) -> DeliveryFailed:
    """Make a call that fails, and give how."""
    try:
        effect = await asyncio.wait_for(built.send(asked), 60)
    except DeliveryFailed as failure:
        return failure
    raise AssertionError(f"it did not fail: {effect}")


def made(crm: FxiaokeSimulator, asked: Call) -> int:
    """Count the records that a call has made."""
    return crm.books.effects(**{KEY: asked.copy_key or asked.key})["created"]
