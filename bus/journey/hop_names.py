"""What each hop of a journey is called."""

from collections.abc import Mapping
from typing import Final

from bus.domain.text import Text

HOP_NAMES: Final[Mapping[str, Text]] = {
    "occurred": Text("发生", "occurred"),
    "received": Text("收到", "received"),
    "committed": Text("入库", "committed"),
    "published": Text("发布", "published"),
    "waiting": Text("待发", "waiting"),
    "projected": Text("投影", "projected"),
    "pushed": Text("推送", "pushed"),
    "enqueued": Text("排队", "enqueued"),
    "delivered": Text("送达", "delivered"),
    "delivery_waiting": Text("待投", "to deliver"),
    "discarded": Text("作废", "discarded"),
    "dead": Text("死信", "dead"),
    "acted_on": Text("处理", "acted on"),
}
