"""Mail of alerts to a real mail server: TLS as asked for, Chinese as written, and no secret in any refusal."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import ValidationError

from adapters.adapter import ChannelServices, EnvironmentSecrets
from adapters.channels import mail
from adapters.channels.mail import MailChannel, MailOptions
from bus.config_file import ConfigFileInvalid
from bus.intake.dispatch import utc_now
from tests.adapters.alert_messages import message, notice, refusal
from tests.adapters.certificates import PrivateAuthority

PASSWORD = "p&ss-of-the-robot"
WHO = {"sender": "bus@example.cn", "recipients": ("sre@example.cn", "night@example.cn")}


@dataclass(kw_only=True)
class Mailbox:
    """What a server takes; `answers` by recipient where it refuses one."""

    mails: list[EmailMessage] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    data_answer: str = "250 OK"

    async def handle_RCPT(self, _s: Any, _n: Session, envelope: Envelope, address: str, _o: Any) -> str:  # noqa: N802 - a name of aiosmtpd's
        """Take a recipient or not."""
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - a name of aiosmtpd's
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        read = message_from_bytes(envelope.content, policy=default)
        assert isinstance(read, EmailMessage)
        if self.data_answer.startswith("250"):
            self.mails.append(read)
        return self.data_answer


def logged_in(_s: SMTP, _n: Session, _e: Envelope, _m: str, given: Any) -> AuthResult:
    """Take one user."""
    fits = isinstance(given, LoginPassword) and (given.login, given.password) == (b"bus", PASSWORD.encode())
    return AuthResult(success=fits, handled=False, message=None if fits else "535 bus/p&ss-of-the-robot is wrong")


@asynccontextmanager
async def server(box: Mailbox, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """Let a mail server listen; gives its port."""
    loop = asyncio.get_running_loop()
    made = await loop.create_server(lambda: SMTP(box, loop=loop, **options), "127.0.0.1", 0, ssl=tls)
    async with made:
        yield made.sockets[0].getsockname()[1]


def channel(port: int, *, trust: ssl.SSLContext | None = None, password: str = PASSWORD, **options: Any) -> MailChannel:
    """Make a channel to it."""
    return MailChannel(MailOptions(host="127.0.0.1", port=port, **WHO, **options), password=password, trust=trust)


@pytest.fixture
def authority(tmp_path: Path) -> PrivateAuthority:
    """Give an authority that signs the server's certificate."""
    return PrivateAuthority(folder=tmp_path)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_arrives_in_chinese_over_tls_with_a_login(authority: PrivateAuthority, security: str) -> None:
    context = authority.server()
    secured: dict[str, Any] = {"tls": context}
    if security == "starttls":
        secured = {"tls_context": context, "require_starttls": True}
    # Under TLS from the start the server does not see that it is secured.
    login: dict[str, Any] = {"authenticator": logged_in, "auth_require_tls": security == "starttls"}
    box = Mailbox()
    async with server(box, **secured, **login) as port:
        trust = ssl.create_default_context(cafile=str(authority.ca))
        sending = channel(port, trust=trust, security=security, user="bus", password_variable="MAIL")
        await sending.send(message(notice(words="有死信,联系王芳\n第二行")))
        await sending.send(message(notice(words="有死信,联系王芳\n第二行")))
        wrong = channel(port, trust=trust, security=security, user="bus", password_variable="MAIL", password="no")
        assert "SMTP 535" in (await refusal(wrong, message())).why
    first, again = box.mails
    assert first["Subject"] == "【P1 告警】有死信:erp 1"
    assert first["To"] == "sre@example.cn, night@example.cn"
    assert "有死信,联系王芳\n第二行" in first.get_content().replace("\r\n", "\n")
    assert first["Message-ID"] == again["Message-ID"]


