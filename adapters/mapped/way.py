"""How the documents of a source come, as people are shown it. Pure."""

from adapters.mapped.map_file import SourceMap
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.proof import PathProof
from adapters.mapped.transports import DroppedFiles, FxiaokeObjects, KafkaTopic, PolledList, Webhook
from bus.intake.from_raw_request import SOURCES_PATH


def place_of(mapped: SourceMap) -> str:
    """Give the address that the source calls, or where a worker reads: never a secret."""
    match mapped.transport:
        case Webhook():
            secret = "/SECRET" if isinstance(mapped.proof, PathProof) else ""
            return f"POST {SOURCES_PATH}{mapped.source}/webhook{secret}"
        case PolledList(url=url):
            return str(url)
        case FxiaokeObjects(account=account, object=name):
            return f"{account.base_url} {name}"
        case KafkaTopic(topic=topic):
            return topic
        case DroppedFiles(directory=directory, pattern=pattern):
            return f"{directory}/{pattern}"
        case Mqtt(broker=broker, topics=topics):
            return f"{broker} {', '.join(topics)}"
