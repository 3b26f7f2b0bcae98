"""Chat robots against their simulators: what counts as sent, what stays secret, whom they call, how long they are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.adapter import ChannelServices, EnvironmentSecrets
from adapters.channels import dingtalk_robot, wecom_robot
from adapters.channels.dingtalk_robot import DingtalkRobot
from adapters.channels.hidden_secrets import HiddenSecrets, secrets_of
from adapters.channels.robot_answer import RobotCodes, judge_robot
from adapters.outbound_http import HttpResponse
from adapters.simulators import dingtalk_robot as dingtalk
from adapters.simulators import wecom_robot as wecom
from adapters.simulators.chat_robot import PER_MINUTE, RobotFault
from adapters.simulators.dingtalk_robot import DingtalkRobotSimulator
from bus.alerts.alert import Severity
from bus.alerts.engine.alert_state import Flip
from bus.alerts.engine.channel import NotSent
from bus.config_file import ConfigFileInvalid
from tests.adapters.alert_messages import NOW, message, notice, refusal
from tests.adapters.chat_robots import PEOPLE, Clock, robot

CODES = RobotCodes(throttled=frozenset({45009}), wait_s=60, too_long=frozenset({40058}), throttled_words=("too fast",))
KINDS = pytest.mark.parametrize("kind", ["wecom", "dingtalk"])


@pytest.mark.parametrize(
    "body",
    [
        b'{"errcode":"0"}',
        b'{"errcode":0.0}',
        b'{"errcode":false}',
        b'{"errcode":[0]}',
        b'{"errcode":{}}',
        b'{"errcode":null}',
        b'{"errcode":99999999999999999999}',
        b'{"errcode":"key=1111 13812345678"}',
        b'{"errmsg":"ok"}',
        b'[{"errcode":0}]',
        b'"errcode"',
        b"0",
        b"",
        b'{"errcode":0,"errmsg":"o',
        b"<html>",
    ],
)
def test_robot_anything_but_a_whole_zero_as_errcode_is_not_sent(body: bytes) -> None:
    with pytest.raises(NotSent) as failed:
        judge_robot(HttpResponse(status=200, headers={}, body=body), CODES)
    assert failed.value.why == "HTTP 200, and no errcode in the answer"


def test_robot_a_cut_answer_is_sent_only_if_what_was_read_is_whole() -> None:
    whole = HttpResponse(status=200, headers={}, body=b'{"errcode":0}   ', cut="longer than 16 bytes", longer=True)
    judge_robot(whole, CODES)
    with pytest.raises(NotSent, match="longer than"):
        judge_robot(HttpResponse(status=200, headers={}, body=b'{"errcode":0', cut="longer than 12 bytes"), CODES)
    with pytest.raises(NotSent, match="HTTP 500"):
        judge_robot(HttpResponse(status=500, headers={}, body=b'{"errcode":0}'), CODES)


@pytest.mark.parametrize(
    ("status", "body", "wait_s"),
    [
        (200, b'{"errcode":45009}', 60),
        (200, b'{"errcode":87009,"errmsg":"Send Too Fast"}', 60),
        (429, b"<html>", 60),
        (200, b'{"errcode":-1,"errmsg":"system busy"}', None),
        (200, b'{"errcode":93000}', None),
    ],
)
def test_robot_too_many_messages_is_a_wait_and_busy_is_not(status: int, body: bytes, wait_s: float | None) -> None:
    with pytest.raises(NotSent) as failed:
        judge_robot(HttpResponse(status=status, headers={}, body=body), CODES)
    assert failed.value.retry_after_s == wait_s


@KINDS
async def test_robot_an_answer_that_repeats_the_address_lets_no_secret_out(kind: str) -> None:
    async with robot(kind) as (channel, simulator):
        simulator.fault = RobotFault.ECHO
        why = (await refusal(channel, message())).why
    assert "errcode 40001: no such address: http://127.0.0.1" in why
    assert not [one for one in (wecom.KEY, dingtalk.TOKEN, dingtalk.SECRET, "sign=", "timestamp=") if one in why]


def test_robot_secrets_are_hidden_however_they_are_written_and_before_a_text_is_cut() -> None:
    secrets = HiddenSecrets(*secrets_of("https://x.cn/hook/abcdefghijklmnop1234?key=A%2Bb/c%3D%3D&v=1"), "p&ss word")
    for written in ("A+b/c==", "a+B/C==", "A%2Bb%2Fc%3D%3D", "key=A%2Bb/c%3D%3D&v=1", "p&amp;ss word", "p%26ss+word"):
        assert secrets.without(f"no {written}!") == "no ***!", written
    assert secrets.without("abcdefghijklmnop1234") == "***"
    assert "A+" not in secrets.without("x" * 297 + "A+b/c==")
    assert secrets.without("v1 of 13812345678") == "v1 of 138****5678"
    assert HiddenSecrets().without("as it is") == "as it is"


@KINDS
async def test_robot_people_are_called_for_a_p1_that_is_open_alone(kind: str) -> None:
    async with robot(kind) as (channel, simulator):
        for sent, called in (
            (message(notice()), [*PEOPLE]),
            (message(notice(flip=Flip.ESCALATED)), [*PEOPLE]),
            (message(notice(flip=Flip.CLOSED)), []),
            (message(notice(severity=Severity.P2)), []),
            (message(notice(flip=Flip.CLOSED), notice(2, severity=Severity.P2)), []),
            (message(notice(severity=Severity.P2), notice(2)), [*PEOPLE]),
            (message(notice(severity=Severity.P2, words="<@all> 有死信")), []),
        ):
            await channel.send(sent)
            assert simulator.called == called, sent


@KINDS
@pytest.mark.parametrize("digest", [False, True])
async def test_robot_a_name_from_outside_calls_nobody_and_links_nowhere(kind: str, *, digest: bool) -> None:
    name = "<@all>[更新](https://evil.example)![x](https://evil.example/x.png)<font color='red'>\n【P1】\u202egnp"
    async with robot(kind) as (channel, simulator):
        sent = notice(severity=Severity.P2, about=name, words=name.replace("\n", ""))
        await channel.send(message(*[sent] * (2 if digest else 1)))
        assert simulator.called == []
        _, text = simulator.messages[-1]
        assert "<" not in text
        assert "](" not in text
        assert "\u202e" not in text
        assert "all>[更新] (https://evil.example)" in text
        assert not [line for line in text.splitlines() if line.startswith("【P1】")]


@KINDS
async def test_robot_whatever_is_in_a_message_it_is_never_too_long(kind: str) -> None:
    async with robot(kind) as (channel, simulator):
        for number, words in enumerate(('"\\\n' * 10_000, "死" * 10_000, "\0🐟" * 9_000)):
            await channel.send(message(notice(number, words=words)))
            await channel.send(message(*(notice(n, words=words) for n in range(1_000))))
        assert len(simulator.messages) == 6


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1), st.integers(1, 4), st.booleans())
def test_robot_a_dingtalk_request_is_cut_to_its_limit_with_its_escapes(words: str, count: int, digest: bool) -> None:
    made = DingtalkRobot("http://x?access_token=1", "SEC", mentions=PEOPLE)
    long = message(*(notice(n, words=words * 3_000) for n in range(count * 300 if digest else 1)))
    content = made._content(long, dingtalk_robot.REQUEST_BYTES_MAX)
    assert len(content) <= dingtalk_robot.REQUEST_BYTES_MAX
    assert digest or len(words) < 10 or len(content) > dingtalk_robot.REQUEST_BYTES_MAX - 20, "no more is cut"


@KINDS
async def test_robot_a_limit_that_has_become_lower_is_met_with_half_the_length(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wecom, "MARKDOWN_BYTES_MAX", 3_000)
    monkeypatch.setattr(dingtalk, "REQUEST_BYTES_MAX", 15_000)
    async with robot(kind) as (channel, simulator):
        await channel.send(message(notice(words="死" * 10_000)))
        assert (simulator.calls, len(simulator.messages)) == (2, 1)


async def test_robot_a_dingtalk_robot_is_locked_for_ten_minutes_by_one_message_too_many() -> None:
    clock = Clock()
    async with robot("dingtalk", clock) as (channel, simulator):
        for _ in range(PER_MINUTE):
            await channel.send(message())
        failed = await refusal(channel, message())
        assert failed.retry_after_s == 600
        assert "errcode 130101" in failed.why
        clock.now_s += 599
        await refusal(channel, message())
        clock.now_s += 600
        await channel.send(message())
        assert simulator.locked == 2


async def test_robot_dingtalk_takes_no_message_of_another_secret() -> None:
    async with robot("dingtalk") as (_, simulator):
        assert isinstance(simulator, DingtalkRobotSimulator)
        other = DingtalkRobot(simulator.url, "SECother")
        assert "errcode 310000" in (await refusal(other, message())).why
        await other.close()


@pytest.mark.parametrize(
    "url", ["x", "ftp://x/?key=1", "https:///?key=1", "https://x/?key=", "https://[x?key=1", "https://x/?monkey=1"]
)
def test_robot_an_address_without_a_key_is_refused_by_file_and_field_and_not_shown(url: str) -> None:
    secrets = EnvironmentSecrets(environment={"ROBOT": url}, where="alerts.yaml: channels.sre.options")
    options = wecom_robot.WecomRobotOptions(url_variable="ROBOT")
    with pytest.raises(ConfigFileInvalid) as refused:
        wecom_robot.ADAPTER.build(options, secrets, ChannelServices(name="sre", now=lambda: NOW))
    assert str(refused.value).startswith("alerts.yaml: channels.sre.options.url_variable: ")
    assert f"{url} " not in str(refused.value)
