"""The map of a source: how it sends, who proves to have sent it, which documents become which commands.

Words and shapes are checked when the map is read, every fault at once with its line and column.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from adapters.expressions import Jmes
from adapters.map_faults import fault
from adapters.mapped.proof import Proof
from adapters.mapped.transports import PolledList, Transport, Webhook
from adapters.mapping.commands import command_model, one_of
from adapters.mapping.field_values import MapPart, Value, Words
from adapters.mapping.proof_kinds import Header, HmacProof, StandardWebhooksProof
from adapters.time_form import ISO_8601, TimeForm, listed
from bus.intake.command_bodies import COMMANDS
from bus.intake.reserved_names import is_client_name, is_reserved

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
    """

    source: str
    transport: Transport = Webhook()
    proof: Proof | None = None
    delivery_id: DeliveryId | None = None
    documents: Jmes | None = None
    envelope: Annotated[Mapping[str, Jmes], Field(max_length=ENVELOPE_MAX)] = {}
    when: Jmes | None = None
    number: Value
    at: Value | None = None
    actor: Value | None = None
    time: TimeForm = TimeForm.model_validate({"format": ISO_8601})
    missing: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    words: Mapping[str, Words] = {}
    commands: Annotated[tuple[AnyCommand, ...], Field(min_length=1, max_length=COMMANDS_MAX)]
    otherwise: Literal["pass-over"] | NoteOfOthers = "pass-over"

    @model_validator(mode="after")
    def _name_is_a_source(self) -> Self:
        if not is_client_name(self.source) or len(self.source) > 32:
            raise fault(
                "source: 由小写字母、数字、点和连字符组成,最多 32 个字符",
                "source: is lower-case letters, digits, dots and dashes, at most 32",
            )
        if is_reserved(self.source):
            raise fault(f"source: “{self.source}”是总线自己的名字", f"source: {self.source!r} is the bus's own name")
        return self

    @model_validator(mode="after")
    def _envelope_has_documents(self) -> Self:
        if self.envelope and (self.documents is None or not isinstance(self.transport, Webhook)):
            raise fault(
                "envelope: 只用于 webhook 报文里的 documents;没有 documents 时,每个表达式都能读到整个报文",
                "envelope: is of the `documents` of a webhook; without them every expression reads all that is sent",
            )
        return self

    @model_validator(mode="after")
    def _sender_is_proven(self) -> Self:
        calls = isinstance(self.transport, Webhook)
        if calls and self.proof is None:
            raise fault("proof: 必填,谁能证明是此来源", "proof: is needed: how the source proves that it sent it")
        if not calls and self.proof is not None:
            raise fault(
                f"proof: {self.transport.kind} 由总线读取,不需要", f"proof: a {self.transport.kind} is read by the bus"
            )
        return self

    @model_validator(mode="after")
    def _repeats_are_known(self) -> Self:
        if isinstance(self.transport, PolledList) and (self.delivery_id is None or self.delivery_id.field is None):
            raise fault(
                "delivery_id: 必填 field,如 join('/', [to_string(id), updated_at])",
                "delivery_id: a `field` is needed, such as join('/', [to_string(id), updated_at])",
            )
        if not isinstance(self.transport, Webhook):
            if self.delivery_id is not None and self.delivery_id.header:
                raise fault("delivery_id: 没有请求头", "delivery_id: there are no headers")
            return self
        if self.delivery_id is None and not isinstance(self.proof, StandardWebhooksProof):
            raise fault(
                "delivery_id: 必填,用来识别重复投递:header、field,或 body: sha256",
                "delivery_id: is needed to know a repeat: a `header`, a `field`, or `body: sha256`",
            )
        proof = self.proof
        if isinstance(proof, HmacProof) and proof.id_header and self.delivery_id != DeliveryId(header=proof.id_header):
            raise fault(
                f"delivery_id: 签名里的编号是 {proof.id_header},请写 header: {proof.id_header}",
                f"delivery_id: what is signed is the header {proof.id_header}: name it here",
            )
        return self