async def test_mail_a_certificate_of_others_or_no_starttls_is_not_sent(authority: PrivateAuthority) -> None:
    box = Mailbox()
    async with server(box, tls_context=authority.server()) as port:
        failed = await refusal(channel(port, trust=ssl.create_default_context(), security="starttls"), message())
        assert failed.why.startswith("证书不受信任:")
    async with server(box) as port:
        failed = await refusal(channel(port, trust=ssl.create_default_context(), security="starttls"), message())
        assert "STARTTLS" in failed.why
    assert not box.mails


async def test_mail_a_refusal_is_not_sent_and_shows_neither_address_nor_password() -> None:
    gone = {one: f"550 <{one}>: no such user" for one in WHO["recipients"]}
    async with server(Mailbox(answers=gone)) as port:
        failed = await refusal(channel(port, security="none"), message())
        assert failed.why == "SMTP 550: <***>: no such user; SMTP 550: <***>: no such user"
    async with server(Mailbox(data_answer=f"451 {PASSWORD} try later")) as port:
        assert (await refusal(channel(port, security="none"), message())).why == "SMTP 451: *** try later"
    assert "ConnectionRefusedError" in (await refusal(channel(port, security="none"), message())).why


async def test_mail_one_wrong_recipient_keeps_it_from_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    box = Mailbox(answers={"night@example.cn": "550 no such user"})
    async with server(box) as port:
        await channel(port, security="none").send(message())
    assert len(box.mails) == 1
    assert "mail_recipients_refused" in capsys.readouterr().out


def answer_slowly(listening: socket.socket) -> None:
    """Answer a byte now and then, for 8 s at most."""
    connection, _ = listening.accept()
    with connection, suppress(OSError):
        connection.sendall(b"220 hello\r\n")
        for _ in range(80):
            connection.sendall(b"2")
            time.sleep(0.1)


def never_answer(listening: socket.socket) -> None:
    """Say hello, and no more."""
    connection, _ = listening.accept()
    with connection:
        connection.sendall(b"220 hello\r\n")
        while connection.recv(1024):
            pass


@pytest.mark.parametrize("served", [never_answer, answer_slowly])
async def test_mail_a_server_without_an_end_is_left_in_time_and_holds_up_no_other(
    served: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "SEND_S_MAX", 1.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(asyncio.to_thread(served, listening))
        began = monotonic()
        failed = await refusal(channel(listening.getsockname()[1], security="none"), message())
        assert "1.5 s" in failed.why or "timed out" in failed.why
        await asyncio.wait_for(serving, 5)
        assert monotonic() - began < 5, "the connection is closed, and what else runs is not held up"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"sender": "王芳"}, "sender"),
        ({"recipients": ()}, "recipients"),
        ({"recipients": ("sre@example.cn\nBcc: x@y.cn",)}, "recipients"),
        ({"user": "bus"}, "password_variable"),
        ({"user": "bus", "password_variable": "hunter2"}, "password_variable"),
        ({"security": "none", "user": "bus", "password_variable": "MAIL"}, "none"),
        ({"security": "ssl"}, "security"),
        ({"host": "a b"}, "host"),
        ({"port": 0}, "port"),
    ],
)
def test_mail_options_that_cannot_be_are_refused_by_their_field(options: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        MailOptions(**{"host": "mail.example.cn", **WHO, **options})


def test_mail_is_built_with_its_own_authority_or_refused_by_field(authority: PrivateAuthority) -> None:
    secrets = EnvironmentSecrets(environment={}, where="alerts.yaml: channels.mail.options")
    services = ChannelServices(name="mail", now=utc_now)
    mail.ADAPTER.build(MailOptions(host="x", ca_file=authority.ca, **WHO), secrets, services)
    with pytest.raises(ConfigFileInvalid, match=r"alerts\.yaml: channels\.mail\.options\.ca_file: "):
        mail.ADAPTER.build(MailOptions(host="x", ca_file=Path("/nowhere"), **WHO), secrets, services)
    with pytest.raises(ConfigFileInvalid, match="MAIL is not set"):
        mail.ADAPTER.build(MailOptions(host="x", user="b", password_variable="MAIL", **WHO), secrets, services)
