"""Any HTTP target trusts a private CA, shows its certificate, goes through a proxy; a bad file stops the start."""

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.adapter import EnvironmentSecrets, TargetServices
from adapters.crm import callback
from adapters.erp import kingdee
from adapters.http_options import HttpOptions
from adapters.simulators.callback_receiver import CallbackReceiver
from bus.config_file import ConfigFileInvalid, read_options
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind, Target
from bus.domain.events import PartsRequested
from bus.domain.ticket import Ticket
from bus.domain.values import Part
from tests.adapters.certificates import PASSWORD, PrivateAuthority
from tests.adapters.http_proxy import http_proxy
from tests.adapters.test_crm_callback import call
from tests.adapters.test_crm_callback_wire import NEW, recorded, ticket_at

ENVIRONMENT = {"CRM_SECRET": NEW, "KEY_PASSWORD": PASSWORD, "PROXY_LOGIN": "bus:p@ss:word", "NO_LOGIN": "no-colon-here"}

PARTS = recorded(2, PartsRequested(request_no="PR-1", parts=(Part(part_no="PUMP-7", quantity=2),), reason=""))


async def _ticket_at(wanted: Call) -> Ticket:
    return await ticket_at(wanted.event)


def built(url: str, **options: Any) -> Target:
    given = callback.CallbackOptions.model_validate({"url": url, "secrets": ["CRM_SECRET"], **options})
    services = TargetServices(name="crm", ticket_at=_ticket_at, now=lambda: datetime.now(UTC))
    secrets = EnvironmentSecrets(environment=ENVIRONMENT, where="targets.yaml: targets.crm.options")
    return callback.ADAPTER.build(given, secrets, services)


async def answered(url: str, **options: Any) -> Effect | DeliveryFailed:
    target = built(url, **options)
    try:
        return await target.send(call())
    except DeliveryFailed as failed:
        return failed
    finally:
        await target.close()


async def outcome(url: str, **options: Any) -> Effect | FailureKind:
    answer = await answered(url, **options)
    return answer.kind if isinstance(answer, DeliveryFailed) else answer


async def failure_by_proxy(url: str, **options: Any) -> str:
    """Give the detail of a call that a proxy did not let through, of which nothing was sent."""
    failed = await answered(url, **options)
    assert isinstance(failed, DeliveryFailed)
    assert failed.kind is FailureKind.UNREACHABLE
    return failed.detail


@pytest.fixture
def authority(tmp_path: Path) -> PrivateAuthority:
    return PrivateAuthority(folder=tmp_path)


