"""What a map reaches for beyond what is sent to it: places inside, and secrets that go out or are another's. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.mapped.map_file import SourceMap
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.transports import AskedList, DroppedFiles, FxiaokeObjects, KafkaTopic, PolledList
from bus.domain.text import Text
from bus.intake.reserved_names import own_prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One thing that a map reaches for: its place there, what stands there, and why that is no small matter."""

    place: Sequence[str]
    what: object
    why: Text


def reaches_further(wanted: SourceMap, in_force: SourceMap | None) -> Sequence[Reach]:
    """Give what a map reaches for, and the one in force does not."""
    known = [*_reached(in_force)] if in_force else []
    return [one for one in _reached(wanted) if one not in known]


def _reached(mapped: SourceMap) -> Iterator[Reach]:
    match mapped.transport:
        case PolledList() as polled:
            yield from _asked(("transport",), polled)
        case DroppedFiles() as files:
            why = Text("worker 会读取并移动它主机上的文件", "a worker reads and moves files of its host")
            yield Reach(place=("transport", "directory"), what=(files.directory, files.pattern), why=why)
        case KafkaTopic(topic=topic):
            why = Text("worker 会读取总线的 Kafka", "a worker reads the bus's own Kafka")
            yield Reach(place=("transport", "topic"), what=topic, why=why)
        case Mqtt() as mqtt:
            why = Text("worker 会连接它,可以是内网地址", "a worker connects to it, and it may be an address inside")
            what = (mqtt.broker, mqtt.port, mqtt.topics, mqtt.tls, mqtt.login)
            yield Reach(place=("transport", "broker"), what=what, why=why)
        case FxiaokeObjects(account=account, object=name):
            yield Reach(place=("transport", "account"), what=(account, name), why=_SENT)
        case _:
            pass
    if mapped.listing:
        yield from _asked(("listing",), mapped.listing)
    own = own_prefix(mapped.source)
    for name in mapped.proof.secrets if mapped.proof else ():
        if not name.startswith(own):
            why = Text(f"此来源的密钥变量以 {own} 开头", f"the variables of this source's secrets begin with {own}")
            yield Reach(place=("proof", "secrets"), what=name, why=why)


_SENT: Final = Text("worker 会把密钥发给它", "a worker sends the secret there")
_ANY: Final = Text("(url、query、login 任何一项改了都算)", ", and whatever of url, query and login is changed counts")


def _asked(place: Sequence[str], asked: AskedList) -> Iterator[Reach]:
    """Say what asking a list reaches for, whatever is read of its answers."""
    what = (asked.url, asked.query, asked.login, asked.private_addresses)
    if asked.login:
        yield Reach(place=(*place, "login"), what=what, why=Text(f"{_SENT.zh}{_ANY.zh}", f"{_SENT.en}{_ANY.en}"))
    if asked.private_addresses:
        why = Text(f"worker 会访问内网地址{_ANY.zh}", f"a worker asks at addresses inside{_ANY.en}")
        yield Reach(place=(*place, "private_addresses"), what=what, why=why)
