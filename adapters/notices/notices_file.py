"""The notices file, typed: who is told what, when, by which target and in which words; all faults at once, by line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from adapters.expressions import Expression, Jmes
from adapters.map_faults import fault, reason
from adapters.notices.map_link import Maps
from adapters.notices.quiet_hours import QuietHours
from adapters.notices.wording import Wording, Words, absent
from adapters.time_form import listed
from adapters.yaml_places import place_in
from bus.config_file import EventName, FileModel, SystemName, read_yaml
from bus.domain.naming import did_you_mean, nearest

ROLES: Final = ("handler", "backup", "collaborators", "lead", "customer")
_NOTICES_MAX: Final = 200
_BETWEEN: Final = re.compile(r"[|,;\s]")


def _of_one(given: str) -> str:
    """Take no list of persons, nor WeCom's word for all of a company."""
    if given.startswith("@") or _BETWEEN.search(given):
        raise fault("只写一个人的编号", "the id of one person is meant")
    return given


_OneId = Annotated[str, Field(max_length=64, repr=False), AfterValidator(_of_one)]


class ListedPerson(FileModel):
    """How one person is reached by each channel. `phone` is also how a customer is found here."""

    wecom: _OneId = ""
    dingtalk: _OneId = ""
    wechat: _OneId = ""
    phone: Annotated[str, Field(max_length=32, repr=False)] = ""


class FoundPerson(FileModel):
    """A person whose name in the address book an expression gives."""

    from_: Annotated[Jmes, Field(alias="from")]


class NoticeCard(FileModel):
    """What a card of WeCom or DingTalk says; `fields` are lines with a name. `link: "{map}"` leads to a map."""

    title: Words
    text: Words | None = None
    fields: Annotated[Mapping[str, Words], Field(max_length=6)] = {}
    link: Words | None = None


class WechatTemplate(FileModel):
    """A template of a service account: its values by their names, such as thing2."""

    template_id: Annotated[str, Field(min_length=1, max_length=128)]
    data: Annotated[Mapping[str, Words], Field(min_length=1, max_length=10)]
    link: Words | None = None


class SmsTemplate(FileModel):
    """A template of an SMS service: its variables by their names."""

    template_code: Annotated[str, Field(min_length=1, max_length=64)]
    params: Mapping[str, Words] = {}


class Quiet(FileModel):
    """What becomes of a message in quiet hours."""

    hours: str
    then: Literal["wait", "drop"] = "wait"


Recipient = str | FoundPerson


class NoticeEntry(FileModel):
    """One message: of the first notice that names an event and a target, and whose `when` holds.

    `kind` is what a person may refuse; without it, the notice's template.
    """

    events: Annotated[tuple[EventName, ...], BeforeValidator(listed), Field(min_length=1)]
    when: Jmes | None = None
    to: Annotated[tuple[Recipient, ...], BeforeValidator(listed), Field(min_length=1, max_length=20)]
    by: Annotated[tuple[SystemName, ...], BeforeValidator(listed), Field(min_length=1)]
    quiet: Quiet | None = None
    card: NoticeCard | None = None
    wechat: WechatTemplate | None = None
    sms: SmsTemplate | None = None

    def words(self) -> Iterator[tuple[str, Wording]]:
        """Give every text, with its place."""
        if self.card:
            yield "card.title", self.card.title
            named = {"card.text": self.card.text, "card.link": self.card.link}
            yield from ((place, one) for place, one in named.items() if one)
            yield from ((f"card.fields.{name}", one) for name, one in self.card.fields.items())
        if self.wechat:
            yield from ((f"wechat.data.{name}", one) for name, one in self.wechat.data.items())
            if self.wechat.link:
                yield "wechat.link", self.wechat.link
        if self.sms:
            yield from ((f"sms.params.{name}", one) for name, one in self.sms.params.items())

    @model_validator(mode="after")
    def _says_something_that_exists(self) -> Self:
        if self.card is None and self.wechat is None and self.sms is None:
            raise fault("写 card、wechat 或 sms", "`card`, `wechat` or `sms` is meant")
        expressions = {"when": self.when, **{f"to.{at}": one.from_ for at, one in self._found()}}
        wrong = [
            f"{place}: {why}"
            for place, one in expressions.items()
            if isinstance(one, Expression) and (why := absent(one.text, self.events))
        ]
        wrong += [f"{place}: {why}" for place, one in self.words() if (why := one.wrong(self.events))]
        if self.to != ("customer",):
            wrong += [f"{place}: {_CUSTOMERS}" for place, one in self.words() if one.names("ticket.link")]
        if self.to != ("handler",):
            wrong += [f"{place}: {_HANDLERS}" for place, one in self.words() if one.names("engineer.link")]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _found(self) -> Iterator[tuple[int, FoundPerson]]:
        return ((at, one) for at, one in enumerate(self.to) if isinstance(one, FoundPerson))


class NoticesFile(FileModel):
    """All of it. `people`: the address book, by the names that tickets have. `lead`: who leads, by those names."""

    people: Mapping[str, ListedPerson] = {}
    lead: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    quiet_hours: Mapping[str, QuietHours] = {}
    map: Maps = "amap"
    notices: Annotated[tuple[NoticeEntry, ...], Field(min_length=1, max_length=_NOTICES_MAX)]

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        wrong = [f"lead: {why}" for one in self.lead if (why := _unknown(one, self.people, "people"))]
        wrong += [f"people.{name}: {_NO_NAME}" for name in self.people if name in ROLES]
        for number, notice in enumerate(self.notices):
            for one in notice.to:
                if isinstance(one, str) and (why := _unknown(one, (*ROLES, *self.people), "people")):
                    wrong.append(f"notices.{number}.to: {why}")
            if "lead" in notice.to and not self.lead:
                wrong.append(f"notices.{number}.to: {fault('没有写 lead 是谁', '`lead` says nowhere who that is')}")
            if notice.quiet and (why := _unknown(notice.quiet.hours, self.quiet_hours, "quiet_hours")):
                wrong.append(f"notices.{number}.quiet.hours: {why}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


_CUSTOMERS: Final = fault(
    "ticket.link 只能发给 customer", "ticket.link is for `to: customer` alone: who has it confirms the closure"
)
_HANDLERS: Final = fault(
    "engineer.link 只能发给 handler", "engineer.link is for `to: handler` alone: who has it acts as the handler"
)
_NO_NAME: Final = fault("这是角色,不能作人名", "this is a role, and no name of a person")


def _unknown(name: str, known: Sequence[str] | Mapping[str, Any], where: str) -> str:
    if name in known:
        return ""
    meant = did_you_mean(nearest(name, list(known)))
    return str(fault(f"{where} 中没有“{name}”{meant.zh}", f"{where} has no {name!r}{meant.en}"))


def read_notices(path: Path) -> NoticesFile:
    """Read it. Raises ConfigFileInvalid, which names every fault with its line and place, and no value."""
    return read_yaml(path, NoticesFile, _faults)


def _faults(error: ValidationError, text: str) -> Iterator[str]:
    node = yaml.compose(text, yaml.SafeLoader)
    found = error.errors(include_input=False, include_url=False)
    for one in found:
        within = [other for other in found if other is not one and other["loc"][: len(one["loc"])] == one["loc"]]
        if one["type"] == "too_short" and within:
            continue  # it has items, all of them wrong
        _, mark = place_in(node, one["loc"])
        place = ".".join(map(str, one["loc"])) or "file"
        why = reason(one["type"], one["msg"], one.get("ctx", {}))
        yield f"line {mark.line + 1 if mark else 1}: {place}: {why}"
