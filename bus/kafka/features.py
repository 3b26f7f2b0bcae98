"""The version of a cluster's metadata, by which a Kafka cluster says how old it acts. By kafka-python."""

import asyncio

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from bus.domain.errors import KafkaUnavailable
from bus.kafka.clients import REQUEST_TIMEOUT_MS, kafka_options
from bus.settings import Settings

FEATURE = "metadata.version"


async def metadata_versions(settings: Settings) -> tuple[int, int]:
    """Give the finalized metadata.version, and the newest that the broker asked supports. Raises KafkaUnavailable."""
    return await asyncio.to_thread(_metadata_versions, settings)


def _metadata_versions(settings: Settings) -> tuple[int, int]:
    client = None
    try:
        client = KafkaAdminClient(**kafka_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
        feature = client.describe_features().get(FEATURE)
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka does not say: {type(error).__name__}: {error}") from error
    finally:
        if client is not None:
            client.close()
    if feature is None or "finalized" not in feature:
        raise KafkaUnavailable("the cluster has no metadata.version, as without KRaft")
    return feature["finalized"][1], feature["supported"][1]
