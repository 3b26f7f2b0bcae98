"""The map of a target, which is the `options` of its entry in the targets file: requests, and what answers mean."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

import httpx2
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from adapters.expressions import Jmes
from adapters.http_options import HttpOptions
from adapters.map_faults import fault
from adapters.mapped_target.proof import CallProof
from adapters.mapping.commands import command_model, one_of
from adapters.mapping.field_values import MapPart, Place, Words, refuse_unknown_tables, values_in
from adapters.mapping.proof_kinds import Header, StandardWebhooksProof
from adapters.mapping.sent_values import RequestPath, Sent, SentValue, Tree
from adapters.oauth import OAuth
from adapters.outbound_http import HttpUrl
from adapters.public_addresses import refuse_inside
from adapters.time_form import ISO_8601, TimeForm, listed
from bus.config_file import EventName
from bus.domain.commands import OpenTicket
from bus.domain.text import Text
from bus.intake.command_bodies import COMMANDS

REQUESTS_MAX: Final = 100
SETTLES_S: Final = 120.0  # a request may be under way there for so long after we have given it up
SETTLES_S_MAX: Final = 3_600
# Headers that are the bus's, or that the map has other words for.
_OWN_HEADERS: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "traceparent",
        "tracestate",
        "transfer-encoding",
    }
)


def _base(url: str) -> str:
    read = httpx2.URL(url)
    if read.query or read.fragment:
        raise fault("url 不含 ? 和 #,参数写在 path 里", "has no ? and no #: a query stands in `path`")
    return url.rstrip("/")


def _own(name: str) -> str:
    if name in _OWN_HEADERS:
        raise fault(f"{name} 不在这里写:身份写在 proof", f"{name} is not the map's; who calls is said by `proof`")
    return name


def _statuses(given: object) -> object:
    return (given,) if isinstance(given, int) else given


def _criterion(given: object) -> object:
    return {"when": given} if isinstance(given, str) else given


BaseUrl = Annotated[HttpUrl, AfterValidator(_base)]
SentHeader = Annotated[Header, AfterValidator(_own)]
Statuses = Annotated[
    tuple[Annotated[int, Field(ge=200, le=599)], ...], BeforeValidator(_statuses), Field(min_length=1, max_length=100)
]
EventNames = Annotated[tuple[EventName, ...], BeforeValidator(listed)]


class Criterion(MapPart):
    """What an answer is known by: its status, one or several, and an expression that holds; 2xx where none stands."""

    status: Statuses | None = None
    when: Jmes | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.status is None and self.when is None:
            raise fault("写 status 或 when", "`status` or `when` is meant")
        return self


class FailureRule(Criterion):
    """An answer that is a failure of a kind, whatever its status means elsewhere. Any status where none stands."""

    kind: Literal["throttled", "unavailable", "rejected", "unauthorized", "unknown"]


class CommandOfAnswer(MapPart):
    """A command that an answer is, of the event's own ticket; those whose `when` holds are all made, in order."""

    command: str
    when: Jmes | None = None
    fields: Any


COMMAND_MODELS: Final = {
    name: command_model(name, CommandOfAnswer) for name, cls in COMMANDS.items() if cls is not OpenTicket
}
AnyCommandOfAnswer = Annotated[CommandOfAnswer, one_of(COMMAND_MODELS)]
CommandsOfAnswer = Annotated[tuple[AnyCommandOfAnswer, ...], Field(max_length=REQUESTS_MAX)]
Criteria = Annotated[Criterion, BeforeValidator(_criterion)]
Failures = Annotated[tuple[FailureRule, ...], Field(max_length=REQUESTS_MAX)]


class SentRequest(MapPart):
    """What is sent: the path behind `url`, headers, and a body as JSON or as a form."""

    model_config = ConfigDict(populate_by_name=False)

    path: RequestPath
    headers: Mapping[SentHeader, Sent] = {}
    body: Annotated[Tree | None, Field(alias="json")] = None
    form: Mapping[str, Sent] | None = None

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        if self.body is not None and self.form is not None:
            raise fault("json 和 form 只写一个", "one of `json` and `form` is meant")
        return self

    def values(self) -> Iterator[tuple[Place, SentValue]]:
        """Give every value that is sent, with its place."""
        for key, groups in (("headers", self.headers), ("form", self.form or {})):
            yield from (((key, name), value) for name, value in groups.items())
        if self.body is not None:
            yield from ((("json", place), value) for place, value in self.body.values)


