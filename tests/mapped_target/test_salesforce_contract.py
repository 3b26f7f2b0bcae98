"""Salesforce as a target keeps the contract of targets, by the map that comes with the bus."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from adapters.mapped_target import target as mapped_http
from adapters.simulators.salesforce import SalesforceSimulator
from bus.domain.events import NoteAdded
from tests.mapped_target import salesforce_calls
from ticketbus.testing import HttpTargetContract, TargetSystem


class TestSalesforceTarget(HttpTargetContract):
    adapter = mapped_http.ADAPTER
    secrets: ClassVar = dict(salesforce_calls.SECRETS)
    event = NoteAdded(text="李女士 13800001111", changed=())

    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        return SalesforceSimulator().serving()

    def options(self, url: str) -> Mapping[str, Any]:
        return salesforce_calls.options(url)
