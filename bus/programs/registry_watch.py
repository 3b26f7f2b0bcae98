"""Watches the schema registry: an alert when a subject is gone, its level changed, or another's version is latest."""

import asyncio

import structlog

from bus.alerts.alert import Alert, AlertSink
from bus.alerts.rule_names import RuleName
from bus.consistency.registry_check import SchemaDifference, schema_differences
from bus.schema_registry import Registry, RegistryUnavailable

PERIOD_S = 60.0
log = structlog.get_logger()


async def watch_registry(registry: Registry, report: AlertSink, *, period_s: float = PERIOD_S) -> None:
    """Compare every `period_s` seconds until cancelled; a difference is reported once, until it is gone."""
    known: set[SchemaDifference] = set()
    while True:
        try:
            found = set(await schema_differences(registry))
        except RegistryUnavailable as error:  # the bus needs it for nothing that is under way
            log.warning("registry_not_compared", cause=str(error))
        else:
            for one in sorted(found - known, key=lambda each: each.subject):
                report(Alert(rule=RuleName.SCHEMA_DIFFERS, about=one.subject, zh=one.text.zh, en=one.text.en))
            known = found
        await asyncio.sleep(period_s)
