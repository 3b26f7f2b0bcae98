"""A source by its map: the proof, the delivery's id, the translation."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import orjson

from adapters import webhook_signature
from adapters.mapped import salesforce_outbound
from adapters.mapped.map_file import SourceMap
from adapters.mapped.proof import Verify, verifier
from adapters.mapped.salesforce_outbound import ID, MESSAGE
from adapters.mapped.translate import MapTranslator, in_batches
from adapters.mapped.transports import Webhook
from bus.config_file import ConfigFileInvalid, secret_of
from bus.domain.commands import Request
from bus.domain.errors import MalformedInput
from bus.domain.terms import TraceId
from bus.intake.from_raw_request import SOURCES_PATH
from bus.intake.source_adapter import ReceivedBatch
from bus.settings import SettingsInvalid
from bus.wire.json_body import refuse_unstorable
from schemas.messages import RequestReceived

ID_CHARS_MAX = 200


class MappedSource:
    """One source as version `version` of its map has it. `trouble`: why it can prove nobody, empty where it can.

    A program that only translates what was proven before, as the worker, needs no secrets.
    """

    def __init__(self, mapped: SourceMap, version: int, environment: Mapping[str, str]) -> None:
        """Make the readers and the proof; a secret that is not set refuses every delivery, and `trouble` says so."""
        self.map, self.version, self.name, self.trouble = mapped, version, mapped.source, ""
        self._translator = MapTranslator(mapped)
        self._secrets: Sequence[str] = ()
        self._verify: Verify = self._unproven
        if mapped.proof is None:
            return
        where = f"map of {mapped.source}, version {version}: proof.secrets"
        try:
            self._secrets = [
                secret_of(name, environment, where=where).get_secret_value() for name in mapped.proof.secrets
            ]
            self._verify = verifier(mapped.proof, self._secrets, where=where)
        except (ConfigFileInvalid, SettingsInvalid) as error:
            self.trouble = str(error)

    @property
    def secrets(self) -> frozenset[bytes]:
        """Give its keys, to be compared with those of other sources."""
        return frozenset(one.encode() for one in self._secrets)

    @property
    def kept_headers(self) -> Sequence[str]:
        """Name the headers that the map reads; they are kept with a delivery."""
        return self.map.transport.headers if isinstance(self.map.transport, Webhook) else ()

    @property
    def pulls(self) -> bool:
        """Say whether a worker reads what the source has, and nobody sends it."""
        return not isinstance(self.map.transport, Webhook)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Prove the sender and give the delivery's own id. Pure. Raises MalformedInput and nothing else."""
        lower = {name.lower(): value for name, value in headers.items()}
        self._verify(lower, body, now)
        return hashlib.sha256(body).hexdigest() if self.sends_batches else self.delivery_id(body, lower)

    @property
    def sends_batches(self) -> bool:
        """Say whether what it sends holds several deliveries."""
        return in_batches(self.map)

    def batch(self, received: RequestReceived) -> ReceivedBatch | None:
        """Take an outbound message of Salesforce apart: a delivery of each notification, its body as JSON.

        Anything else is one delivery: None. Raises MalformedInput.
        """
        if not self.sends_batches:
            return None
        return ReceivedBatch(
            deliveries=[
                replace(received, body=orjson.dumps(one), delivery_id=_id_text(one[MESSAGE][ID], ID))
                for one in salesforce_outbound.notifications(received.body)
            ],
            answer=salesforce_outbound.ACK,
            media_type="text/xml",
        )

    def delivery(
        self, delivery_id: str, body: bytes, *, headers: Mapping[str, str], received_at: datetime, trace_id: TraceId
    ) -> RequestReceived:
        """Give what nobody sent over HTTP, a sample or a record that is read, as a delivery of this source."""
        return RequestReceived(
            delivery_id=delivery_id,
            source=self.name,
            client=self.name,
            method="POST",
            path=f"{SOURCES_PATH}{self.name}/webhook",
            headers=headers,
            body=body,
            received_at=received_at,
            trace_id=trace_id,
        )

    def translate(self, received: RequestReceived) -> tuple[Request, ...]:
        """Say what a delivery wants. Pure. Raises MalformedInput, or Ignored."""
        return tuple(replace(one, map_version=self.version) for one in self._translator.requests(received))

    def _unproven(self, *_: object) -> None:
        raise MalformedInput(
            "secret_not_set", "proof", "网关没有此来源的密钥", "the gateway has no secret of this source"
        )

    def delivery_id(self, body: bytes, headers: Mapping[str, str] | None = None) -> str:
        """Give what tells a delivery from the next. Raises MalformedInput."""
        headers, rule = headers or {}, self.map.delivery_id
        if self.sends_batches:
            return _id_text(self._translator.document(body, headers)[MESSAGE][ID], f"{MESSAGE}.{ID}")
        if rule is None and webhook_signature.ID in headers:
            return headers[webhook_signature.ID]
        if rule is None or rule.body:
            return hashlib.sha256(body).hexdigest()
        if rule.header:
            found: object = headers.get(rule.header, "").strip()
            where = rule.header
        else:
            assert rule.field is not None, "a delivery's id is one of three"
            found, where = rule.field.read(self._translator.document(body, headers)), rule.field.path
        return _id_text(found, where)


def _id_text(found: object, where: str) -> str:
    if isinstance(found, bool) or not isinstance(found, str | int) or not str(found).strip():
        zh, en = f"缺少投递编号“{where}”", f"{where} is missing, by which a repeat is known"
        raise MalformedInput("missing", where, zh, en)
    text = str(found).strip()
    refuse_unstorable(text, where)
    return text if len(text) <= ID_CHARS_MAX and text.isprintable() else hashlib.sha256(text.encode()).hexdigest()
