"""What a map may name and reach for: never a variable of the bus's own; places inside only where that is decided."""

from collections.abc import Iterator

import pytest

from adapters.mapped.reach import reaches_further
from adapters.mapped.read_map import SourceMapInvalid, read_map
from adapters.mapped.shipped import shipped, shipped_names
from adapters.mapped.way import secrets_of_workers
from bus.intake.reserved_names import own_prefix
from bus.secret_files import is_own
from bus.settings import PREFIX, secret_files, variables
from tests.mapped.maps import CONTENT

PROOF = CONTENT[CONTENT.index("proof:") : CONTENT.index("delivery_id:")]
SINCE = "since: {query: since}"
LOGIN = "login: {kind: header, header: X-Key, secret: DESK_KEY}"
OAUTH = (
    "login: {kind: oauth-client-credentials, token_url: 'https://d.example/t', client_id: c, client_secret: DESK_KEY}"
)
JWT = (
    "login: {kind: oauth-jwt-bearer, token_url: 'https://d.example/t', client_id: c, subject: s, audience: a, "
    "private_key: DESK_KEY}"
)
FXIAOKE = (
    "{kind: fxiaoke, account: {app_id: F, app_secret: DESK_KEY, permanent_code: DESK_CODE, user_id: 1}, object: C}"
)
MQTT = "{kind: mqtt, broker: mq.example, topics: [a/b], login: DESK_KEY}"


def pulled(transport: str) -> str:
    """Give the map with another transport, which has no proof."""
    return CONTENT.replace(PROOF, f"transport: {transport}\n")


def polled(*more: str, url: str = "https://desk.example/cases") -> str:
    return pulled(f"{{kind: list, url: '{url}', changed_at: time, {', '.join((SINCE, *more))}}}")


def with_listing(*more: str) -> str:
    parts = ", ".join(("url: 'https://desk.example/cases'", SINCE, "opened_at: detail.created_at", *more))
    return CONTENT.replace("number: detail.id", f"listing: {{{parts}}}\nnumber: detail.id")


NAMES_A_SECRET = {
    "proof.secrets": CONTENT.replace("DESK_SECRET", "DESK_KEY"),
    "transport.login.secret": polled(LOGIN),
    "transport.login.client_secret": polled(OAUTH),
    "transport.login.private_key": polled(JWT),
    "transport.account.app_secret": pulled(FXIAOKE),
    "transport.login": pulled(MQTT),
    "listing.login.secret": with_listing(LOGIN),
}
REACHES = {
    "transport.login": polled(LOGIN),
    "transport.private_addresses": polled("private_addresses: true", url="http://127.0.0.1/cases"),
    "transport.directory": pulled("{kind: files, directory: /etc, format: csv}"),
    "transport.topic": pulled("{kind: topic, topic: cases}"),
    "transport.broker": pulled("{kind: mqtt, broker: mq.example, topics: [a/b]}"),
    "transport.account": pulled(FXIAOKE),
    "listing.login": with_listing(LOGIN),
    "listing.private_addresses": with_listing("private_addresses: true"),
    "proof.secrets": CONTENT.replace("DESK_SECRET", "ERP_APP_SECRET"),
}


def own_variables() -> Iterator[str]:
    yield from variables().values()
    yield from secret_files().values()
    yield from ("PGPASSWORD", "PGPASSFILE", "AWS_SECRET_ACCESS_KEY", "OTEL_EXPORTER_OTLP_HEADERS", "HTTPS_PROXY")
    yield from (f"{PREFIX}WEBHOOK_SECRET_CRM", "PGPASSWORD_FILE", "DATABASE_URL_FILE", "KAFKA_PASSWORD")


def reach_of(content: str, in_force: str | None = None) -> list[str]:
    now = read_map(in_force) if in_force else None
    return [".".join(one.place) for one in reaches_further(read_map(content), now)]


@pytest.mark.parametrize("place", NAMES_A_SECRET)
def test_reach_a_variable_of_the_bus_is_refused_wherever_a_map_names_a_secret(place: str) -> None:
    content = NAMES_A_SECRET[place]
    read_map(content)
    for name in ("TICKETBUS_MASTER_KEY", "DATABASE_URL", "PGPASSWORD"):
        changed = content.replace("DESK_KEY", name)
        with pytest.raises(SourceMapInvalid) as refused:
            read_map(changed)
        [found] = refused.value.faults
        assert found.path.startswith(place)
        assert name in changed.splitlines()[found.line - 1]
        assert "总线自己" in found.why
        assert "of the bus's own" in found.why


def test_reach_every_variable_of_the_bus_is_its_own_and_others_are_not() -> None:
    assert [one for one in own_variables() if not is_own(one)] == []
    others = ["QUAN_DESK_SECRET", "PG_DESK_KEY", "ERP_APP_SECRET", "PROXY_LOGIN", "S3_KEY", "DATABASE_DESK_KEY"]
    assert [one for one in others if is_own(one)] == []


@pytest.mark.parametrize("place", REACHES)
def test_reach_what_goes_inside_or_sends_a_secret_is_found_unless_it_is_in_force(place: str) -> None:
    content = REACHES[place]
    assert place in reach_of(content)
    assert set(reach_of(content, CONTENT)) == {*reach_of(content)}
    assert reach_of(content.replace("title: detail.subject", "title: detail.name"), content) == []


@pytest.mark.parametrize(
    ("place", "old", "new"),
    [
        ("transport.login", "desk.example/cases", "evil.example/cases"),
        ("transport.login", "DESK_KEY", "DESK_OTHER"),
        ("listing.login", "desk.example/cases", "evil.example/cases"),
        ("transport.directory", "/etc", "/home"),
        ("transport.broker", "mq.example", "10.0.0.1"),
        ("transport.broker", "a/b", "a/#"),
        ("transport.topic", "topic: cases", "topic: others"),
        ("transport.account", "DESK_CODE", "ERP_CODE"),
        ("proof.secrets", "ERP_APP_SECRET", "SAP_PASSWORD"),
    ],
)
def test_reach_another_place_than_the_one_in_force_is_further(place: str, old: str, new: str) -> None:
    assert reach_of(REACHES[place].replace(old, new), REACHES[place]) == [place]


def test_reach_a_webhook_and_a_public_list_reach_for_nothing() -> None:
    assert reach_of(CONTENT) == []
    assert reach_of(polled()) == []
    assert own_prefix("quan-desk.cn") == "QUAN_DESK_CN_"
    assert [name for name in shipped_names() if reach_of(shipped(name))] == ["fxiaoke"]


def test_reach_secrets_that_workers_send_are_named_apart_from_those_that_prove() -> None:
    named = {place: secrets_of_workers(read_map(content)) for place, content in NAMES_A_SECRET.items()}
    assert named.pop("proof.secrets") == []
    assert named.pop("transport.account.app_secret") == ["DESK_KEY", "DESK_CODE"]
    assert {*map(tuple, named.values())} == {("DESK_KEY",)}
