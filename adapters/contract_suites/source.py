"""The duties of every source as tests: subclass `SourceContract` as `Test…`, say what a good delivery is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.domain.errors import MalformedInput
from bus.domain.terms import TraceId
from bus.intake.source_adapter import Source
from schemas.messages import RequestReceived

NOW = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
TRACE = TraceId("4bf92f3577b34da6a3ce929d0e0e4736")
# Headers carry Latin-1 at most; anything within it may come in.
HEADER_TEXT = st.text(st.characters(max_codepoint=255), max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: repr(value).encode(errors="surrogatepass"))
# What the properties are given, by the names of their tests.
_GIVEN: Mapping[str, Mapping[str, st.SearchStrategy[Any]]] = {
    "test_whatever_the_headers_nothing_but_malformed_input_leaves_verify": {"data": st.data()},
    "test_whatever_the_bytes_nothing_but_malformed_input_leaves_translate": {"body": BODIES},
    "test_a_foreign_value_in_any_part_is_translated_or_named": {"data": st.data(), "value": JSON},
}


def delivered(adapter: Source, body: bytes, delivery_id: str = "d-1", received_at: datetime = NOW) -> RequestReceived:
    """Give a verified delivery as the caller hands it on."""
    return RequestReceived(
        delivery_id=delivery_id,
        source=adapter.name,
        client=adapter.name,
        method="POST",
        path=f"/v1/sources/{adapter.name}/webhook",
        headers={},
        body=body,
        received_at=received_at,
        trace_id=TRACE,
    )


class SourceContract(ABC):
    """What `adapters/source_contract.py` asks, duty by duty."""

    def __init_subclass__(cls) -> None:
        """Give each source's tests properties of their own: hypothesis refuses one that two classes run."""
        for name, strategies in _GIVEN.items():
            setattr(cls, name, given(**strategies)(vars(SourceContract)[name]))

    @abstractmethod
    def adapter(self) -> Source:
        """Build the adapter."""

    @abstractmethod
    def good(self) -> tuple[Mapping[str, str], bytes]:
        """Give headers and body of a delivery that holds at NOW and asks for something."""

    @abstractmethod
    def mutated(self, part: str, value: object) -> bytes:
        """Give the good body with a foreign value in that part of it."""

    parts: tuple[str, ...]
    unsigned: tuple[str, ...] = ()  # headers that the proof does not cover, as GitHub's X-GitHub-Delivery

    def test_a_proven_sender_is_named_by_the_delivery_id_and_repeats_are_the_same_delivery(self) -> None:
        adapter, (headers, body) = self.adapter(), self.good()
        assert adapter.verify(headers, body, NOW) == adapter.verify(headers, body, NOW + timedelta(seconds=10)) != ""

    def test_header_names_have_no_case(self) -> None:
        adapter, (headers, body) = self.adapter(), self.good()
        shouted = {name.upper(): value for name, value in headers.items()}
        assert adapter.verify(shouted, body, NOW) == adapter.verify(headers, body, NOW)

    def test_a_sender_without_proof_is_refused(self) -> None:
        with pytest.raises(MalformedInput):
            self.adapter().verify({}, self.good()[1], NOW)

    def test_a_body_changed_on_the_way_is_refused(self) -> None:
        headers, body = self.good()
        with pytest.raises(MalformedInput):
            self.adapter().verify(headers, body + b" ", NOW)

    def test_the_same_delivery_gives_the_same_requests_and_another_id_gives_other_commands(self) -> None:
        adapter, (_, body) = self.adapter(), self.good()
        first, again = (adapter.translate(delivered(adapter, body)) for _ in range(2))
        other = adapter.translate(delivered(adapter, body, delivery_id="d-2"))
        assert first == again != ()
        assert {r.command_id for r in first}.isdisjoint(r.command_id for r in other)
        assert [r.fingerprint for r in first] == [r.fingerprint for r in other]

    def test_times_are_aware_and_in_utc(self) -> None:
        adapter, (_, body) = self.adapter(), self.good()
        assert all(r.at.utcoffset() == timedelta(0) for r in adapter.translate(delivered(adapter, body)))

    def test_whatever_the_headers_nothing_but_malformed_input_leaves_verify(self, data: st.DataObject) -> None:
        headers, body = self.good()
        changed = {name: data.draw(st.just(value) | HEADER_TEXT, label=name) for name, value in headers.items()}
        try:
            self.adapter().verify(changed, body, NOW)
        except MalformedInput:
            return
        signed = headers.keys() - set(self.unsigned)
        assert {name: changed[name].strip() for name in signed} == {name: headers[name] for name in signed}

    def test_whatever_the_bytes_nothing_but_malformed_input_leaves_translate(self, body: bytes) -> None:
        adapter = self.adapter()
        with pytest.raises(MalformedInput) as refused:
            adapter.translate(delivered(adapter, body))
        assert refused.value.code
        assert refused.value.zh
        assert refused.value.en

    def test_a_foreign_value_in_any_part_is_translated_or_named(self, data: st.DataObject, value: object) -> None:
        adapter = self.adapter()
        body = self.mutated(data.draw(st.sampled_from(self.parts)), value)
        try:
            adapter.translate(delivered(adapter, body))
        except MalformedInput as error:
            refused = error
        else:
            return
        assert refused.field
