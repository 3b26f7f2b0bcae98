"""A target that writes to people: by the notices file, in their hours, to those who want it, through one channel."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from adapters.adapter import EnvironmentSecrets, TargetServices
from adapters.http_options import HttpOptions
from adapters.mapping.event_document import document_of
from adapters.notices.message import HIDDEN, Channel, NoticeMessage, NoticeSecrets, message_of, notice_of, wrong_for
from adapters.notices.notices_file import NoticeEntry, NoticesFile, read_notices
from adapters.outbound_http import Deadline
from bus.config_file import AbsolutePath, ConfigFileInvalid
from bus.delivery.recipients import SendLimit
from bus.delivery.target import Call, DeliveryFailed, DeliveryPostponed, Effect, FailureKind
from bus.domain.errors import MalformedInput
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.observability.masking import MASK

PERSONS_MAX: Final = 100
_NOBODY: Final = Text("无人可通知", "nobody to tell")
_DROPPED: Final = Text("免打扰时段内不发送", "not sent in quiet hours")
_QUIET: Final = Text("免打扰时段", "quiet hours")
_TOO_MANY: Final = Text(f"收件人超过 {PERSONS_MAX} 人", f"it is for more than {PERSONS_MAX} persons")
_FULL: Final = Text("对同一人的发送已达上限", "as many messages to one person as may be")
_TOO_LATE: Final = Text(
    "上次发送结果未知,现已过去重时限:可能已送达,retry 会再发一次",
    "it may have been sent, and the time is over in which a repeat is dropped: a retry sends it once more",
)
REFUSED: Final = Text("收件人拒收此类消息", "refused by the person")


class NoticeOptions(HttpOptions):
    """`notices` is the path of the notices file, the same for every channel."""

    notices: AbsolutePath


class RefusedByPerson(DeliveryFailed):
    """The person wants no messages of this kind, with the other side's code for it."""


class NoticeChannel(Protocol):
    """A way to write to people. `limits`: what the other side lets one person have, and drops in silence beyond it."""

    channel: Channel
    limits: Sequence[SendLimit]

    async def send(self, call: Call, message: NoticeMessage, deadline: Deadline) -> str:
        """Send it, and give its number there. Raises DeliveryFailed, RefusedByPerson, DeliveryPostponed."""
        ...

    def repeats_until(self, since: datetime) -> datetime:
        """Give until when the other side drops a repeat of what it has had `since` then; since then: it never does."""
        ...

    def shown(self, message: NoticeMessage) -> str:
        """Write it for people, without any secret."""
        ...

    async def probe(self, within_s: float) -> None:
        """Ask something that writes to nobody. Raises DeliveryFailed."""

    async def close(self) -> None:
        """Close connections; idempotent."""


class SearchableChannel(NoticeChannel, Protocol):
    """A channel that can be asked for a message that may have been sent, and shows it `lookup_settles_s` later."""

    lookup_settles_s: float

    async def find(self, call: Call, message: NoticeMessage, deadline: Deadline) -> str | None:
        """Give the number of the message; None where it is not there. Raises DeliveryFailed."""
        ...


