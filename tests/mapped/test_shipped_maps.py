"""Every shipped map reads its vendor's samples: signed as the vendor signs, into exactly these commands."""

import json
from dataclasses import asdict, replace
from typing import Final

import pytest

from adapters.contract_suites.source import delivered
from adapters.mapped.shipped import shipped_names
from adapters.mapped.trial import TriedSample, tried
from bus.domain.errors import MalformedInput
from bus.domain.terms import TraceId
from bus.intake.source_adapter import PEER
from tests.mapped.maps import NOW
from tests.mapped.vendors import BY_LOGIN, PULLED, RULES, SAMPLES, SIGNED, sample, source

REFUSED: Final = {
    "zendesk": ("unknown_word", "$.detail.priority"),
    "zammad": ("missing", "$.ticket.number"),
    "jira-service-management": ("missing", "$.issue.fields.summary"),
    "servicenow": ("bad_time", "$.at"),
    "freshdesk": ("unknown_word", "$.freshdesk_webhook.ticket_priority"),
    "glpi": ("missing", "$.item.name"),
    "znuny": ("bad_time", "$.Ticket.Created"),
    "fxiaoke": ("unknown_word", "$.priority__c"),
    "salesforce": ("unknown_word", "$.Priority"),
}
EVERY: Final = (*SIGNED, *PULLED)


async def outcomes(vendor: str) -> dict[str, TriedSample]:
    """Try all samples of a vendor, the opening first."""
    names = dict.fromkeys(name.partition("#")[0] for name in json.loads(sample(vendor, "expected")))
    found = await tried(source(vendor).map, {name: sample(vendor, name) for name in names}, {}, RULES, NOW)
    return {one.sample: one for one in found}


def test_shipped_maps_every_one_has_samples_and_a_section_in_the_docs() -> None:
    docs = SAMPLES.parents[2] / "docs"
    page = "".join((docs / one).read_text(encoding="utf-8") for one in ("plugging-in-sources.md", "salesforce.md"))
    assert set(shipped_names()) == set(EVERY) == set(REFUSED)
    for vendor in shipped_names():
        assert f"maps/{vendor}.yaml" in page
        assert len(list((SAMPLES / vendor).iterdir())) >= 4


@pytest.mark.parametrize("vendor", EVERY)
async def test_shipped_maps_samples_become_exactly_these_commands(vendor: str) -> None:
    expected = json.loads(sample(vendor, "expected"))
    found = {name: json.loads(json.dumps(asdict(one), default=str)) for name, one in (await outcomes(vendor)).items()}
    for name, one in found.items():
        commands = [
            {key: value for key, value in each.items() if key not in ("refusal", "hint")} for each in one["commands"]
        ]
        assert {"outcome": one["outcome"], "commands": commands} == expected[name], name


@pytest.mark.parametrize("vendor", EVERY)
async def test_shipped_maps_a_malformed_sample_is_refused_by_its_path(vendor: str) -> None:
    (found,) = await tried(source(vendor).map, {"malformed": sample(vendor, "malformed")}, {}, RULES, NOW)
    assert (found.outcome, found.code, found.path) == ("refused", *REFUSED[vendor])


@pytest.mark.parametrize("vendor", SIGNED)
def test_shipped_maps_a_sender_is_proven_and_a_repeat_is_known(vendor: str) -> None:
    one, body, other = source(vendor), sample(vendor, "created"), sample(vendor, "comment")
    headers = SIGNED[vendor](body, "d-1", NOW)
    delivery = one.verify(headers, body, NOW)
    assert one.verify(SIGNED[vendor](body, "d-1", NOW), body, NOW) == delivery
    assert one.verify(SIGNED[vendor](other, "d-2", NOW), other, NOW) != delivery
    received = delivered(one, body, delivery)
    if batch := one.batch(received):
        [received] = batch.deliveries
    again = replace(received, trace_id=TraceId("0" * 31 + "1"))
    assert [each.command_id for each in one.translate(received)] == [each.command_id for each in one.translate(again)]
    for name, value in headers.items():
        if "Delivery" in name or "Identifier" in name:
            continue
        changed = "203.0.113.9" if name == PEER else value[:-1] + ("0" if value[-1] != "0" else "1")
        with pytest.raises(MalformedInput) as refused:
            one.verify({**headers, name: changed}, body, NOW)
        assert refused.value.code in ("bad_signature", "bad_timestamp", "address_not_listed")
    if vendor not in BY_LOGIN:
        with pytest.raises(MalformedInput):
            one.verify(headers, other, NOW)


def test_shipped_maps_fxiaoke_each_change_of_a_case_is_a_delivery_of_its_own_and_a_repeat_is_known() -> None:
    one, names = source("fxiaoke"), ("created", "status", "own")
    found = [one.delivery_id(sample("fxiaoke", name)) for name in names]
    assert found[0] == "6929a1c0e4b0d10001a3f001/1795309507000"
    assert len(set(found)) == 3
    assert found == [one.delivery_id(sample("fxiaoke", name)) for name in names]


def test_shipped_maps_znuny_a_repeat_with_another_age_is_the_same_delivery() -> None:
    one, body = source("znuny"), sample("znuny", "created")
    later = body.replace(b'"Age": 7', b'"Age": 67')
    assert later != body
    signed = SIGNED["znuny"]
    assert one.verify(signed(later, "", NOW), later, NOW) == one.verify(signed(body, "", NOW), body, NOW)
