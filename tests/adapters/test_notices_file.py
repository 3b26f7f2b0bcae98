"""The notices file: every fault at once with its line, the right notice, its people, its words and its hours."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from adapters.mapping.event_document import document_of
from adapters.notices import wecom_app
from adapters.notices.map_link import map_link
from adapters.notices.message import NoticeSecrets, message_of, notice_of
from adapters.notices.notices_file import NoticesFile, read_notices
from adapters.notices.quiet_hours import QuietHours
from adapters.notices.served import refuse_unserved
from adapters.notices.wording import Wording
from adapters.simulators.wecom_app import WecomAppSimulator
from bus.config_file import ConfigFileInvalid
from bus.delivery.target import DeliveryFailed, DeliveryPostponed, FailureKind
from bus.domain.events import EngineerArrived, TicketAssigned
from bus.domain.values import Assignee
from tests.adapters.notice_calls import ASSIGNED, CARD, Clock, call, notice, notices, ticket_of, writing, written

WRONG = """\
people:
  张伟: {wecom: zhangwei, fax: "1"}
quiet_hours:
  night: {from: 22:00, until: "7:3"}
notices:
  - events: [TicketAssigned, EngineerArrived]
    to: [张伟伟, lead]
    by: wecom
    quiet: {hours: nigt}
    card: {title: "{event.place} {ticket.titel} {evnt.x}"}
  - events: TicketAsigned
    to: handler
    by: wecom
    card: {title: "{"}
  - events: TicketAssigned
    when: "a b"
    to: handler
    by: wecom
