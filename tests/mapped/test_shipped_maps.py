"""Every shipped map reads its vendor's samples: signed as the vendor signs, into exactly these commands."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.contract_suites.source import delivered
from adapters.mapped.read_map import read_map
from adapters.mapped.shipped import shipped, shipped_names
from adapters.mapped.source import MappedSource
from adapters.mapped.trial import TriedSample, tried
from bus.domain.errors import MalformedInput
from bus.domain.terms import TraceId
from bus.rules_config import load_rules
from bus.settings import Settings
from tests.mapped.maps import NOW

SAMPLES: Final = Path(__file__).parent / "samples"
SECRET: Final = "ticketbus:a-secret-of-more-than-16"
RULES: Final = load_rules(Settings())
Headers = Mapping[str, str]


def _mac(body: bytes, algorithm: Any = hashlib.sha256) -> Any:
    return hmac.new(SECRET.encode(), body, algorithm)


def _zendesk(body: bytes, _: str) -> Headers:
    """Sign as developer.zendesk.com says: base64(HMACSHA256(TIMESTAMP + BODY))."""
    time = "2026-11-22T01:29:58Z"
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(_mac(time.encode() + body).digest()).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": time,
    }


def _zammad(body: bytes, delivery: str) -> Headers:
    """Sign as Zammad does: HMAC-SHA1 of the body, as a hub signature."""
    return {"X-Hub-Signature": f"sha1={_mac(body, hashlib.sha1).hexdigest()}", "X-Zammad-Delivery": delivery}


def _jira(body: bytes, delivery: str) -> Headers:
    """Sign as Jira Cloud does: WebSub's method=signature."""
    return {
        "X-Hub-Signature": f"sha256={_mac(body).hexdigest()}",
        "X-Atlassian-Webhook-Identifier": delivery,
    }


def _glpi(body: bytes, _: str) -> Headers:
    """Sign as GLPI's Webhook.php does, long before it sends: hash_hmac('sha256', body . timestamp, secret)."""
    time = str(int(NOW.timestamp()) - 3_000)
    return {"X-GLPI-signature": _mac(body + time.encode()).hexdigest(), "X-GLPI-timestamp": time}


def _basic(_body: bytes, _: str) -> Headers:
    return {"Authorization": "Basic " + base64.b64encode(SECRET.encode()).decode()}


SIGNED: Final[Mapping[str, Callable[[bytes, str], Headers]]] = {
    "zendesk": _zendesk,
    "zammad": _zammad,
    "jira-service-management": _jira,
    "glpi": _glpi,
    "servicenow": _basic,
    "freshdesk": _basic,
    "znuny": _basic,
}
REFUSED: Final = {
    "zendesk": ("unknown_word", "$.detail.priority"),
    "zammad": ("missing", "$.ticket.number"),
    "jira-service-management": ("missing", "$.issue.fields.summary"),
    "servicenow": ("bad_time", "$.at"),
    "freshdesk": ("unknown_word", "$.freshdesk_webhook.ticket_priority"),
    "glpi": ("missing", "$.item.name"),
    "znuny": ("bad_time", "$.Ticket.Created"),
}


def sample(vendor: str, name: str) -> bytes:
    return (SAMPLES / vendor / f"{name}.json").read_bytes()


def source(vendor: str) -> MappedSource:
    mapped = read_map(shipped(vendor), vendor, RULES.sla)
    return MappedSource(mapped, 1, dict.fromkeys(mapped.proof.secrets, SECRET))


async def outcomes(vendor: str) -> Mapping[str, TriedSample]:
    """Try all samples of a vendor, the opening first."""
    expected = json.loads(sample(vendor, "expected"))
    found = await tried(source(vendor).map, {name: sample(vendor, name) for name in expected}, {}, RULES, NOW)
    return {one.sample: one for one in found}


def test_shipped_maps_every_one_has_samples_and_a_section_in_the_docs() -> None:
    page = (SAMPLES.parents[2] / "docs" / "plugging-in-sources.md").read_text(encoding="utf-8")
    assert set(shipped_names()) == set(SIGNED) == set(REFUSED)
    for vendor in shipped_names():
        assert f"maps/{vendor}.yaml" in page
        assert len(list((SAMPLES / vendor).glob("*.json"))) >= 4


@pytest.mark.parametrize("vendor", SIGNED)
async def test_shipped_maps_samples_become_exactly_these_commands(vendor: str) -> None:
    expected = json.loads(sample(vendor, "expected"))
    found = {name: json.loads(json.dumps(asdict(one), default=str)) for name, one in (await outcomes(vendor)).items()}
    for name, one in found.items():
        commands = [{key: value for key, value in each.items() if key != "refusal"} for each in one["commands"]]
        assert {"outcome": one["outcome"], "commands": commands} == expected[name], name


@pytest.mark.parametrize("vendor", SIGNED)
async def test_shipped_maps_a_malformed_sample_is_refused_by_its_path(vendor: str) -> None:
    (found,) = await tried(source(vendor).map, {"malformed": sample(vendor, "malformed")}, {}, RULES, NOW)
    assert (found.outcome, found.code, found.path) == ("refused", *REFUSED[vendor])


@pytest.mark.parametrize("vendor", SIGNED)
def test_shipped_maps_a_sender_is_proven_and_a_repeat_is_known(vendor: str) -> None:
    one, body, other = source(vendor), sample(vendor, "created"), sample(vendor, "comment")
    delivery = one.verify(SIGNED[vendor](body, "d-1"), body, NOW)
    assert one.verify(SIGNED[vendor](body, "d-1"), body, NOW) == delivery
    assert one.verify(SIGNED[vendor](other, "d-2"), other, NOW) != delivery
    received = delivered(one, body, delivery)
    again = replace(received, trace_id=TraceId("0" * 31 + "1"))
    assert [each.command_id for each in one.translate(received)] == [each.command_id for each in one.translate(again)]
    for name, value in SIGNED[vendor](body, "d-1").items():
        if "Delivery" in name or "Identifier" in name:
            continue
        with pytest.raises(MalformedInput) as refused:
            one.verify(
                {**SIGNED[vendor](body, "d-1"), name: value[:-1] + ("0" if value[-1] != "0" else "1")}, body, NOW
            )
        assert refused.value.code in ("bad_signature", "bad_timestamp")
    if SIGNED[vendor] is not _basic:
        with pytest.raises(MalformedInput):
            one.verify(SIGNED[vendor](body, "d-1"), other, NOW)


def test_shipped_maps_znuny_a_repeat_with_another_age_is_the_same_delivery() -> None:
    one, body = source("znuny"), sample("znuny", "created")
    later = body.replace(b'"Age": 7', b'"Age": 67')
    assert later != body
    assert one.verify(_basic(later, ""), later, NOW) == one.verify(_basic(body, ""), body, NOW)
