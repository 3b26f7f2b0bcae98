"""How a source's documents come: it calls the gateway, or a worker reads them where they are."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from adapters.csv_form import CsvForm
from adapters.expressions import Jmes
from adapters.fxiaoke_api.account import FieldName, FxiaokeAccount, ObjectName
from adapters.map_faults import fault
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapping.field_values import MapPart, Value
from adapters.mapping.proof_kinds import Header
from adapters.oauth import OAuth
from adapters.outbound_http import HttpUrl
from adapters.public_addresses import refuse_inside
from adapters.time_form import ISO_8601, ZoneNamed, listed, refuse_utc_spelled
from bus.config_file import AbsolutePath, VariableName

EVERY_S_MAX: Final = 86_400
SINCE: Final = "{since}"
UNTIL: Final = "{until}"


class Webhook(MapPart):
    """The source calls `/v1/sources/NAME/webhook`.

    `body`: `form`: fields as a form sends them; `form-json`: a form whose field `json_field` holds JSON;
    `salesforce-outbound-message`: its notifications, each of which is a delivery of its own. `headers`: what is read of
    the delivery's headers, found in a document under `_headers`, by their lower-case names.
    """

    kind: Literal["webhook"] = "webhook"
    body: Literal["json", "form", "form-json", "salesforce-outbound-message"] = "json"
    json_field: str = "payload"
    headers: Annotated[tuple[Header, ...], BeforeValidator(listed), Field(max_length=20)] = ()


def _has_time(text: str) -> str:
    if text.count(SINCE) != 1:
        raise fault(f"写一次 {SINCE}", f"{SINCE} is meant in it, once")
    return text


def _writes_time(form: str) -> str:
    if form not in (ISO_8601, "epoch_s", "epoch_ms") and "%" not in form:
        raise fault(
            f"“{form}”写不出时间:iso8601、epoch_s、epoch_ms,或如 %Y-%m-%d %H:%M:%S",
            f"{form!r} writes no time: iso8601, epoch_s, epoch_ms, or as %Y-%m-%d %H:%M:%S",
        )
    return form


def _text(value: object) -> object:
    """Take numbers and booleans as the words that YAML made of them."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


class ListLogin(MapPart):
    """What a list is asked with: a bearer token, Basic (`user:password`), or a header of its own."""

    kind: Literal["bearer", "basic", "header"]
    secret: VariableName
    header: Header = "authorization"
    prefix: str = ""


