"""What an adapter in another package is written with. These names are stable; where they live inside the bus is not."""

from adapters.adapter import (
    EnvironmentSecrets,
    Options,
    SourceAdapter,
    SourceServices,
    TargetAdapter,
    TargetServices,
)
from adapters.http_options import HttpOptions
from adapters.outbound_http import Deadline, Egress, HttpResponse, HttpUrl, NoResponse, OutboundHttp, retry_after_s
from bus.config_file import VariableName
from bus.delivery.document_list import DocumentStage, ListedDocument, ListingTarget
from bus.delivery.target import Call, DeliveryFailed, DeliveryPostponed, Effect, FailureKind, Target
from bus.domain import commands, events, terms, values
from bus.domain.commands import Request
from bus.domain.errors import MalformedInput
from bus.domain.events import Recorded
from bus.domain.naming import dotted, nearest, state_named
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.intake.command_bodies import build as build_command
from bus.intake.command_bodies import read_time
from bus.intake.command_ids import delivery_command_id as command_id
from bus.intake.command_ids import fingerprint
from bus.intake.reserved_names import refuse_reserved
from bus.intake.source_adapter import Ignored, Source
from bus.reconcile.source_list import ListedTicket, ListingSource, ListUnavailable
from bus.wire.json_body import read_object
from schemas.messages import RequestReceived

__all__ = [
    "Call",
    "Deadline",
    "DeliveryFailed",
    "DeliveryPostponed",
    "DocumentStage",
    "Effect",
    "Egress",
    "EnvironmentSecrets",
    "FailureKind",
    "HttpOptions",
    "HttpResponse",
    "HttpUrl",
    "Ignored",
    "ListUnavailable",
    "ListedDocument",
    "ListedTicket",
    "ListingSource",
    "ListingTarget",
    "MalformedInput",
    "NoResponse",
    "Options",
    "OutboundHttp",
    "Recorded",
    "Request",
    "RequestReceived",
    "Source",
    "SourceAdapter",
    "SourceServices",
    "Target",
    "TargetAdapter",
    "TargetServices",
    "Text",
    "Ticket",
    "VariableName",
    "build_command",
    "command_id",
    "commands",
    "dotted",
    "events",
    "fingerprint",
    "nearest",
    "read_object",
    "read_time",
    "refuse_reserved",
    "retry_after_s",
    "state_named",
    "terms",
    "values",
]
