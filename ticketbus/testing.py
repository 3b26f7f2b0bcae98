"""The contract suites for sources and targets, for the tests of other packages. Needs `ticketbus[testing]`."""

from adapters.contract_suites.http_target import HttpTargetContract
from adapters.contract_suites.source import NOW, SourceContract, delivered
from adapters.contract_suites.source_list import ListedSystem, SourceListContract
from adapters.contract_suites.target import TargetContract, TargetSystem

__all__ = [
    "NOW",
    "HttpTargetContract",
    "ListedSystem",
    "SourceContract",
    "SourceListContract",
    "TargetContract",
    "TargetSystem",
    "delivered",
]
