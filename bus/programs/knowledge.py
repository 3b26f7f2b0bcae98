"""The knowledge pool, as commands, the gateway and the worker use it."""

from bus.app import Core
from bus.knowledge.pool import KnowledgePool
from bus.rules_config import root_cause_words


def knowledge_of(core: Core) -> KnowledgePool:
    """Make the pool; asks nothing yet."""
    return KnowledgePool(pool=core.pool, clear=core.clear, encode=core.codec.encode_record, causes=root_cause_words())
