"""The map of a target is read typed: each fault is named by its place in the targets file, and no secret is shown."""

from typing import Any

import pytest

from adapters.registry import TARGETS
from bus.config_file import ConfigFileInvalid, read_options
from bus.settings import SettingsInvalid
from tests.mapped_target.calls import built
from tests.mapped_target.desk import options

URL = "https://desk.example"


def with_request(**request: Any) -> dict[str, Any]:
    """Give a map of one request, which may be repeated."""
    return {
        "url": URL,
        "proof": {"kind": "none"},
        "requests": [{"path": "/notes", "repeats": "harmless", **request}],
    }


def faults_of(given: Any) -> str:
    """Read a map, and give all that is wrong with it."""
    faults = list[str]()
    read_options("mapped-http", given, TARGETS, faults, "targets.desk")
    return "\n".join(faults)


def test_mapped_target_options_a_good_map_is_taken() -> None:
    assert faults_of(options("http://127.0.0.1:9")) == ""
    assert faults_of(with_request()) == ""


@pytest.mark.parametrize(
    ("given", "place", "why"),
    [
        ({"path": "notes"}, "requests.0.path", "begins with /"),
        ({"path": "/notes/../admin"}, "requests.0.path", "begins with /"),
        ({"path": "//elsewhere.example/notes"}, "requests.0.path", "begins with /"),
        ({"path": "/notes/{ticket.source_no"}, "requests.0.path", "begins with /"),
        ({"path": "/notes/{foo(key)}"}, "requests.0.path", "there is no function foo()"),
        ({"json": {"a": {"b": "event.["}}}, "requests.0.json", "a.b: from: "),
        ({"json": {"a": 7}}, "requests.0.json", "a: 固定值写作 {value: …}"),
        ({"json": {"a": {"from": "key", "value": 1}}}, "requests.0.json", "a: "),
        ({"json": {"a": {"value": 1, "words": {}}}}, "requests.0.json", "`value` is fixed"),
        ({"json": {1: "key"}}, "requests.0.json", "put quotes around the key 1"),
        ({"json": "key", "form": {"a": "key"}}, "requests.0", "one of `json` and `form`"),
        ({"form": {"a": {"value": 1, "also": 2}}}, "requests.0.form.a.also", "there is no such field"),
        ({"headers": {"Authorization": "key"}}, "requests.0.headers", "said by `proof`"),
        ({"headers": {"x y": "key"}}, "requests.0.headers", "the name of an HTTP header"),
        ({"events": ["NoteAded"]}, "requests.0.events.0", "did you mean 'NoteAdded'"),
        ({"method": "GET"}, "requests.0.method", ""),
        ({"body": {"a": "key"}}, "requests.0.body", "there is no such field"),
        ({"success": {}}, "requests.0.success", "`status` or `when`"),
        ({"failures": [{"when": "status", "kind": "gone"}]}, "requests.0.failures.0.kind", ""),
        ({"confirm": {"path": "/notes"}}, "requests.0.confirm.found", ""),
        (
            {"confirm": {"path": "/n", "json": "key", "found": "answer", "not_found": "status"}},
            "requests.0.confirm",
            "a GET has no body",
        ),
        ({"commands": [{"command": "issue-part", "fields": {}}]}, "requests.0.commands.0", "issue-parts"),
        ({"commands": [{"command": "open-ticket", "fields": {}}]}, "requests.0.commands.0", "there is no command"),
        ({"commands": [{"command": "note", "fields": {"txt": "key"}}]}, "requests.0.commands.0.note.fields.txt", ""),
        ({"repeats": None}, "requests.0: ", "`idempotency_header`, `confirm`, or `repeats: harmless`"),
        ({"json": {"a": {"from": "key", "words": "lvels"}}}, "requests.0.json.a", "has no table 'lvels'"),
        (
            {"commands": [{"command": "note", "fields": {"text": {"from": "key", "words": "x"}}}]},
            "requests.0.commands.0.fields.text",
            "has no table 'x'",
        ),
    ],
)
def test_mapped_target_options_a_fault_is_named_by_its_place(given: dict[str, Any], place: str, why: str) -> None:
    shown = faults_of(with_request(**given))
    assert place in shown
    assert why in shown


def test_mapped_target_options_all_faults_are_named_at_once() -> None:
    shown = faults_of(with_request(path="notes", json={"a": 7, "b": "("}, events=["X"]))
    assert [
        place for place in ("requests.0.path", "a: ", "b: from: ", "requests.0.events.0") if place not in shown
    ] == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://localhost",
        "https://10.1.2.3",
        "https://169.254.169.254/latest",
        "https://[::1]",
        "https://[::ffff:192.168.0.1]",
        "https://100.64.0.1",
    ],
)
def test_mapped_target_options_an_address_inside_has_to_be_allowed_by_name(url: str) -> None:
    given = with_request() | {"url": url}
    assert "private_addresses: true" in faults_of(given)
    assert faults_of(given | {"private_addresses": True}) == ""
    token = options(URL) | {"private_addresses": False}
    token["proof"] = token["proof"] | {"token_url": f"{url}/token"}
    assert "proof.token_url: " in faults_of(token)


def test_mapped_target_options_a_url_has_no_query() -> None:
    assert "a query stands in `path`" in faults_of(with_request() | {"url": f"{URL}/?a=b"})


@pytest.mark.parametrize(
    ("proof", "secret", "why"),
    [
        ({"kind": "basic", "secrets": ["DESK_SECRET"]}, "no-colon-in-this-secret", "is not user:password"),
        ({"kind": "bearer", "secrets": ["DESK_SECRET"]}, "two\nlines-of-a-secret", "is not one line of ASCII"),
        (
            {"kind": "hmac", "secrets": ["DESK_SECRET"], "header": "x-s", "secret_is": "hex"},
            "no-hexadecimal-secret",
            "is not hex",
        ),
        ({"kind": "standard-webhooks", "secrets": ["DESK_SECRET"]}, "no.base64.as.it.is.meant", "is not base64"),
    ],
)
def test_mapped_target_options_a_secret_that_does_not_fit_is_named_and_not_shown(
    proof: dict[str, Any], secret: str, why: str
) -> None:
    with pytest.raises((ConfigFileInvalid, SettingsInvalid), match="DESK_SECRET") as wrong:
        built(with_request() | {"proof": proof}, {"DESK_SECRET": secret})
    assert why in str(wrong.value)
    assert secret not in str(wrong.value)


def test_mapped_target_options_one_secret_is_sent() -> None:
    two = {"kind": "bearer", "secrets": ["A_SECRET", "B_SECRET"]}
    assert "one is sent" in faults_of(with_request() | {"proof": two})