async def test_http_options_a_private_ca_is_trusted_where_it_is_named_and_nowhere_else(
    authority: PrivateAuthority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = PrivateAuthority(folder=tmp_path / "other")
    own, _ = authority.issue("pinned")
    async with CallbackReceiver(NEW, tls=authority.server()) as receiver:
        assert await outcome(receiver.url, ca_file=authority.ca) == Effect()
        for trusted in ({}, {"ca_file": stranger.ca}, {"ca_file": own}):
            assert await outcome(receiver.url, **trusted) is FailureKind.UNREACHABLE
        assert await outcome(receiver.url, ca_file=tmp_path / "server.pem") == Effect(), "the server's own is enough"
        assert len(receiver.ledger.calls) == 1


@pytest.mark.parametrize("password", ["", PASSWORD])
async def test_http_options_a_server_that_demands_a_certificate_is_shown_ours(
    authority: PrivateAuthority, tmp_path: Path, password: str
) -> None:
    certificate, key = authority.issue("bus", password=password)
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    protected = {"client_key_password": "KEY_PASSWORD"} if password else {}
    async with CallbackReceiver(NEW, tls=authority.server(demands_certificate=True)) as receiver:
        for own in ({"client_certificate": certificate, "client_key": key}, {"client_certificate": both}):
            assert await outcome(receiver.url, ca_file=authority.ca, **own, **protected) == Effect()
        assert isinstance(await outcome(receiver.url, ca_file=authority.ca), FailureKind)
        assert len(receiver.ledger.effects) == 1


async def test_http_options_a_proxy_is_gone_through_with_tls_and_without(authority: PrivateAuthority) -> None:
    certificate, key = authority.issue("bus")
    own = {"ca_file": authority.ca, "client_certificate": certificate, "client_key": key}
    async with (
        CallbackReceiver(NEW, tls=authority.server(demands_certificate=True)) as secure,
        CallbackReceiver(NEW) as plain,
        http_proxy(login=ENVIRONMENT["PROXY_LOGIN"]) as proxy,
    ):
        way = {"proxy": proxy.url, "proxy_login": "PROXY_LOGIN"}
        assert await outcome(secure.url, **own, **way) == Effect()
        assert await outcome(plain.url, **way) == Effect()
        assert proxy.requests == [f"CONNECT {secure.url.split('/')[2]}", f"POST {plain.url}"]
        assert await outcome(secure.url, **own, proxy=proxy.url) is FailureKind.UNREACHABLE
        assert await outcome(plain.url, proxy=proxy.url) is FailureKind.UNAUTHORIZED
        assert [len(one.ledger.effects) for one in (secure, plain)] == [1, 1]


async def test_http_options_a_proxy_may_speak_tls_by_the_same_authority(authority: PrivateAuthority) -> None:
    async with (
        CallbackReceiver(NEW, tls=authority.server()) as receiver,
        http_proxy(tls=authority.server()) as proxy,
    ):
        assert await outcome(receiver.url, ca_file=authority.ca, proxy=proxy.url) == Effect()
        assert await outcome(receiver.url, proxy=proxy.url) is FailureKind.UNREACHABLE
        assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("refuses", "words"),
    [
        ("407 Proxy Authentication Required", "代理要求登录(HTTP 407),请检查选项 proxy_login"),
        ("403 Forbidden 13800001111", "the proxy refuses to connect (HTTP 403): allow address and port there"),
        ("502 Bad Gateway", "代理联系不到对方(HTTP 502)"),
        ("503", "the proxy does not reach it (HTTP 503)"),
    ],
)
async def test_http_options_what_a_proxy_answers_to_connect_is_told_as_its_own(refuses: str, words: str) -> None:
    async with http_proxy(refuses=refuses) as proxy:
        detail = await failure_by_proxy("https://crm.example/x", proxy=proxy.url)
    assert words in detail
    assert "while the proxy (option proxy) connects to it" in detail
    assert "13800001111" not in detail


async def test_http_options_a_proxy_that_is_away_is_named_with_its_option(authority: PrivateAuthority) -> None:
    with socket.socket() as held:  # bound and not listening: nobody else can be there
        held.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{held.getsockname()[1]}"
        for url in ("https://crm.example/x", "http://crm.example/x"):
            assert "连接被拒绝,连接代理(选项 proxy)时" in await failure_by_proxy(url, proxy=away)
    async with http_proxy(tls=authority.server()) as proxy:
        detail = await failure_by_proxy("https://crm.example/x", proxy=proxy.url)
    assert "in the TLS handshake with the proxy (option proxy)" in detail
    async with http_proxy(drops=True) as proxy:
        assert "请代理(选项 proxy)接通对方时" in await failure_by_proxy("https://crm.example/x", proxy=proxy.url)


