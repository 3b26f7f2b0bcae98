"""The partition of a key: Kafka's own murmur2, so that our records and other producers' agree."""

from aiokafka.partitioner import murmur2


def partition_of(key: str, partitions: int) -> int:
    """Give the partition of a key, as every Kafka client's default partitioner does."""
    number: int = murmur2(key.encode())
    return (number & 0x7FFFFFFF) % partitions
