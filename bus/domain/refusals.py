"""The domain's refusals: the Chinese and English sentence of each code, with what to do."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bus.domain.commands import Command, Request
from bus.domain.errors import CommandRefused
from bus.domain.evidence_uri import SCHEMES
from bus.domain.naming import kebab, nearest
from bus.domain.terms import State, TicketId
from bus.domain.text import Text, visible

ALREADY: Final = "already"


def no_such_ticket(request: Request) -> CommandRefused:
    """Refuse a command for a ticket that is not there."""
    field, value = ("ticket_id", request.ticket_id) if request.ticket_id else ("source_no", request.source_no)
    return CommandRefused(
        "no_such_ticket",
        field,
        f"没有工单“{value}”,请核对单号",
        f"there is no ticket {value!r}; check the number",
    )


def not_yours(ticket_id: TicketId) -> CommandRefused:
    """Refuse a command on a ticket that the sender does not reach."""
    return CommandRefused(
        "not_yours",
        "ticket_id",
        f"工单 {ticket_id} 不在此令牌的范围内",
        f"ticket {ticket_id} is not one that this token reaches",
    )


def other_report(ticket_id: TicketId) -> CommandRefused:
    """Refuse that a past moves a ticket which another report opened: it joined that one, and tells no more of it."""
    return CommandRefused(
        "other_report",
        "source_no",
        f"这个单号的报修已并入工单 {ticket_id},该工单的状态只由它自己的单号决定",
        f"the report with this number joined {ticket_id}, which only rows of its own number move",
        ticket_id=ticket_id,
    )


def not_your_region() -> CommandRefused:
    """Refuse a report that would join a ticket of a region that the sender does not reach; which one is not said."""
    zh, en = (
        "同一事件已有其他区域的工单,请其调度员处理",
        "the incident has a ticket of another region; ask its dispatchers",
    )
    return CommandRefused("not_yours", "incident_key", zh, en)


def not_now(
    ticket_id: TicketId, state: State, command: type[Command], legal: Iterable[type[Command]]
) -> CommandRefused:
    """Refuse a command that the ticket's state does not take, naming those that it takes."""
    names = [kebab(one) for one in legal]
    return CommandRefused(
        "not_now",
        "state",
        f"工单 {ticket_id} 现为“{state.zh}”,不能执行 {kebab(command)};现在可以:{'、'.join(names)}",
        f"ticket {ticket_id} is {state.value} and takes no {kebab(command)} now; it takes {', '.join(names)}",
        ticket_id=ticket_id,
        state=state.value,
        legal=names,
    )


def missing(field: str, action: Text, more: Iterable[str] = ()) -> CommandRefused:
    """Refuse a command that lacks a deliverable of its duty; `more`: what it lacks beside."""
    zh, en = f"缺少“{field}”:{action.zh}", f"{field!r} is missing: {action.en}"
    return CommandRefused("missing", field, zh, en, missing=field, missing_too=[*more])


def not_an_address(field: str) -> CommandRefused:
    """Refuse an address of evidence that nobody may be led to."""
    return CommandRefused(
        "not_an_address",
        field,
        f"证据地址须以 {'、'.join(sorted(SCHEMES))} 开头并写明位置(存储桶须含对象名),"
        "不含空格、用户名和密码,且不能指向本机、链路本地或云元数据地址",
        f"an address of evidence begins with one of {', '.join(sorted(SCHEMES))}, says where (of a bucket with the "
        "object's key), has no blank, user name or password, and is none of the reader's own machine, of its link or "
        "of a cloud's metadata",
    )


def signed_address(field: str) -> CommandRefused:
    """Refuse an address that holds a signature: events are kept for good, and whoever reads it may fetch the object."""
    return CommandRefused(
        "signed_address",
        field,
        "证据地址含签名或令牌,会过期,也不应写入事件:请给出不含签名的地址(如 s3://桶/对象),或先上传 (POST /v1/files)",
        "an address of evidence holds a signature or a token, which ends and belongs into no event: give the address "
        "without it (such as s3://bucket/key), or upload the file first (POST /v1/files)",
    )


