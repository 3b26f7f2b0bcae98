"""A relay on a database and topics of the module's own."""

from tests.store.conftest import database, pool, postgres_store
from tests.store.test_relay import dispatcher, relay, settings

__all__ = ["database", "dispatcher", "pool", "postgres_store", "relay", "settings"]
