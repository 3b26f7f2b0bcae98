"""How the documents of a source come, as people are shown it. Pure."""

from collections.abc import Sequence

from adapters.mapped.map_file import SourceMap
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.proof import PathProof
from adapters.mapped.transports import (
    AskedList,
    DroppedFiles,
    FxiaokeObjects,
    KafkaTopic,
    ListLogin,
    PolledList,
    Webhook,
)
from adapters.oauth import ClientCredentials, JwtBearer
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


def secrets_of_workers(mapped: SourceMap) -> Sequence[str]:
    """Name the variables whose secrets workers send: of a list's login, of 纷享销客, of a broker."""
    found = list[str | None]()
    for asked in (mapped.transport, mapped.listing):
        match asked:
            case AskedList(login=ListLogin(secret=name)):
                found.append(name)
            case AskedList(login=ClientCredentials(client_secret=name)):
                found.append(name)
            case AskedList(login=JwtBearer(private_key=name)):
                found.append(name)
            case FxiaokeObjects(account=account):
                found += [account.app_secret, account.permanent_code]
            case Mqtt(login=name):
                found.append(name)
            case _:
                pass
    return [name for name in dict.fromkeys(found) if name]