def no_such_file(field: str, uri: str) -> CommandRefused:
    """Refuse evidence that names a file of our store which is not there."""
    return CommandRefused(
        "no_such_file",
        field,
        f"没有文件 {uri}：请先上传 (POST /v1/files)，再用回答中的 uri",
        f"there is no file {uri}: upload it first (POST /v1/files) and use the uri of the answer",
    )


def another_file() -> CommandRefused:
    """Refuse evidence whose SHA-256 is not that of the file it names."""
    zh, en = "sha256 与 uri 所指文件不符", "sha256 is not that of the file which uri names"
    return CommandRefused("another_file", "sha256", zh, en)


def no_image(field: str, media_type: str) -> CommandRefused:
    """Refuse a file as a photo that is no image."""
    return CommandRefused(
        "no_image",
        field,
        f"文件不是图片,而是 {media_type}:照片请上传图片;视频、文档、日志用 add-evidence 的 kind",
        f"the file is no image but {media_type}: upload an image, or give the kind of other evidence in add-evidence",
    )


def ticket_full(ticket_id: TicketId, most: int) -> CommandRefused:
    """Refuse to write more on a ticket that has all the events it may have; what works on it is still taken."""
    return CommandRefused(
        "ticket_full",
        "ticket_id",
        f"工单 {ticket_id} 已有 {most} 条记录,不再接受备注、证据、催问和合并报修;处理与关闭不受影响",
        f"ticket {ticket_id} has {most} events and takes no more notes, evidence, questions or reports; working on it "
        "and closing it go on",
        ticket_id=ticket_id,
    )


def personal_data_erased(ticket_id: TicketId, field: str) -> CommandRefused:
    """Refuse to write of a customer on a ticket whose personal data was erased."""
    return CommandRefused(
        "personal_data_erased",
        field,
        f"工单 {ticket_id} 的个人信息已按要求删除,不能再写入“{field}”;有新情况请新开工单",
        f"the personal data of {ticket_id} was erased on request, and it takes no {field}; open a new ticket for news",
        ticket_id=ticket_id,
    )


def like_a_ticket_number(field: str) -> CommandRefused:
    """Refuse a name of a ticket that another one's number could be taken for."""
    return CommandRefused(
        "like_a_ticket_number",
        field,
        f"“{field}”不能是总线工单号的形式:查询会找到别的工单",
        f"{field} has the form of a ticket number of the bus, and would be found in place of that ticket",
    )


def no_key(value: str) -> CommandRefused:
    """Refuse what stands for an incident key and is none: strangers with it would become one ticket."""
    return CommandRefused(
        "no_key",
        "incident_key.value",
        f"“{visible(value)}”不是事件唯一标识:请填写设备序列号、订单号或报修人电话(至少 5 位数字,不能有 * 号,"
        "也不能是 12345、11111 一类的顺号或重号)",
        f"{value!r} is no incident key; give the device's serial, the order's number or the reporter's phone "
        "(at least 5 digits, none of them hidden, that do not only count up or repeat, as 12345 and 11111 do)",
    )


def not_historic(field: str) -> CommandRefused:
    """Refuse a waiver or an implied step outside an imported history."""
    return CommandRefused(
        "not_historic", field, "只有历史导入可以免除交付物或补步骤", "only an imported history may waive or imply"
    )


def unknown_word(field: str, word: str, legal: Iterable[str]) -> CommandRefused:
    """Refuse a word out of a closed list, naming the nearest legal one."""
    words = list(legal)
    close = nearest(word, words)
    zh, en = (f";最接近的是“{close}”", f"; the nearest is {close!r}") if close else ("", "")
    return CommandRefused(
        "unknown_word",
        field,
        f"“{field}”不认识“{word}”{zh};{'可用:' + '、'.join(words) if words else '此处没有可用的'}",
        f"{field} does not know {word!r}{en}; {'use one of ' + ', '.join(words) if words else 'there is none here'}",
        nearest=close,
    )


