"""The contract suites for sources and targets, for the tests of other packages. Needs `ticketbus[testing]`."""

from adapters.contract_suites.faulty_ways import Loss, http_answer, losing, saying
from adapters.contract_suites.http_target import HttpTargetContract
from adapters.contract_suites.source import NOW, SourceContract, delivered
from adapters.contract_suites.target import System, TargetContract

__all__ = [
    "NOW",
    "HttpTargetContract",
    "Loss",
    "SourceContract",
    "System",
    "TargetContract",
    "delivered",
    "http_answer",
    "losing",
    "saying",
]
