"""The CRM as a target: every change of a ticket as a signed webhook (Standard Webhooks), idempotent by `webhook-id`."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from adapters import webhook_signature as signature
from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices, TicketAt
from adapters.answers.fields import AnswerRule
from adapters.answers.judge import USUAL, judge
from adapters.crm.callback_wire import status_body
from adapters.outbound_http import DIRECT, Deadline, Egress, NoResponse, OutboundHttp
from adapters.webhook_options import WebhookOptions
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.ticket import Ticket
from bus.intake.dispatch import utc_now

ANSWER_BYTES_MAX: Final = 65_536
CONNECTIONS_MAX: Final = 64


class CrmCallback:
    """Tells one CRM of every event given. The CRM takes a `webhook-id` once, so that a repeat does no harm.

    A mended copy has an id of its own: under the event's the CRM would drop it as a repeat of what it refused.
    """

    idempotent = True

    def __init__(
        self,
        url: str,
        keys: Sequence[signature.Secret],
        ticket_at: TicketAt,
        *,
        rule: AnswerRule = USUAL,
        link: Callable[[Ticket], str] = lambda _ticket: "",
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Bind the endpoint, the keys that sign (all of them), and where tickets are looked up. Opens nothing yet."""
        self._rule, self._link = rule, link
        self._url, self._keys, self._ticket_at, self._now = url, tuple(keys), ticket_at, now
        self._http = OutboundHttp(
            headers={"accept": "application/json", "content-type": "application/json"},
            connections_max=CONNECTIONS_MAX,
            answer_bytes_max=ANSWER_BYTES_MAX,
            egress=egress,
        )

    async def send(self, call: Call) -> Effect:
        """Deliver the event. Raises DeliveryFailed; StoreUnavailable, nothing sent, where our own store is away."""
        deadline = Deadline.after(call.within_s)
        ticket = await self._ticket_at(call)
        body = status_body(call.event, ticket, self._link(ticket))
        signed = signature.sign_by_all(self._keys, call.copy_key or call.key, self._now(), body)
        headers = {**call.trace_headers, **signed}
        try:
            answer = await self._http.post(self._url, body, headers, deadline)
        except NoResponse as failed:
            kind = FailureKind.UNKNOWN if failed.sent else FailureKind.UNREACHABLE
            raise DeliveryFailed(kind, failed.detail) from None
        judge(answer, self._now(), self._rule)
        return Effect()

    async def confirm(self, call: Call) -> Effect | None:  # noqa: ARG002 - the port's; there is nothing to look up
        """Give None: a CRM cannot be asked, and sending again is harmless."""
        return None

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()


class CallbackOptions(WebhookOptions):
    """`customer_link`: each callback has the link to the customer's page, as `customer_link`."""

    customer_link: bool = False


def _build(options: CallbackOptions, secrets: EnvironmentSecrets, services: TargetServices) -> CrmCallback:
    return CrmCallback(
        options.url,
        options.keys(secrets),
        services.ticket_at,
        rule=options.rule,
        link=services.links.link if options.customer_link else lambda _ticket: "",
        egress=options.egress(secrets, services.now()),
        now=services.now,
    )


ADAPTER: Final = TargetAdapter(name="crm-callback", options=CallbackOptions, build=_build)