async def test_http_options_a_login_that_a_proxy_wants_of_a_plain_request_is_told_of_by_every_adapter() -> None:
    account = {"acct_id": "1", "user": "bus", "app_id": "a", "app_secret": "CRM_SECRET", "org": "100", "stock": "CK"}
    secrets = EnvironmentSecrets(environment=ENVIRONMENT, where="targets.erp.options")
    services = TargetServices(name="erp", ticket_at=_ticket_at, now=lambda: datetime.now(UTC))
    async with http_proxy(login=ENVIRONMENT["PROXY_LOGIN"]) as proxy:
        failed = await answered("http://crm.example/x", proxy=proxy.url)
        given = kingdee.ADAPTER.options.model_validate(
            {"base_url": "http://erp.example", **account, "proxy": proxy.url}
        )
        erp = kingdee.ADAPTER.build(given, secrets, services)
        with pytest.raises(DeliveryFailed) as refused:
            await erp.send(replace(call(), event=PARTS))
        await erp.close()
    for one in (failed, refused.value):
        assert isinstance(one, DeliveryFailed)
        assert (one.kind, one.status) == (FailureKind.UNAUTHORIZED, 407)
        assert "请检查选项 proxy_login" in one.detail


async def test_http_options_what_a_proxy_did_not_let_through_was_not_sent(authority: PrivateAuthority) -> None:
    async with CallbackReceiver(NEW, tls=authority.server()) as receiver, http_proxy(drops=True) as proxy:
        assert await outcome(receiver.url, ca_file=authority.ca, proxy=proxy.url) is FailureKind.UNREACHABLE
        assert proxy.requests != []


def _faulty(authority: PrivateAuthority, folder: Path) -> Mapping[str, tuple[dict[str, Any], str]]:
    certificate, key = authority.issue("bus")
    _, other_key = authority.issue("other")
    old, old_key = authority.issue("old", (-9, -1))
    early, early_key = authority.issue("early", (1, 9))
    _, sealed = authority.issue("sealed", password=PASSWORD)
    (folder / "old").mkdir()
    old_ca = PrivateAuthority(folder=folder / "old", days=(-9, -1)).ca
    junk = folder / "junk.p12"
    junk.write_bytes(b"\x30\x82junk")
    own = {"client_certificate": certificate, "client_key": key}
    return {
        "absent": ({"ca_file": folder / "absent.pem"}, "ca_file: .*absent.pem cannot be read: No such file"),
        "a folder": ({"ca_file": folder}, "ca_file: .* cannot be read: Is a directory"),
        "no PEM": ({"ca_file": junk}, "ca_file: .*junk.p12 holds no certificate in PEM"),
        "a key as CA": ({"ca_file": key}, "ca_file: .* holds no certificate in PEM"),
        "old CA": ({"ca_file": old_ca}, "ca_file: its certificate has expired on 20"),
        "old": ({"client_certificate": old, "client_key": old_key}, "client_certificate: its certificate has expired"),
        "early": ({"client_certificate": early, "client_key": early_key}, "client_certificate: .* not valid before 20"),
        "no key": ({"client_certificate": certificate}, "client_certificate: holds no private key in PEM$"),
        "absent key": ({**own, "client_key": folder / "no.key"}, "client_key: .*no.key cannot be read"),
        "other key": ({**own, "client_key": other_key}, "client_key: the key is not that of the client certificate"),
        "sealed key": ({**own, "client_key": sealed}, "client_key: the key is encrypted: .* client_key_password"),
        "open key": ({**own, "client_key_password": "KEY_PASSWORD"}, "client_key: the key has no password"),
        "password": (
            {**own, "client_key": sealed, "client_key_password": "PROXY_LOGIN"},
            "client_key: holds no private key in PEM, or its password is another one",
        ),
        "login": (
            {"proxy": "http://127.0.0.1:9", "proxy_login": "NO_LOGIN"},
            "proxy_login: 环境变量 NO_LOGIN 的内容应为 用户名:密码 / NO_LOGIN is not user:password",
        ),
        "unset": ({"proxy": "http://127.0.0.1:9", "proxy_login": "UNSET_ONE"}, "variable UNSET_ONE is not set"),
    }


def test_http_options_a_file_that_cannot_be_used_is_refused_by_target_and_field(
    authority: PrivateAuthority, tmp_path: Path
) -> None:
    for options, fault in _faulty(authority, tmp_path).values():
        with pytest.raises(ConfigFileInvalid) as refused:
            built("https://127.0.0.1:9", **options)
        text = str(refused.value)
        field, _, words = fault.partition(": ")
        assert re.search(rf"^targets.yaml: targets.crm.options.*{field}.*{words}", text), text
        assert re.search("[\u4e00-\u9fff].* / ", text), "Chinese first"
        assert not [secret for secret in ENVIRONMENT.values() if secret in text]


