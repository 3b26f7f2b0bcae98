"""The map of a source: how it sends, who proves to have sent it, which documents become which commands.

Words and shapes are checked when the map is read, every fault at once with its line and column.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from adapters.expressions import Jmes
from adapters.map_faults import fault
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.proof import Proof
from adapters.mapped.salesforce_outbound import FORM
from adapters.mapped.transports import FxiaokeObjects, Listing, PolledList, Transport, Webhook
from adapters.mapping.commands import command_model, one_of
from adapters.mapping.field_values import MapPart, Value, Words
from adapters.mapping.proof_kinds import Header, HmacProof, StandardWebhooksProof
from adapters.time_form import ISO_8601, TimeForm, listed
from bus.intake.command_bodies import COMMANDS
from bus.intake.reserved_names import wrong_for_a_map

COMMANDS_MAX: Final = 100
ENVELOPE_MAX: Final = 20


class DeliveryId(MapPart):
    """What tells a delivery from the next, and a repeat from a new one: a header, a field of the body, or all of it."""

    header: Header | None = None
    field: Jmes | None = None
    body: Literal["sha256"] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.header, self.field, self.body)) != 1:
            raise fault("写 header、field 或 body: sha256 之一", "one of `header`, `field` and `body: sha256` is meant")
        return self


class NoteOfOthers(MapPart):
    """What a document that no command takes leaves on its ticket."""

    note: Value


class CommandMap(MapPart):
    """One command that a document may be; those of `commands` whose `when` holds are all made, in order."""

    command: str
    when: Jmes | None = None
    number: Value | None = None
    at: Value | None = None
    actor: Value | None = None
    fields: Any


MODELS: Final = {name: command_model(name, CommandMap) for name in COMMANDS}

AnyCommand = Annotated[CommandMap, one_of(MODELS)]


class SourceMap(MapPart):
    """One source, as its map has it.

    `documents`: the documents in what is sent, one or a list; left out: what is sent is the document. `envelope`: what
    of all that is sent every one of them has under `_envelope`. `number`: a ticket's number at the source. `at`,
    `actor`: when it happened and who did it there; left out: when it was taken in, and the source. `missing`: texts
    that stand for nothing. `otherwise`: of documents that no command takes.

    What two keys must agree on is asked where the later one is read, so that one wrong key hides no other.
    """

    source: str
    transport: Transport = Webhook()
    proof: Annotated[Proof | None, Field(validate_default=True)] = None
    delivery_id: Annotated[DeliveryId | None, Field(validate_default=True)] = None
    documents: Jmes | None = None
    envelope: Annotated[Mapping[str, Jmes], Field(max_length=ENVELOPE_MAX)] = {}
    when: Jmes | None = None
    listing: Listing | None = None
    number: Value
    at: Value | None = None
    actor: Value | None = None
    time: TimeForm = TimeForm.model_validate({"format": ISO_8601})
    missing: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    words: Mapping[str, Words] = {}
    commands: Annotated[tuple[AnyCommand, ...], Field(min_length=1, max_length=COMMANDS_MAX)]
    otherwise: Literal["pass-over"] | NoteOfOthers = "pass-over"

    @field_validator("source")
    @classmethod
    def _name_is_a_source(cls, source: str) -> str:
        if why := wrong_for_a_map(source):
            raise fault(why.zh, why.en)
        return source

    @field_validator("proof")
    @classmethod
    def _sender_is_proven(cls, proof: Proof | None, info: ValidationInfo) -> Proof | None:
        transport = info.data.get("transport")
        if isinstance(transport, Webhook) and proof is None:
            raise fault("必填,谁能证明是此来源", "is needed: how the source proves that it sent it")
        if not isinstance(transport, Webhook | None) and proof is not None:
            raise fault(f"{transport.kind} 由总线读取,不需要", f"a {transport.kind} is read by the bus")
        return proof

    @field_validator("delivery_id")
    @classmethod
    def _repeats_are_known(cls, given: DeliveryId | None, info: ValidationInfo) -> DeliveryId | None:
        transport = info.data.get("transport")
        if isinstance(transport, Webhook) and transport.body == FORM:
            if given is not None:
                raise fault("就是通知的编号,不用写", "is the notification's own: leave it out")
            return given
        if isinstance(transport, Webhook):
            if "proof" in info.data:
                _is_in_a_webhook(given, info.data["proof"])
            return given
        by_field = isinstance(transport, PolledList | FxiaokeObjects)
        by_field = by_field or (isinstance(transport, Mqtt) and not transport.alarms)
        if by_field and (given is None or given.field is None):
            raise fault(
                "必填 field,如 join('/', [to_string(id), updated_at])",
                "a `field` is needed, such as join('/', [to_string(id), updated_at])",
            )
        if transport is not None and given is not None and given.header:
            raise fault("没有请求头", "there are no headers")
        return given

    @field_validator("documents")
    @classmethod
    def _notifications_are_documents(cls, documents: Jmes | None, info: ValidationInfo) -> Jmes | None:
        transport = info.data.get("transport")
        if isinstance(transport, Webhook) and transport.body == FORM and documents is not None:
            raise fault("每条通知就是一份文档", "each notification is one: leave it out")
        return documents

    @field_validator("envelope")
    @classmethod
    def _envelope_has_documents(cls, envelope: Mapping[str, Jmes], info: ValidationInfo) -> Mapping[str, Jmes]:
        if "transport" in info.data and "documents" in info.data:
            documents, transport = info.data["documents"], info.data["transport"]
            if envelope and (documents is None or not isinstance(transport, Webhook)):
                raise fault(
                    "只用于 webhook 报文里的 documents;没有 documents 时,每个表达式都能读到整个报文",
                    "is of the `documents` of a webhook; without them every expression reads all that is sent",
                )
        return envelope


def _is_in_a_webhook(given: DeliveryId | None, proof: Proof | None) -> None:
    """Refuse a delivery id that a webhook cannot have, or that its sender has not signed."""
    if given is None and not isinstance(proof, StandardWebhooksProof):
        raise fault(
            "必填,用来识别重复投递:header、field,或 body: sha256",
            "is needed to know a repeat: a `header`, a `field`, or `body: sha256`",
        )
    if isinstance(proof, HmacProof) and proof.id_header and given != DeliveryId(header=proof.id_header):
        raise fault(
            f"签名里的编号是 {proof.id_header},请写 header: {proof.id_header}",
            f"what is signed is the header {proof.id_header}: name it here",
        )
