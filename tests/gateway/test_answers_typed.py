"""Each kind of event has a type of its own in the description, and is answered as that says."""

from typing import Any

import pytest

from bus.domain.events import Recorded
from bus.gateway.http.event_answers import EventAnswer
from bus.wire.codec import event_json
from schemas.catalogue import EVENT_NAMES
from tests.gateway.conftest import Gateway
from tests.gateway.typed import type_faults
from tests.schemas.codecs import ONE_OF_EACH


@pytest.mark.parametrize("recorded", ONE_OF_EACH, ids=lambda one: type(one.event).__name__)
def test_event_answers_are_typed_by_kind(recorded: Recorded) -> None:
    answer: dict[str, Any] = event_json(recorded)
    assert type_faults(EventAnswer, answer) == []
    wrong = [{**answer, "version": "1"}, {**answer, "made_up": 1}, {**answer, "event_type": "made.up.v1"}]
    wrong += [{name: value for name, value in answer.items() if name != missing} for missing in answer]
    assert all(type_faults(EventAnswer, one) for one in wrong)


async def test_event_answers_stand_in_the_description_under_the_events_names(gateway: Gateway) -> None:
    schemas = (await gateway.http.get("/openapi.json")).json()["components"]["schemas"]
    kinds = schemas["EventPage"]["properties"]["events"]["items"]["discriminator"]["mapping"]
    assert {one.rpartition("/")[2] for one in kinds.values()} == set(EVENT_NAMES)
    assert schemas["TicketOpened"]["properties"]["title"]["type"] == "string"
