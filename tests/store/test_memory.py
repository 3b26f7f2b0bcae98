"""The in-memory store keeps the stores' contract."""

import pytest

from bus.intake.memory_store import MemoryStore
from tests.store.contract_suite import StoreContract


class TestMemoryStore(StoreContract):
    """The contract, in memory."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        """Begin empty."""
        return MemoryStore()
