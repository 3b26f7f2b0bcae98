"""Mail by SMTP: over TLS from the start, or by STARTTLS, which is then a must."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from time import monotonic
from typing import Annotated, Final, Literal, Self

import structlog
from pydantic import Field, model_validator

from adapters.adapter import ChannelAdapter, ChannelServices, EnvironmentSecrets, Options
from adapters.channels.hidden_secrets import HiddenSecrets
from adapters.http_options import trust_in
from adapters.outbound_http import public_trust
from bus.alerts.engine.channel import ChannelMessage, NotSent
from bus.alerts.engine.wording import body, cut, subject
from bus.config_file import AbsolutePath, VariableName, in_form
from bus.domain.text import Text
from bus.intake.dispatch import utc_now

SEND_S_MAX: Final = 10.0
QUIT_S_MAX: Final = 0.5
SUBJECT_BYTES_MAX: Final = 200
TEXT_BYTES_MAX: Final = 128 * 1024
PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
log = structlog.get_logger()

MailAddress = Annotated[
    str,
    in_form(
        r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}",
        Text("应为邮箱地址,例如 sre@example.com", "must be a mail address, such as sre@example.com"),
    ),
]
HostName = Annotated[
    str,
    in_form(r"[A-Za-z0-9.:-]{1,253}", Text("应为主机名或 IP 地址", "must be the name or IP address of a host")),
]


class MailOptions(Options):
    """The mail server, and who writes to whom. `password_variable` names the variable of the password of `user`.

    `security`: TLS from the start, STARTTLS, or none, which takes no password. `port`: without it 465, 587, 25.
    """

    host: HostName
    port: int | None = Field(None, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: AbsolutePath | None = None
    user: str | None = None
    password_variable: VariableName | None = None
    sender: MailAddress
    recipients: Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _login_is_whole_and_secured(self) -> Self:
        if (self.user is None) != (self.password_variable is None):
            raise ValueError(str(Text("user 与 password_variable 须同时写", "user and password_variable go together")))
        if self.security == "none" and (self.user or self.ca_file):
            words = Text("security 为 none 时不可写 user 和 ca_file", "with security none there is no user, no ca_file")
            raise ValueError(str(words))
        return self


class MailChannel:
    """Sends each message as a mail to all recipients."""

    def __init__(
        self,
        options: MailOptions,
        *,
        password: str = "",
        trust: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Open nothing yet. `trust` is None without TLS."""
        self._options, self._password, self._trust, self._now = options, password, trust, now
        # A server's refusal repeats addresses.
        self._secrets = HiddenSecrets(password, *options.recipients, *([options.user] if options.user else []))

    async def send(self, message: ChannelMessage) -> None:
        """Send within 10 s. Raises NotSent. Taken by the server for one recipient counts as sent; others are logged."""
        session = _Session(self._options, self._password, self._trust)
        mail = self._mail(message)
        with self._secrets.hidden():
            try:
                async with asyncio.timeout(SEND_S_MAX):
                    refused = await asyncio.to_thread(session.send, mail)
            except TimeoutError:
                words = Text(f"{SEND_S_MAX:g} 秒内没有应答", f"no answer within {SEND_S_MAX:g} s")
                raise NotSent(str(words)) from None
            finally:
                session.abandon()  # a thread cannot be cancelled: its socket is
        if refused:
            log.error("mail_recipients_refused", refused=len(refused), codes=sorted({code for code, _ in refused}))

    async def close(self) -> None:
        """There is nothing to close: each mail has a connection of its own."""

    def _mail(self, message: ChannelMessage) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = cut(" ".join(subject(message).split()), SUBJECT_BYTES_MAX)
        mail["From"] = Address("ticketbus", addr_spec=self._options.sender)
        mail["To"] = ", ".join(self._options.recipients)
        mail["Date"] = format_datetime(self._now())
        # The same when it is sent again: a mailbox shows it once.
        mail["Message-ID"] = f"<{message.key}@{self._options.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # nobody's absence answers it
        mail.set_content(body(message, TEXT_BYTES_MAX), cte="base64")
        return mail


class _Session:
    """One connection, used in a thread; each step has what is left of the time."""

    def __init__(self, options: MailOptions, password: str, trust: ssl.SSLContext | None) -> None:
        self._options, self._password, self._trust = options, password, trust
        self._until = monotonic() + SEND_S_MAX - 2 * QUIT_S_MAX
        self._smtp: smtplib.SMTP | None = None
        self._abandoned = False

    def send(self, mail: EmailMessage) -> list[tuple[int, bytes]]:
        """Send, and give how recipients were refused. Raises NotSent."""
        try:
            smtp = self._connected()
            refused = self._step(smtp).send_message(mail)
            with suppress(smtplib.SMTPException, OSError):  # the mail is taken, whatever comes now
                self._step(smtp, QUIT_S_MAX).quit()
            return list(refused.values())
        except smtplib.SMTPRecipientsRefused as error:
            raise NotSent("; ".join(_words(code, text) for code, text in error.recipients.values())) from None
        except smtplib.SMTPResponseException as error:
            raise NotSent(_words(error.smtp_code, error.smtp_error)) from None
        except ssl.SSLCertVerificationError as error:
            raise NotSent(str(Text(f"证书不受信任:{error.verify_message}", f"TLS: {error.verify_message}"))) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise NotSent(f"{type(error).__name__}: {error}") from None
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the connection; the thread's step then fails. Idempotent."""
        self._abandoned = True
        if self._smtp is not None:
            if self._smtp.sock is not None:
                with suppress(OSError):
                    self._smtp.sock.shutdown(socket.SHUT_RDWR)  # wakes who waits on it
            self._smtp.close()

    def _connected(self) -> smtplib.SMTP:
        options = self._options
        port = options.port or PORTS[options.security]
        self._smtp = smtp = (
            smtplib.SMTP_SSL(options.host, port, timeout=self._left_s(), context=self._trust)
            if options.security == "tls"
            else smtplib.SMTP(options.host, port, timeout=self._left_s())
        )
        if options.security == "starttls":
            self._step(smtp).starttls(context=self._trust)
        if options.user:
            self._step(smtp).login(options.user, self._password)
        return smtp

    def _step(self, smtp: smtplib.SMTP, most_s: float = SEND_S_MAX) -> smtplib.SMTP:
        if self._abandoned or smtp.sock is None:
            raise TimeoutError("the time is over")
        smtp.sock.settimeout(min(most_s, self._left_s()))
        return smtp

    def _left_s(self) -> float:
        return max(0.1, self._until - monotonic())


def _words(code: int, text: bytes | str) -> str:
    return f"SMTP {code}: {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"


def _build(options: MailOptions, secrets: EnvironmentSecrets, services: ChannelServices) -> MailChannel:
    trust = None
    if options.security != "none":
        where = f"{secrets.where}.ca_file"
        trust = trust_in(options.ca_file, where, services.now()) if options.ca_file else public_trust()
    named = options.password_variable
    password = secrets.read(named).get_secret_value() if named else ""
    return MailChannel(options, password=password, trust=trust, now=services.now)


ADAPTER: Final = ChannelAdapter(name="mail", options=MailOptions, build=_build)