class NoticeTarget:
    """Writes to the people whom the notices file names. An event that no notice names is done without a call."""

    idempotent = True

    def __init__(self, channel: NoticeChannel, file: NoticesFile, services: TargetServices) -> None:
        """Connect to nothing."""
        self._channel, self._file, self._services = channel, file, services

    async def send(self, call: Call) -> Effect:
        """Write to them. Raises DeliveryFailed, DeliveryPostponed; StoreUnavailable where our own store is away."""
        deadline = Deadline.after(call.within_s)
        ticket = await self._services.ticket_at(call)
        secrets = self._secrets(ticket)
        notice, message = self._message(call, ticket, secrets)
        if notice is None or message is None:
            return Effect()
        if (quiet := self._quiet(notice)) is not None:
            return quiet
        if not message.addresses:
            who = ", ".join(message.missing)
            return Effect(discarded=f"{_NOBODY}: {who} → {self._channel.channel}")
        self._refuse_repeat(call)
        if len(message.addresses) > PERSONS_MAX:
            raise DeliveryFailed(FailureKind.UNTRANSLATABLE, _TOO_MANY)
        wanted = [one for one in message.addresses if not await self._services.recipients.refused(one, message.kind)]
        if not wanted:
            return Effect(reference=str(REFUSED))
        await self._hold_to_limits(call, wanted)
        try:
            return Effect(reference=await self._channel.send(call, replace(message, addresses=wanted), deadline))
        except RefusedByPerson as refused:
            at = self._services.now()
            for one in wanted:
                await self._services.recipients.remember_refusal(one, message.kind, refused.code, at)
            return Effect(reference=str(REFUSED))
        except DeliveryFailed as failure:
            for one in (*wanted, *secrets.values()):
                failure.message = failure.message.replace(one, MASK)
            raise

    async def confirm(self, call: Call) -> Effect | None:  # noqa: ARG002 - there is no way to ask
        """Find nothing: a repeat is dropped by the other side."""
        return None

    async def probe(self, within_s: float) -> None:
        """Ask the channel something that writes to nobody. Raises DeliveryFailed."""
        await self._channel.probe(within_s)

    def preview(self, call: Call, ticket: Ticket) -> str:
        """Show to whom what would be written, without links and codes; empty for nothing. Raises DeliveryFailed."""
        notice, message = self._message(call, ticket, HIDDEN)
        if notice is None or message is None:
            return ""
        missing = f"\n{_NOBODY}: {', '.join(message.missing)}" if message.missing else ""
        return self._channel.shown(message) + missing

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._channel.close()

    def _secrets(self, ticket: Ticket) -> NoticeSecrets:
        """Make the links to the pages of customer and handler, and those to confirm by, where somebody is asked to."""
        page, engineer = self._services.links.link(ticket), self._services.engineer_links.link(ticket)
        pending, proofs = ticket.closure, self._services.proofs
        if pending is None:
            return NoticeSecrets(page=page, engineer=engineer)
        link, code = proofs.link(ticket.ticket_id, pending), proofs.code(ticket.ticket_id, pending)
        return NoticeSecrets(page=page, closure=link, code=code, engineer=engineer)

    def _message(
        self, call: Call, ticket: Ticket, secrets: NoticeSecrets
    ) -> tuple[NoticeEntry | None, NoticeMessage | None]:
        document = document_of(call, ticket)
        try:
            notice = notice_of(self._file, self._services.name, document)
            message = message_of(self._file, notice, self._channel.channel, document, secrets) if notice else None
        except MalformedInput as error:
            detail = f"{error.code} {error.field}"
            raise DeliveryFailed(FailureKind.UNTRANSLATABLE, detail, message=str(error.text)) from None
        return notice, message

    def _quiet(self, notice: NoticeEntry) -> Effect | None:
        if notice.quiet is None:
            return None
        until = self._file.quiet_hours[notice.quiet.hours].end_at(self._services.now())
        if until is None:
            return None
        if notice.quiet.then == "drop":
            return Effect(discarded=str(_DROPPED))
        raise DeliveryPostponed(until, _QUIET)

    def _refuse_repeat(self, call: Call) -> None:
        """Leave it to people, whether what may have been sent is sent again, once the other side drops no repeat."""
        if not self.idempotent or call.unsure_since is None or call.attempt <= 1:
            return
        sent_at = call.unsure_since - timedelta(seconds=2 * call.within_s)
        if self._services.now() >= self._channel.repeats_until(sent_at):
            raise DeliveryFailed(FailureKind.REJECTED, _TOO_LATE)

    async def _hold_to_limits(self, call: Call, wanted: Sequence[str]) -> None:
        if not self._channel.limits:
            return
        for one in wanted:
            now = self._services.now()
            until = await self._services.recipients.free_at(one, call.key, self._channel.limits, now)
            if until is not None:
                raise DeliveryPostponed(until, _FULL)


class LookedUpNoticeTarget(NoticeTarget):
    """Writes by a channel that sends a repeat again: it is asked before that."""

    idempotent = False

    def __init__(self, channel: SearchableChannel, file: NoticesFile, services: TargetServices) -> None:
        """Connect to nothing."""
        super().__init__(channel, file, services)
        self._searched, self.lookup_settles_s = channel, channel.lookup_settles_s

    async def confirm(self, call: Call) -> Effect | None:
        """Look for the message; None where it is not there. Raises as `send` does."""
        deadline = Deadline.after(call.within_s)
        ticket = await self._services.ticket_at(call)
        _, message = self._message(call, ticket, self._secrets(ticket))
        if message is None or not message.addresses:
            return None
        found = await self._searched.find(call, message, deadline)
        return None if found is None else Effect(reference=found)


def notice_target(
    channel: NoticeChannel, options: NoticeOptions, secrets: EnvironmentSecrets, services: TargetServices
) -> NoticeTarget:
    """Put a target together. Raises ConfigFileInvalid, with every notice that the channel cannot send."""
    return NoticeTarget(channel, notice_file(channel.channel, options, secrets, services), services)


def notice_file(
    channel: Channel, options: NoticeOptions, secrets: EnvironmentSecrets, services: TargetServices
) -> NoticesFile:
    """Read the notices of a target. Raises ConfigFileInvalid, with every notice that the channel cannot send."""
    file = read_notices(options.notices)
    if wrong := wrong_for(file, services.name, channel):
        raise ConfigFileInvalid(f"{secrets.where}.notices: {options.notices}: {'; '.join(wrong)}")
    return file