class ConfirmMap(SentRequest):
    """A question whether an earlier attempt took effect: it changes nothing there.

    An answer that is neither `found` nor `not_found` says nothing, and the question is asked again. `reference` and
    `commands`: as of the request, where left out. `settles_s`: how long after a request `not_found` may still come,
    since it is under way there when we have given it up, or look-ups show its effect late.
    """

    method: Literal["GET", "POST"] = "GET"
    found: Criteria
    not_found: Criteria
    reference: Jmes | None = None
    commands: CommandsOfAnswer | None = None
    settles_s: Annotated[float, Field(ge=0, le=SETTLES_S_MAX)] = SETTLES_S

    @model_validator(mode="after")
    def _a_get_has_no_body(self) -> Self:
        if self.method == "GET" and not (self.body is None and self.form is None):
            raise fault("GET 没有正文,参数写在 path 里", "a GET has no body: write it into `path`")
        return self


class RequestMap(SentRequest):
    """The request that an event becomes: the first one of `requests` that names it, and whose `when` holds.

    `events`: left out: all that the target takes. `idempotency_header`: carries the call's key, which is the same at
    every attempt. `repeats: harmless`: asked twice, the other system does it once. `success`: what done is, where the
    usual reading of answers does not fit. `failures`: looked at before those of all requests.
    """

    events: EventNames = ()
    when: Jmes | None = None
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    idempotency_header: SentHeader | None = None
    repeats: Literal["harmless"] | None = None
    success: Criteria | None = None
    failures: Failures = ()
    reference: Jmes | None = None
    commands: CommandsOfAnswer = ()
    confirm: ConfirmMap | None = None

    @property
    def survives_repeats(self) -> bool:
        """Say whether the map says how a second attempt does no harm."""
        return bool(self.idempotency_header or self.repeats or self.confirm or self.method == "PUT")


class MappedTargetOptions(HttpOptions):
    """One system, as its map has it; `url` is what every `path` is behind.

    `private_addresses`: whether it may be at a private, loopback or link-local address. `words`: tables of words that
    values name. `time`: how it writes times in its answers. `missing`: texts of answers that stand for nothing.
    """

    url: BaseUrl
    private_addresses: bool = False
    proof: CallProof
    words: Mapping[str, Words] = {}
    time: TimeForm = TimeForm.model_validate({"format": ISO_8601})
    missing: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    success: Criteria | None = None
    failures: Failures = ()
    requests: Annotated[tuple[RequestMap, ...], Field(min_length=1, max_length=REQUESTS_MAX)]

    @model_validator(mode="after")
    def _addresses_are_allowed(self) -> Self:
        token_url = self.proof.token_url if isinstance(self.proof, OAuth) else None
        refuse_inside({"url": self.url, "proof.token_url": token_url}, allowed=self.private_addresses)
        return self

    @model_validator(mode="after")
    def _repeats_do_no_harm(self) -> Self:
        for number, request in enumerate(self.requests):
            if not (request.survives_repeats or isinstance(self.proof, StandardWebhooksProof)):
                words = Text(
                    "没有应答时会再次发送:写 idempotency_header、confirm,或 repeats: harmless(对方收到两次也只做一次)",
                    "it is sent again when no answer came: write `idempotency_header`, `confirm`, or "
                    "`repeats: harmless` (asked twice, the other system does it once)",
                )
                raise fault(f"requests.{number}: {words.zh}", words.en)
        return self

    @model_validator(mode="after")
    def _tables_are_there(self) -> Self:
        refuse_unknown_tables(self._tables_named(), self.words)
        return self

    def _tables_named(self) -> Sequence[tuple[Place, str]]:
        found = list[tuple[Place, Any]]()
        for number, request in enumerate(self.requests):
            parts: list[tuple[Place, SentRequest]] = [(("requests", number), request)]
            if request.confirm:
                parts.append((("requests", number, "confirm"), request.confirm))
            for place, part in parts:
                found += [((*place, *inner), value.words) for inner, value in part.values()]
            found += [(place, value.words) for place, value in values_in(request, ("requests", number))]
        return [(place, words) for place, words in found if isinstance(words, str)]
