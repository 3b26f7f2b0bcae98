"""HTTP of a channel: one bounded exchange, whose failures are NotSent."""

from typing import Final

from adapters.outbound_http import Deadline, Egress, HttpResponse, NoResponse, OutboundHttp
from bus.alerts.engine.channel import NotSent

SEND_S_MAX: Final = 10.0
ANSWER_BYTES_MAX: Final = 16 * 1024
CONNECTIONS_MAX: Final = 2
JSON: Final = {"content-type": "application/json"}


class ChannelHttp:
    """Sends JSON by POST."""

    def __init__(self, egress: Egress) -> None:
        """Open nothing yet."""
        self._http = OutboundHttp(
            headers=JSON, connections_max=CONNECTIONS_MAX, answer_bytes_max=ANSWER_BYTES_MAX, egress=egress
        )

    async def post(
        self, url: str, content: bytes, headers: dict[str, str] | None = None, *, within_s: float = SEND_S_MAX
    ) -> HttpResponse:
        """Give the answer. Raises NotSent."""
        try:
            return await self._http.post(url, content, headers or {}, Deadline.after(within_s))
        except NoResponse as error:
            raise NotSent(error.detail) from None

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()
