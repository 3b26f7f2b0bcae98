"""An Alertmanager is sent alerts that end by themselves, known by labels that stay; only HTTP 200 counts as sent."""

import asyncio
import socket
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Any

import httpx2
import orjson
import pytest
from pydantic import ValidationError

from adapters.adapter import ChannelServices, EnvironmentSecrets
from adapters.channels import alertmanager
from adapters.channels.alertmanager import AlertmanagerChannel, AlertmanagerOptions, posted
from bus.alerts.alert import Severity
from bus.alerts.engine.alert_state import Flip
from bus.alerts.engine.channel import RefreshedChannel
from bus.config_file import ConfigFileInvalid
from bus.intake.dispatch import utc_now
from tests.adapters.alert_messages import NOW, message, notice, refusal
from tests.adapters.http_receiver import OK, Receiver

PROGRAM = which("prometheus-alertmanager") or which("alertmanager")
LATER = NOW + timedelta(hours=1)


def test_alertmanager_an_open_alert_ends_in_four_minutes_and_a_closed_one_when_it_closed() -> None:
    opened, closed = posted(notice(), LATER), posted(notice(flip=Flip.CLOSED), LATER)
    assert (opened["startsAt"], opened["endsAt"]) == (NOW, LATER + timedelta(minutes=4))
    assert closed["endsAt"] == NOW
    assert opened["labels"] == closed["labels"]
    assert opened["labels"] == {
        "alertname": "letter", "about": "erp 1", "severity": "critical", "origin": "ticketbus"
    }  # fmt: skip
    assert opened["annotations"]["summary"] == "有死信 / a dead letter: erp 1"


def test_alertmanager_labels_tell_severity_region_and_a_drill() -> None:
    one = notice(severity=Severity.P2)
    there = replace(one, drill=True, alert=replace(one.alert, facts={"region": "上海"}))
    assert {"severity": "warning", "region": "上海", "drill": "true"}.items() <= posted(there, NOW)["labels"].items()


async def test_alertmanager_is_posted_to_and_only_a_200_without_a_page_counts() -> None:
    async with Receiver() as receiver:
        channel = AlertmanagerChannel(f"http://127.0.0.1:{receiver.port}/am/", login="bus:p&ss-word")
        assert isinstance(channel, RefreshedChannel)
        await channel.send(message(notice(), notice(2, flip=Flip.CLOSED)))
        ((headers, body),) = receiver.requests
        assert headers["authorization"] == f"Basic {b64encode(b'bus:p&ss-word').decode()}"
        assert receiver.targets == ["/am/api/v2/alerts"]
        assert [one["labels"]["about"] for one in orjson.loads(body)] == ["erp 1", "erp 2"]
        for answer, why in (
            (OK % (13, b"<html>login</"), "HTTP 200"),
            (b"HTTP/1.1 400 X\r\ncontent-length: 17\r\n\r\n" + b'"bad p&ss-word !"', "HTTP 400"),
            (b"HTTP/1.1 202 X\r\ncontent-length: 0\r\n\r\n", "HTTP 202"),
        ):
            receiver.answer = answer
            failed = await refusal(channel, message())
            assert failed.why.startswith(why)
            assert "p&ss-word" not in failed.why
        await channel.close()


async def _listed(url: str) -> list[dict[str, Any]]:
    """List what an Alertmanager holds, once it is there."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        for _ in range(100):
            with suppress(httpx2.TransportError):
                listed: list[dict[str, Any]] = (await http.get(f"{url}/api/v2/alerts")).json()
                return listed
            await asyncio.sleep(0.1)
    raise AssertionError("it does not listen")


@pytest.mark.skipif(PROGRAM is None, reason="Debian's package prometheus-alertmanager is not installed")
async def test_alertmanager_of_its_makers_lists_what_is_open_and_no_more_what_closed(tmp_path: Path) -> None:
    assert PROGRAM is not None
    config = tmp_path / "alertmanager.yml"
    config.write_text("{route: {receiver: none}, receivers: [{name: none}]}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    options = (f"--config.file={config}", f"--storage.path={tmp_path}", "--cluster.listen-address=")
    program = await asyncio.create_subprocess_exec(
        PROGRAM, *options, f"--web.listen-address={url.removeprefix('http://')}", stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert await _listed(url) == []
        now = utc_now()
        channel, one = AlertmanagerChannel(url), replace(notice(), opened_at=now)
        await channel.send(message(one, replace(notice(2), opened_at=now)))
        (first, *_) = listed = await _listed(url)
        assert len(listed) == 2
        assert timedelta(minutes=3) < datetime.fromisoformat(first["endsAt"]) - now < timedelta(minutes=5)
        await channel.send(message(replace(one, flip=Flip.CLOSED, closed_at=utc_now())))
        assert [each["labels"]["about"] for each in await _listed(url)] == ["erp 2"]
        await channel.close()
    finally:
        program.terminate()
        await program.wait()


@pytest.mark.parametrize("options", [{"login_variable": "A_A", "token_variable": "B_B"}, {"url": "x"}, {}])
def test_alertmanager_options_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AlertmanagerOptions(**({"url": "http://am:9093"} if len(options) > 1 else {}), **options)


def test_alertmanager_a_login_without_its_form_is_refused_by_field() -> None:
    secrets = EnvironmentSecrets(environment={"AM_LOGIN": "nobody"}, where="alerts.yaml: channels.am.options")
    options = AlertmanagerOptions(url="http://am:9093", login_variable="AM_LOGIN")
    with pytest.raises(ConfigFileInvalid, match=r"channels\.am\.options\.login_variable: ") as refused:
        alertmanager.ADAPTER.build(options, secrets, ChannelServices(name="am", now=utc_now))
    assert "nobody" not in str(refused.value)
