"""Which sources the gateway and the intake stage know: the adapters, as the gateway sees them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.contract import Delivery, DeliveryId, SourceAdapter
from adapters.crm.adapter import CrmAdapter
from bus.commands import Request
from bus.settings import Settings
from bus.terms import TraceId


class AdapterDoor:
    """An inbound adapter behind the gateway's port."""

    def __init__(self, adapter: SourceAdapter) -> None:
        self._adapter = adapter

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        return self._adapter.verify(headers, body, now)

    def translate(
        self, *, delivery_id: str, headers: Mapping[str, str], body: bytes, received_at: datetime, trace_id: TraceId
    ) -> Sequence[Request]:
        delivery = Delivery(
            source=self._adapter.name,
            delivery_id=DeliveryId(delivery_id),
            headers=headers,
            body=body,
            received_at=received_at,
            trace_id=trace_id,
        )
        return self._adapter.translate(delivery)


def sources(settings: Settings) -> Mapping[str, AdapterDoor]:
    """Make a door for every source that has a webhook secret; all speak the generic signed CRM webhook."""
    return {
        name: AdapterDoor(CrmAdapter(name=name, secrets=tuple(one.get_secret_value() for one in secrets)))
        for name, secrets in settings.webhook_secrets.items()
    }
