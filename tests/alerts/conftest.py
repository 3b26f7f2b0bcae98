"""A database of the tests' own, and alerts of reports with two robots."""

from tests.alerts.alerting import alerting
from tests.store.conftest import database, pool

__all__ = ["alerting", "database", "pool"]