"""


def test_notices_file_tells_every_fault_with_its_line_and_no_value(tmp_path: Path) -> None:
    path = tmp_path / "notices.yaml"
    path.write_text(WRONG, encoding="utf-8")
    with pytest.raises(ConfigFileInvalid) as wrong:
        read_notices(path)
    text = str(wrong.value)
    for told in (
        "line 2: people.张伟.fax",
        "line 4: quiet_hours.night.until",
        "TicketAssigned has no place",
        "ticket has no titel",
        "there is no evnt",
        "line 11: notices.1.events",
        "did you mean 'TicketAssigned'",
        "line 14: notices.1.card.title",
        "line 16: notices.2.when",
    ):
        assert told in text, text
    assert "zhangwei" not in text
    assert "at least 1 item" not in text


async def test_notices_file_the_link_to_the_customers_page_is_for_the_customer_alone_r16() -> None:
    sms = {"template_code": "S", "params": {"page": "{ticket.link}"}}
    for others in ("handler", ["customer", "handler"]):
        with pytest.raises(ValidationError, match=r"sms\.params\.page: .*`to: customer` alone"):
            NoticesFile.model_validate(notices(notice(others, sms=sms)))
    file, document = NoticesFile.model_validate(notices(notice("customer", sms=sms))), await _document()
    given = NoticeSecrets(page="https://t.example/t/T1.0.x")
    assert message_of(file, file.notices[0], "sms", document, given).values == {"page": "https://t.example/t/T1.0.x"}
    assert message_of(file, file.notices[0], "sms", document).values == {"page": "—"}
    assert "t.example" not in repr(given)


@pytest.mark.parametrize("several", ["zhangwei|chenjing", "manager7,manager8", "@all", "a b"])
def test_notices_file_an_id_is_of_one_person(tmp_path: Path, several: str) -> None:
    path = tmp_path / "notices.yaml"
    people = {"张伟": {"wecom": several, "dingtalk": several, "wechat": several}}
    path.write_text(yaml.safe_dump({**notices(notice("handler", card=CARD)), "people": people, "lead": []}))
    with pytest.raises(ConfigFileInvalid) as wrong:
        read_notices(path)
    assert str(wrong.value).count("the id of one person is meant") == 3
    assert several not in str(wrong.value)


def test_notices_file_a_notice_that_no_target_sends_is_refused() -> None:
    file = notices(
        notice("handler", card=CARD),
        {**notice("handler", card=CARD), "by": ["it", "wecmo", "wechat"]},
        {**notice("handler", card=CARD), "by": "other", "events": ["TicketAssigned", "EngineerArrived"]},
    )
    secret = {"corp_id": "ww1", "agent_id": 1, "secret": "SECRET"}
    options = wecom_app.WecomAppOptions.model_validate({"notices": written(file), **secret})
    assigned = frozenset({"TicketAssigned"})
    with pytest.raises(ConfigFileInvalid) as wrong:
        refuse_unserved({"it": (options, assigned), "wecom": (options, assigned), "erp": (None, assigned)})
    assert "notices.1.by: " in str(wrong.value)
    assert "no target 'wecmo' has this file; did you mean wecom?" in str(wrong.value)
    assert str(wrong.value).count("no target") == 1, "others may be plugged in later"
    both = dict.fromkeys(("it", "wecmo", "other"), (options, assigned))
    with pytest.raises(
        ConfigFileInvalid, match=r"notices\.2\.events: .*other never gets EngineerArrived: its `events`"
    ):
        refuse_unserved(both)
    refuse_unserved({**both, "other": (options, {"TicketAssigned", "EngineerArrived", "NoteAdded"})})


def test_notices_file_names_that_are_nowhere_are_told_with_what_may_be_meant(tmp_path: Path) -> None:
    path = tmp_path / "notices.yaml"
    good = notice(["张卫", "lead"], card={"title": "x"}, quiet={"hours": "nigt"})
    night = {"night": {"from": "22:00", "until": "07:30"}}
    content = {"people": {"张伟": {}, "lead": {}}, "quiet_hours": night, "notices": [good]}
    path.write_text(yaml.safe_dump(content, allow_unicode=True))
    with pytest.raises(ConfigFileInvalid) as wrong:
        read_notices(path)
    for told in ("did you mean 张伟", "says nowhere who that is", "did you mean night", "this is a role"):
        assert told in str(wrong.value), str(wrong.value)


async def test_notices_file_a_target_without_a_notice_or_with_the_wrong_form_is_refused_when_it_is_built() -> None:
    sms = {"template_code": "SMS_1"}
    for file, told in (
        (notices({**notice("handler", card=CARD), "by": "other"}), "no notice is by it"),
        (notices(notice("handler", sms=sms)), "notices.0: .*it wants `card`"),
    ):
        with pytest.raises(ConfigFileInvalid, match=told):
            async with writing(wecom_app.ADAPTER, WecomAppSimulator(), file):
                pass


async def _document(event: Any = ASSIGNED) -> Mapping[str, Any]:
    made = call(event)
    return document_of(made, await ticket_of(made))


@pytest.mark.parametrize(
    ("to", "found", "missing"),
    [
        ("handler", ["zhangwei"], []),
        (["handler", "backup", "lead"], ["zhangwei", "chenjing", "liu"], []),
        (["handler", "张伟"], ["zhangwei"], []),
        (["customer", "handler"], ["zhangwei"], ["customer"]),
        ([{"from": "event.assignee.backup_person"}], ["chenjing"], []),
        ([{"from": "event.[assignee.person, assignee.backup_person]"}], ["zhangwei", "chenjing"], []),
        ([{"from": "event.reason"}], [], ["from"]),
    ],
)
async def test_notices_file_its_people_are_found_in_the_address_book(to: Any, found: Any, missing: Any) -> None:
    file = NoticesFile.model_validate(notices(notice(to, card=CARD)))
    document = await _document()
    named = notice_of(file, "it", document)
    assert named is not None
    message = message_of(file, named, "wecom", document)
    assert (message.addresses, message.missing) == (found, missing)


async def test_notices_file_a_customer_is_found_by_phone_however_it_is_spelled() -> None:
    wechat = {"template_id": "T", "data": {"thing1": "x"}}
    file = NoticesFile.model_validate(notices(notice("customer", wechat=wechat, sms={"template_code": "S"})))
    document = await _document()
    assert message_of(file, file.notices[0], "wechat", document).addresses == ["oLiNvShi"]
    assert message_of(file, file.notices[0], "sms", document).addresses == ["13800001111"]


async def test_notices_file_the_first_notice_whose_condition_holds_is_taken() -> None:
    some = [
        notice("handler", card=CARD, when="ticket.region == '华北'"),
        {**notice("handler", card=CARD), "by": ["other"]},
        notice("handler", card={"title": "的"}, when="ticket.region == '华东'"),
    ]
    file = NoticesFile.model_validate(notices(*some))
    assert notice_of(file, "it", await _document()) is file.notices[2]
    assert notice_of(file, "it", await _document(EngineerArrived(place=""))) is None


async def test_notices_file_words_are_written_for_people() -> None:
    document = await _document()
    words = Wording("{ticket_id}\n{occurred_at} {event.reason}{event.assignee.person} {length(ticket.title)}")
    assert words.write(document) == "T20261122-000001 11-22 09:32 —张伟 7"


@pytest.mark.parametrize(
    ("place", "address", "maps", "link"),
    [
        ("31.2304,121.4737", "", "amap", "https://uri.amap.com/marker?position=121.4737,31.2304&name="),
        ("121.4737,31.2304", "x", "tencent", "https://apis.map.qq.com/uri/v1/marker?marker=coord:31.2304,121.4737;"),
        ("门口", "上海市 南京路1号", "amap", "https://uri.amap.com/search?keyword=%E4%B8%8A%E6%B5%B7%E5%B8%82%20"),
        ("门口", "", "tencent", "https://apis.map.qq.com/uri/v1/search?keyword=%E9%97%A8%E5%8F%A3&"),
        ("", "", "amap", ""),
    ],
)
def test_notices_file_a_map_shows_the_place_or_finds_the_address(
    place: str, address: str, maps: Any, link: str
) -> None:
    document = {"event": {"place": place}, "ticket": {"ticket_id": "T1", "customer": {"address": address}}}
    found = map_link(document, maps)
    assert found.startswith(link)
    assert bool(found) == bool(link)


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-11-22T13:59:59+00:00", None),
        ("2026-11-22T14:00:00+00:00", "2026-11-22T23:30:00+00:00"),
        ("2026-11-22T17:00:00+00:00", "2026-11-22T23:30:00+00:00"),
        ("2026-11-22T23:29:59+00:00", "2026-11-22T23:30:00+00:00"),
        ("2026-11-22T23:30:00+00:00", None),
    ],
)
def test_notices_file_quiet_hours_go_over_midnight_by_their_zone(at: str, end: str | None) -> None:
    hours = QuietHours.model_validate({"from": "22:00", "until": "07:30"})
    assert hours.end_at(datetime.fromisoformat(at)) == (datetime.fromisoformat(end) if end else None)
    noon = QuietHours.model_validate({"from": "12:00", "until": "13:30", "zone": "UTC"})
    assert noon.end_at(datetime(2026, 11, 22, 12, 30, tzinfo=UTC)) == datetime(2026, 11, 22, 13, 30, tzinfo=UTC)
    assert noon.end_at(datetime(2026, 11, 22, 13, 30, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("until", "at", "end"),
    [
        ("01:30", "2026-11-01T05:10:00+00:00", "2026-11-01T05:30:00+00:00"),
        ("01:30", "2026-11-01T05:40:00+00:00", None),
        ("01:30", "2026-11-01T06:10:00+00:00", "2026-11-01T06:30:00+00:00"),  # 01:10, for the second time
        ("02:30", "2026-03-08T06:50:00+00:00", "2026-03-08T07:30:00+00:00"),  # there is no 02:30 in that night
        ("07:30", "2026-11-01T04:00:00+00:00", "2026-11-01T12:30:00+00:00"),
    ],
)
def test_notices_file_quiet_hours_end_later_than_now_where_clocks_change(until: str, at: str, end: str | None) -> None:
    hours = QuietHours.model_validate({"from": "22:00", "until": until, "zone": "America/New_York"})
    found = hours.end_at(datetime.fromisoformat(at))
    assert (found and found.astimezone(UTC)) == (datetime.fromisoformat(end) if end else None)


async def test_notices_file_a_message_in_quiet_hours_waits_or_is_dropped_and_nobody_to_tell_is_said() -> None:
    wecom, now = WecomAppSimulator(), Clock(datetime(2026, 11, 22, 15, 0, tzinfo=UTC))
    night = {"night": {"from": "22:00", "until": "07:30"}}
    async with wecom.serving():
        for then in ("wait", "drop"):
            file = notices(notice("handler", card=CARD, quiet={"hours": "night", "then": then}), quiet_hours=night)
            async with writing(wecom_app.ADAPTER, wecom, file, now=now) as target:
                if then == "drop":
                    assert "not sent in quiet hours" in (await target.send(call())).discarded
                    continue
                with pytest.raises(DeliveryPostponed) as later:
                    await target.send(call())
                assert later.value.until == datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
        stranger = TicketAssigned(assignee=Assignee(person="王五"), previous_person="", reason="")
        async with writing(wecom_app.ADAPTER, wecom, notices(notice("handler", card=CARD)), now=now) as target:
            assert "nobody to tell: handler" in (await target.send(call(stranger))).discarded
            assert (await target.send(call(EngineerArrived(place="")))).discarded == ""
    assert wecom.calls == []


async def test_notices_file_an_expression_that_does_not_fit_is_untranslatable() -> None:
    wecom = WecomAppSimulator()
    file = notices(notice("handler", card={"title": "{join('', event.assignee.person)}"}))
    async with wecom.serving(), writing(wecom_app.ADAPTER, wecom, file) as target:
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call())
    assert failed.value.kind is FailureKind.UNTRANSLATABLE


async def test_notices_file_the_link_of_an_engineers_page_goes_to_the_handler_alone_r18() -> None:
    words = {"template_code": "SMS_1", "params": {"link": "{engineer.link}"}}
    document = await _document()
    file = NoticesFile.model_validate(notices(notice("handler", sms=words)))
    message = message_of(file, file.notices[0], "sms", document, NoticeSecrets(engineer="https://t/e/x"))
    assert message.values == {"link": "https://t/e/x"}
    hidden = words | {"params": {"link": "{join('', [engineer.link])}"}}
    for to, sms in (("customer", words), (["handler", "backup"], words), ("lead", hidden)):
        with pytest.raises(ValidationError, match="to: handler"):
            NoticesFile.model_validate(notices(notice(to, sms=sms)))
    with pytest.raises(ValidationError, match="engineer has link"):
        NoticesFile.model_validate(notices(notice("handler", sms=words | {"params": {"x": "{engineer.name}"}})))