def test_http_options_a_new_authority_may_stand_beside_its_old_one(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    bundle = tmp_path / "bundle.pem"
    old, new = PrivateAuthority(folder=tmp_path / "old", days=(-9, -1)), PrivateAuthority(folder=tmp_path)
    bundle.write_bytes(old.ca.read_bytes() + new.ca.read_bytes())
    built("https://127.0.0.1:9", ca_file=bundle)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"client_key": "/a.key"}, "client_key stands without client_certificate"),
        ({"proxy_login": "PROXY_LOGIN"}, "proxy_login stands without proxy"),
        ({"ca_file": "ca.pem"}, "ca_file\n.*must be an absolute path"),
        ({"proxy": "http://bus:secret@proxy:3128"}, "proxy\n.*without user and password"),
        ({"proxy": "socks5://proxy:1080"}, "proxy\n.*must be http"),
    ],
)
def test_http_options_halves_and_passwords_are_refused(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault) as refused:
        HttpOptions.model_validate(options)
    assert "secret@" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"proxy": "http://p:1", "proxy_login": "bus:hunter2"}, ".proxy_login: 应写环境变量的名称"),
        ({"secrets": ["whsec_hunter2"]}, ".secrets.0: 应写环境变量的名称"),
        (
            {"client_certificate": "/a.pem", "client_key_password": "hunter2"},
            ".client_key_password: 应写环境变量的名称",
        ),
        ({"client_certificate": "hunter2.pem"}, ".client_certificate: 应为绝对路径"),
        ({"client_key": "/hunter2.key"}, "options: 写了 client_key,也须写 client_certificate"),
        ({"proxy": "http://bus:hunter2@p:1"}, ".proxy: 应为 http:// 或 https:// 开头的网址"),
        ({"url": 7}, ".url: 应为文本"),
        ({"done_when": {"a b": [1]}}, ": 应为应答中的字段名"),
        ({"secrets": []}, ".secrets: 不能为空"),
        ({"hunter": 2}, ".hunter: 没有这个字段"),
    ],
)
def test_http_options_what_is_refused_is_told_in_words_with_its_form(options: dict[str, Any], words: str) -> None:
    faults = list[str]()
    given = {"url": "https://crm.example/x", "secrets": ["CRM_SECRET"], **options}
    assert read_options("crm-callback", given, {"crm-callback": callback.ADAPTER}, faults, "targets.crm") is None
    (fault,) = faults
    assert fault.startswith("targets.crm.options")
    assert words in fault
    assert " / " in fault, "English second"
    assert "pattern" not in fault
    assert "hunter2" not in fault


def test_http_options_every_http_target_has_them(authority: PrivateAuthority) -> None:
    account = {"acct_id": "1", "user": "bus", "app_id": "a", "app_secret": "CRM_SECRET", "org": "100", "stock": "CK"}
    given = kingdee.ADAPTER.options.model_validate(
        {"base_url": "https://127.0.0.1:9", **account, "ca_file": authority.ca}
    )
    secrets = EnvironmentSecrets(environment=ENVIRONMENT, where="targets.erp.options")
    services = TargetServices(name="erp", ticket_at=_ticket_at, now=lambda: datetime.now(UTC))
    kingdee.ADAPTER.build(given, secrets, services)
    wrong = given.model_copy(update={"ca_file": authority.folder / "absent.pem"})
    with pytest.raises(ConfigFileInvalid, match=r"targets\.erp\.options\.ca_file: "):
        kingdee.ADAPTER.build(wrong, secrets, services)
    assert isinstance(given.egress(secrets, datetime.now(UTC)).trust, ssl.SSLContext)
