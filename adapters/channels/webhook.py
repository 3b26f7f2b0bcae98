"""Any system that takes a signed webhook (Standard Webhooks), as the CRM callback is signed and its answer judged."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from adapters import webhook_signature as signature
from adapters.adapter import ChannelAdapter, ChannelServices, EnvironmentSecrets
from adapters.answers.fields import AnswerRule
from adapters.answers.judge import USUAL, judge
from adapters.channels.channel_http import ChannelHttp
from adapters.channels.hidden_secrets import HiddenSecrets, secrets_of
from adapters.outbound_http import DIRECT, Egress
from adapters.webhook_options import WebhookOptions
from bus.alerts.alert_json import alert_json
from bus.alerts.engine.channel import ChannelMessage, Notice, NotSent
from bus.alerts.engine.wording import subject
from bus.delivery.target import DeliveryFailed
from bus.intake.dispatch import utc_now

BODY_BYTES_MAX: Final = 256 * 1024


class WebhookChannel:
    """One receiver. It knows a repeat by `webhook-id`, or alert by alert by `notice`."""

    def __init__(
        self,
        url: str,
        keys: Sequence[signature.Secret],
        *,
        rule: AnswerRule = USUAL,
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Open nothing yet."""
        self._url, self._keys, self._rule, self._now = url, tuple(keys), rule, now
        self._secrets = HiddenSecrets(*secrets_of(url))
        self._http = ChannelHttp(egress)

    async def send(self, message: ChannelMessage) -> None:
        """Send, signed by every key. Raises NotSent."""
        body, now = message_body(message), self._now()
        headers = signature.sign_by_all(self._keys, message.key, now, body)
        with self._secrets.hidden():
            answer = await self._http.post(self._url, body, headers)
            try:
                judge(answer, now, self._rule)
            except DeliveryFailed as error:
                raise NotSent(f"{error.detail} {error.message}", retry_after_s=error.retry_after_s) from None

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()


def message_body(message: ChannelMessage) -> bytes:
    """Write a message; what would make it too long is left out, and how much that is."""
    alerts = [_alert(one) for one in message.notices]

    def body(count: int) -> bytes:
        data = {"subject": subject(message), "alerts": alerts[:count], "left_out": len(alerts) - count}
        return orjson.dumps({"type": "alerts", "data": data})

    if len(whole := body(len(alerts))) <= BODY_BYTES_MAX:
        return whole
    return body(bisect_right(range(1, len(alerts)), BODY_BYTES_MAX, key=lambda count: len(body(count))))


def _alert(notice: Notice) -> dict[str, Any]:
    words = alert_json(notice.alert)
    return {
        "notice": notice.number,
        "number": notice.alert_number,
        "flip": notice.flip,
        "severity": notice.severity,
        "title": {"zh": notice.title.zh, "en": notice.title.en},
        **{name: words[name] for name in ("rule", "about", "zh", "en", "mend", "ticket_id", "trace_id", "facts")},
        "opened_at": notice.opened_at,
        "closed_at": notice.closed_at,
        "drill": notice.drill,
        "hides": notice.hides,
        "instead_of": notice.instead_of,
        "page": notice.page,
    }


def _build(options: WebhookOptions, secrets: EnvironmentSecrets, services: ChannelServices) -> WebhookChannel:
    return WebhookChannel(
        options.url,
        options.keys(secrets),
        rule=options.rule,
        egress=options.egress(secrets, services.now()),
        now=services.now,
    )


ADAPTER: Final = ChannelAdapter(name="webhook", options=WebhookOptions, build=_build)
