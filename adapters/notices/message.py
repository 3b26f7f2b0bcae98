"""What is to be said to whom by a channel: of an event by the notices file. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from adapters.mapping.event_rules import takes
from adapters.notices.map_link import map_link
from adapters.notices.notices_file import FoundPerson, ListedPerson, NoticeCard, NoticeEntry, NoticesFile
from adapters.notices.wording import CLOSURE, ENGINEER, LINK, MAP, NOTHING, Wording
from bus.domain.phone_numbers import mobile_number, plain_phone
from bus.observability.masking import MASK

Channel = Literal["wecom", "dingtalk", "wechat", "sms"]
Form = Literal["card", "wechat", "sms"]
FORMS: Final[Mapping[Channel, Form]] = {"wecom": "card", "dingtalk": "card", "wechat": "wechat", "sms": "sms"}
_OF_ONE: Final = ("wechat", "sms")  # channels whose message is for one person


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSecrets:
    """What lets people in: a customer the link to the ticket's page, link and code of a closure, its handler theirs.

    Empty: there is none.
    """

    page: str = field(default="", repr=False)
    closure: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    engineer: str = field(default="", repr=False)

    def values(self) -> Sequence[str]:
        """Give those that there are."""
        return [one for one in (self.page, self.closure, self.code, self.engineer) if one]


NO_SECRETS: Final = NoticeSecrets()
HIDDEN: Final = NoticeSecrets(page=MASK, closure=MASK, code=MASK, engineer=MASK)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledCard:
    """The words of a card. `number` says which event of which ticket it is of: no two cards say the same."""

    title: str
    text: str
    fields: Mapping[str, str]
    link: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeMessage:
    """One message. `addresses` of the channel; `missing`: who of those that it was meant for has none, by role."""

    kind: str
    addresses: Sequence[str] = field(repr=False)
    missing: Sequence[str]
    card: FilledCard | None = field(default=None, repr=False)
    template: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    link: str = field(default="", repr=False)


def notice_of(file: NoticesFile, target: str, document: Mapping[str, Any]) -> NoticeEntry | None:
    """Find the first notice for an event at a target. Raises MalformedInput where `when` does not fit."""
    for one in file.notices:
        if target in one.by and takes(one, document):
            return one
    return None


def message_of(
    file: NoticesFile,
    notice: NoticeEntry,
    channel: Channel,
    document: Mapping[str, Any],
    secrets: NoticeSecrets = NO_SECRETS,
) -> NoticeMessage:
    """Fill a notice's words, and look its people up; `secrets`: links and codes of those written to.

    Raises MalformedInput where an expression does not fit.
    """
    document = {
        **document,
        MAP: map_link(document, file.map),
        CLOSURE: {"link": secrets.closure, "code": secrets.code},
        ENGINEER: {"link": secrets.engineer},
        "ticket": {**document["ticket"], LINK: secrets.page},
    }
    addresses, missing = dict[str, None](), list[str]()
    for one in notice.to:
        role = one if isinstance(one, str) else "from"
        found = [_address(file, channel, person, phone) for person, phone in _persons(file, one, document)]
        addresses |= dict.fromkeys(filter(None, found))
        if not any(found):
            missing.append(role)
    to = NoticeMessage(kind=FORMS[channel], addresses=list(addresses), missing=missing)
    match FORMS[channel]:
        case "card":
            assert notice.card is not None, "a notice of a target has the target's form"
            return replace(to, card=_card(notice.card, document))
        case "wechat":
            assert notice.wechat is not None, "as above"
            template, values = notice.wechat.template_id, _written(notice.wechat.data, document)
            link = _link(notice.wechat.link, document)
            return replace(to, kind=template, template=template, values=values, link=link)
        case "sms":
            assert notice.sms is not None, "as above"
            template, values = notice.sms.template_code, _written(notice.sms.params, document)
            return replace(to, kind=template, template=template, values=values)


def wrong_for(file: NoticesFile, target: str, channel: Channel) -> Sequence[str]:
    """Say which notices of a target lack the channel's form, or are for more persons than its messages go to."""
    wrong = list[str]()
    for number, one in enumerate(file.notices):
        if target not in one.by:
            continue
        if getattr(one, FORMS[channel]) is None:
            wrong.append(f"notices.{number}: {target} 需要 / {target} wants `{FORMS[channel]}`")
        if channel in _OF_ONE and len(one.to) > 1:
            wrong.append(
                f"notices.{number}.to: {target} 的一条消息只发给一人,其他人另设一个目标 / a message of {target} is for "
                "one person: others by a target of their own"
            )
    if not any(target in one.by for one in file.notices):
        wrong.append(f"没有通知由 {target} 发送 / no notice is by {target}")
    return wrong


def _card(card: NoticeCard, document: Mapping[str, Any]) -> FilledCard:
    return FilledCard(
        title=card.title.write(document),
        text=card.text.write(document) if card.text else "",
        fields=_written(card.fields, document),
        link=_link(card.link, document),
        number=f"{document['ticket_id']} #{document['version']}",
    )


def _written(words: Mapping[str, Wording], document: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: one.write(document) for name, one in words.items()}


def _link(words: Wording | None, document: Mapping[str, Any]) -> str:
    text = words.write(document) if words else ""
    return text if text.startswith(("https://", "http://")) else ""


def _persons(file: NoticesFile, recipient: str | FoundPerson, document: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Give the names of a recipient, each with the phone that the ticket has of them."""
    ticket = document["ticket"]
    handler = ticket.get("assignee") or {}
    match recipient:
        case FoundPerson(from_=expression):
            found = expression.read(document)
            return [(str(one), "") for one in (found if isinstance(found, list) else [found]) if one]
        case "handler":
            return [(handler.get("person") or "", handler.get("contact") or "")]
        case "backup":
            return [(handler.get("backup_person") or "", handler.get("backup_contact") or "")]
        case "collaborators":
            return [(one["person"], "") for one in ticket.get("collaborators") or ()]
        case "lead":
            return [(name, "") for name in file.lead]
        case "customer":
            return [("", (ticket.get("customer") or {}).get("phone") or "")]
        case name:
            return [(name, "")]


def _address(file: NoticesFile, channel: Channel, name: str, phone: str) -> str:
    """Give a person's address: by the book, where it has the name, or else the phone; a phone is one by itself."""
    person = file.people.get(name) or _by_phone(file, phone)
    if channel == "sms":
        return mobile_number((person.phone if person else "") or phone)
    return getattr(person, channel) if person else ""


def _by_phone(file: NoticesFile, phone: str) -> ListedPerson | None:
    if not phone or phone == NOTHING:
        return None
    plain = plain_phone(phone)
    return next((one for one in file.people.values() if one.phone and plain_phone(one.phone) == plain), None)