class SinceParameter(MapPart):
    """How a list is asked for what changed since: the query parameter, and how the time is written in it.

    `format`: iso8601, epoch_s, epoch_ms, or as strftime writes it, in `zone`, without one in UTC. `text`: what the
    parameter says around it, as a query language has it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    query: str
    format: Annotated[str, AfterValidator(_writes_time)] = ISO_8601
    zone: ZoneNamed = None
    text: Annotated[str, AfterValidator(_has_time)] = SINCE

    @model_validator(mode="after")
    def _zone_is_not_contradicted(self) -> Self:
        if self.zone is not None:
            refuse_utc_spelled(self.format, self.zone)
        return self


class NextPage(MapPart):
    """How the next page is found; the last has none, and of `page` no documents.

    `link`: the header Link, rel=next. `url`: an address in the answer, of the same host. `token`: a text in the answer,
    sent as the parameter `query`. `page`: a number from `first` on, sent as `query`.
    """

    kind: Literal["link", "url", "token", "page"]
    from_: Annotated[Jmes | None, Field(alias="from")] = None
    query: str | None = None
    first: int = 1

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.kind in ("url", "token") and self.from_ is None:
            raise fault("写 from:应答中的位置", "say `from`: where in the answer it stands")
        if self.kind in ("token", "page") and self.query is None:
            raise fault("写 query:查询参数的名称", "say `query`: the name of the parameter")
        return self


class AskedList(MapPart):
    """An HTTP list of a source: where it is, how it is asked, and how its pages follow each other.

    `private_addresses`: whether it may be at a private, loopback or link-local address.
    """

    url: HttpUrl
    query: Mapping[str, Annotated[str, BeforeValidator(_text)]] = {}
    private_addresses: bool = False
    login: Annotated[ListLogin | OAuth, Field(discriminator="kind")] | None = None
    since: SinceParameter
    next: NextPage | None = None
    calls_per_minute: Annotated[int, Field(ge=1, le=6_000)] = 60

    @model_validator(mode="after")
    def _addresses_are_allowed(self) -> Self:
        token_url = self.login.token_url if isinstance(self.login, OAuth) else None
        refuse_inside({"url": self.url, "login.token_url": token_url}, allowed=self.private_addresses)
        return self


class Listing(AskedList):
    """The source's own list of what was opened there in some time: by it is found what never came.

    `since`: its `text` may say `{until}`, too. `documents`: where they are in a page; each is read as the map reads
    what comes. `opened_at`: when it was opened there.
    """

    documents: Jmes | None = None
    opened_at: Value


class PolledList(AskedList):
    """A worker asks an HTTP list every so often for what changed, with an overlap, within a budget of calls.

    `changed_at`: in a document, by which the list goes on; `overlap_s`: how much of the past is asked for again, since
    changes may show late. What was taken before is known by its delivery id. The first time, what changed within the
    overlap is asked for.
    """

    kind: Literal["list"]
    changed_at: Jmes
    every_s: Annotated[int, Field(ge=1, le=EVERY_S_MAX)] = 60
    overlap_s: Annotated[int, Field(ge=0, le=EVERY_S_MAX)] = 300


class FxiaokeFilter(MapPart):
    """One more condition that records of 纷享销客 must meet, in its own words."""

    field_name: FieldName
    operator: Annotated[str, Field(pattern="^[A-Z]{1,20}$")]
    field_values: Annotated[tuple[str, ...], BeforeValidator(listed), Field(max_length=100)] = ()


class FxiaokeObjects(MapPart):
    """A worker asks 纷享销客 every so often for the records of an object that changed, with an overlap.

    A record is a document, with `_id`, `last_modified_time` in milliseconds, and numbers as texts. `fields`: those
    that are asked for; left out: all. `every_s`, `overlap_s`: as of a list.
    """

    kind: Literal["fxiaoke"]
    account: FxiaokeAccount
    object: ObjectName
    fields: Annotated[tuple[FieldName, ...], Field(max_length=500)] = ()
    filters: Annotated[tuple[FxiaokeFilter, ...], Field(max_length=20)] = ()
    every_s: Annotated[int, Field(ge=1, le=EVERY_S_MAX)] = 60
    overlap_s: Annotated[int, Field(ge=0, le=EVERY_S_MAX)] = 300


def _topic(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", name):
        raise fault("不是 Kafka 主题名", "is no name of a Kafka topic")
    if name.startswith("ticket.") or ".ticket." in name:
        raise fault("这是总线自己的主题", "is a topic of the bus itself")
    return name


class KafkaTopic(MapPart):
    """A worker reads a topic of the bus's own Kafka, in a consumer group; a record is a document.

    `value`: JSON, or Avro in Confluent's framing with the schema registry of the settings. `begin`: where a group
    begins that has read nothing yet.
    """

    kind: Literal["topic"]
    topic: Annotated[str, AfterValidator(_topic)]
    value: Literal["json", "avro"] = "json"
    begin: Literal["earliest", "latest"] = "latest"


class DroppedFiles(MapPart):
    """A worker takes files that are dropped in a directory of its host, the oldest first; then they move to `done/`.

    A row is a document: of CSV and xlsx by the header's names, each value a text. A file is taken once nobody has
    written it for `settled_s`. `pattern`: as a shell has it.
    """

    kind: Literal["files"]
    directory: AbsolutePath
    pattern: str = "*"
    format: Literal["csv", "ndjson", "xlsx"]
    csv: CsvForm = CsvForm()
    sheet: str | None = None
    settled_s: Annotated[int, Field(ge=0, le=3_600)] = 5
    every_s: Annotated[int, Field(ge=1, le=EVERY_S_MAX)] = 5


def _usual(given: object) -> object:
    """Take a transport that names no kind for a webhook."""
    return {"kind": "webhook", **given} if isinstance(given, Mapping) and "kind" not in given else given


Transport = Annotated[
    Webhook | PolledList | KafkaTopic | DroppedFiles | FxiaokeObjects | Mqtt,
    Field(discriminator="kind"),
    BeforeValidator(_usual),
]