def out_of_range(field: str, zh: str, en: str) -> CommandRefused:
    """Refuse a value that breaks a bound."""
    return CommandRefused("out_of_range", field, zh, en)


def after_at(field: str, at: datetime, happened_at: datetime) -> CommandRefused:
    """Refuse what is said to have happened after it was reported."""
    return CommandRefused(
        "after_at",
        field,
        f"{field} {at.isoformat()} 晚于 at {happened_at.isoformat()}:报修时间不能晚于上报时间",
        f"{field} {at.isoformat()} is later than at, {happened_at.isoformat()}: a report follows what it reports",
    )


def not_a_sha256(field: str) -> CommandRefused:
    """Refuse a digest that is none."""
    zh, en = (
        "须为 64 位十六进制的 SHA-256,不知道时留空",
        "is a SHA-256 of 64 hex digits, or empty where it is not known",
    )
    return CommandRefused("not_a_sha256", field, f"{field} {zh}", f"{field} {en}")


def in_future(field: str, at: datetime, skew: timedelta) -> CommandRefused:
    """Refuse what claims to have happened later than now."""
    return CommandRefused(
        "in_future",
        field,
        f"发生时间 {at.isoformat()} 晚于现在,请校准时钟(允许 {skew})",
        f"{at.isoformat()} lies in the future; set the source's clock (tolerance {skew})",
    )


def too_late(field: str, at: datetime, limit: timedelta) -> CommandRefused:
    """Refuse news of a live ticket that is older than any outage or offline phone explains."""
    return CommandRefused(
        "too_late",
        field,
        f"发生时间 {at.isoformat()} 早于允许的 {limit.days} 天;历史数据请用历史导入",
        f"{at.isoformat()} is more than {limit.days} days ago; bring a past with the history import",
    )


def no_person(field: str, name: str) -> CommandRefused:
    """Refuse an assignment to a group of people (R6)."""
    return CommandRefused(
        "no_person",
        field,
        f"“{name}”不是具体的人:请指派到人,并留另一位备份联系人",
        f"{name!r} is no single person: name one, and another one as backup",
    )


def no_contact(field: str, text: str) -> CommandRefused:
    """Refuse a contact by which nobody can be reached."""
    return CommandRefused(
        "no_contact",
        field,
        f"“{visible(text)}”不是联系方式:请写电话、邮箱,或写明软件的账号,如 微信:wang_01",
        f"{text!r} reaches nobody: give a phone, a mail address, or an account with its service, as wecom:wang_01",
    )


def handed_over(person: str) -> CommandRefused:
    """Refuse an assignment whose sender takes somebody else for the handler: another one has assigned it meanwhile."""
    return CommandRefused(
        "handed_over",
        "handler",
        f"处理人已变为“{person or '无人'}”:仍要指派,请再提交一次",
        f"the ticket went to {person or 'nobody'!r} meanwhile; send it again to assign it all the same",
        handler=person,
    )


def own_backup(field: str, name: str) -> CommandRefused:
    """Refuse that a person is their own backup (R6): nobody would stand in."""
    return CommandRefused(
        "no_person",
        field,
        f"“{name}”不能给自己备份:备份人须是另一个人",
        f"{name!r} cannot stand in for themselves: name somebody else as backup",
    )


def key_reused(request: Request) -> CommandRefused:
    """Refuse a command id that came before with another body."""
    return CommandRefused(
        "idempotency_key_reused",
        request.key_field,
        f"同一 {request.key_field} 不能用于不同内容,请换新的",
        f"this {request.key_field} came before with another body; use a new one",
        command_id=str(request.command_id),
    )


def already(field: str, zh: str, en: str) -> CommandRefused:
    """Refuse what is the case already."""
    return CommandRefused(ALREADY, field, zh, en)
