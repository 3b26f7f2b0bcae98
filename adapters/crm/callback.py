"""The CRM as a target: every change of a ticket as a signed webhook (Standard Webhooks), idempotent by `webhook-id`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices, TicketAt
from adapters.crm import signature
from adapters.crm.answer_values import spelled
from adapters.crm.callback_fields import AnswerRule, field_path
from adapters.crm.callback_wire import USUAL, judge, status_body
from adapters.http_options import HttpOptions
from adapters.outbound_http import DIRECT, Deadline, Egress, HttpUrl, NoResponse, OutboundHttp
from bus.config_file import VariableName, in_form
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.errors import StoreUnavailable
from bus.domain.text import Text
from bus.intake.dispatch import utc_now

ANSWER_BYTES_MAX: Final = 65_536
CONNECTIONS_MAX: Final = 64
FieldPath = Annotated[
    str,
    in_form(
        r"(?=.{1,100}$)[^.\s]+(\.[^.\s]+){0,4}",
        Text(
            "应为应答中的字段名,用点分隔最多 5 级,不含空格,例如 Result.IsSuccess",
            "names a field of the answer, up to 5 levels by dots, without blanks, such as Result.IsSuccess",
        ),
    ),
]
DoneValues = Annotated[tuple[bool | int | str, ...], Field(min_length=1)]


class CrmCallbackOptions(HttpOptions):
    """What the targets file says of a CRM: where it listens, and where the secrets stand. All of them sign.

    `done_when`: fields of a 2xx answer and their values that mean done, in place of the usual ones; an empty mapping:
    the status alone counts. `unclear`: what an answer counts as that has none of the fields.
    """

    url: HttpUrl
    secrets: Annotated[tuple[VariableName, ...], Field(min_length=1, max_length=2)]
    done_when: Mapping[FieldPath, DoneValues] | None = None
    unclear: Literal["done", "unknown"] = "done"

    @property
    def rule(self) -> AnswerRule:
        """Give how a 2xx answer is read."""
        named = self.done_when
        return AnswerRule(
            done_when=None
            if named is None
            else {field_path(path): frozenset(spelled(value) or "" for value in good) for path, good in named.items()},
            unclear_is_done=self.unclear == "done",
        )

    def keys(self, secrets: EnvironmentSecrets) -> tuple[signature.Secret, ...]:
        """Read the signing keys. Raises ConfigFileInvalid or SettingsInvalid: the variable, never the value."""
        return tuple(
            signature.secret(secrets.read(name).get_secret_value(), where=f"{secrets.where}: {name}")
            for name in self.secrets
        )


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
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Bind the endpoint, the keys that sign (all of them), and where tickets are looked up. Opens nothing yet."""
        self._rule = rule
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
        try:
            async with asyncio.timeout_at(deadline.at):
                body = status_body(call.event, await self._ticket_at(call))
        except TimeoutError:
            raise StoreUnavailable("the ticket was not read in time") from None
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


def _build(options: CrmCallbackOptions, secrets: EnvironmentSecrets, services: TargetServices) -> CrmCallback:
    return CrmCallback(
        options.url,
        options.keys(secrets),
        services.ticket_at,
        rule=options.rule,
        egress=options.egress(secrets, services.now()),
        now=services.now,
    )


ADAPTER: Final = TargetAdapter(name="crm-callback", options=CrmCallbackOptions, build=_build)
