"""The one request to Kafka that aiokafka does not know: that preferred replicas lead their partitions again."""

from collections.abc import Sequence
from typing import ClassVar

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String


class ElectLeadersResponseV0(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY: ClassVar[int] = 43
    API_VERSION: ClassVar[int] = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(("partition", Int32), ("error_code", Int16), ("error_message", String("utf-8"))),
                ),
            ),
        ),
    )


class ElectLeadersRequestV0(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY: ClassVar[int] = 43
    API_VERSION: ClassVar[int] = 0
    RESPONSE_TYPE = ElectLeadersResponseV0
    SCHEMA = Schema(("topics", Array(("topic", String("utf-8")), ("partitions", Array(Int32)))), ("timeout_ms", Int32))


class ElectLeadersRequest(Request[ElectLeadersRequestV0]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY: ClassVar[int] = 43

    def __init__(self, topics: Sequence[tuple[str, Sequence[int]]], timeout_ms: int) -> None:
        self._topics, self._timeout_ms = topics, timeout_ms

    def build(self, request_struct_class: type[ElectLeadersRequestV0]) -> ElectLeadersRequestV0:
        return request_struct_class(self._topics, self._timeout_ms)
