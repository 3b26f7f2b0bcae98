"""A draft out of a closed ticket: what it holds, and that it names nobody (R21, R50)."""

from dataclasses import replace

import pytest

from bus.domain.batch import Accepted
from bus.domain.closing_commands import RequestClosure
from bus.domain.collaborator_commands import AddCollaborator
from bus.domain.commands import AddEvidence, AskProgress, Command, Note, Reclassify
from bus.domain.inside_commands import BreachSla, ErasePersonalData
from bus.domain.knowledge import Article
from bus.domain.terms import BUS, ClockName, EvidenceKind, KeyKind
from bus.domain.values import Customer, IncidentKey
from bus.knowledge.drafts import draft_of, phrases, without_names
from tests.domain.given import At, Story
from tests.domain.people import ASSIGN, CLOSED, CONFIRM, HOUR, OPEN, REOPEN, RESOLVE, START
from tests.projections.told import told

CUSTOMER = Customer(name="欧阳云岚", phone="13800004711", address="云栖小区七栋")
WORK = CLOSED[1:-3]


def drafted(*commands: Command) -> Article:
    article = draft_of(told(*commands))
    assert article is not None
    return article


def test_drafts_hold_title_cause_solution_phrases_and_kinds_of_attachments() -> None:
    log = AddEvidence(kind=EvidenceKind.LOG, uri="https://logs.corp/1")
    solved = replace(RESOLVE, summary="主板烧毁,更换主控板。试机正常;更换主控板", root_cause="control_board")
    article = drafted(replace(OPEN, title="  冰箱不制冷 "), *WORK, log, solved, RequestClosure(), CONFIRM)
    assert (article.title, article.type, article.root_cause) == ("冰箱不制冷", OPEN.type, "control_board")
    assert article.solution == "主板烧毁,更换主控板。试机正常;更换主控板"
    assert article.words == ("主板烧毁", "更换主控板", "试机正常")
    assert article.attachments == (EvidenceKind.PHOTO, EvidenceKind.LOG)


def test_drafts_are_of_the_last_solution_and_the_last_type() -> None:
    again = replace(RESOLVE, summary="更换电源", root_cause="power_supply")
    other = Reclassify(type="software_fault", reason="固件")
    article = drafted(*CLOSED, REOPEN, other, *WORK[1:], again, RequestClosure(), CONFIRM)
    assert (article.solution, article.root_cause, article.type) == ("更换电源", "power_supply", "software_fault")


def test_drafts_name_no_customer_no_staff_and_no_phone() -> None:
    summary = (
        "欧阳云岚家中,欧阳女士的母亲(13900001234)说王师傅来过;王师傅已更换主控板,地址云栖小区七栋,"
        "联系13800004711;陈女士签字,云岚姐"
    )
    opening = replace(
        OPEN,
        title="云栖小区七栋欧阳先生冰箱",
        customer=CUSTOMER,
        incident_key=IncidentKey(kind=KeyKind.PHONE, value="+86 138 0000 4711"),
    )
    talk = (Note(text="密码四八二一"), AskProgress(asked_by="诸葛小亮", text="诸葛小亮问"))
    article = drafted(opening, *WORK, *talk, replace(RESOLVE, summary=f"{summary}诸葛小亮"), RequestClosure(), CONFIRM)
    everything = repr(article)
    hidden = (*vars_of(CUSTOMER), "欧阳", "王师傅", "诸葛", "陈女士", "13900001234", ASSIGN.assignee.contact)
    for name in hidden:
        assert name not in everything, name
    assert "更换主控板" in everything
    assert not any("*" in word for word in article.words)


def test_drafts_name_neither_collaborators_nor_who_asked_for_anything() -> None:
    summary = "司徒敬修协作,经办人上官婉秋,审批人Ann Li;更换锂电池,lithium cell,来自crm,由ticketbus派单"
    story = Story()
    story.loaded.people = frozenset({"司徒敬修"})
    part = AddCollaborator(person="司徒敬修", part="制冷回路")
    asked: list[tuple[Command | At, dict[str, str]]] = [
        (OPEN, {}),
        (At(START + HOUR, BreachSla(clock=ClockName.FIRST_RESPONSE)), {"actor": BUS}),
        *((one, {}) for one in (ASSIGN, *WORK[1:], part)),
        (Note(text="已到"), {"actor": "上官婉秋"}),
        (Note(text="同意"), {"actor": "Ann Li"}),
        (Note(text="同步"), {"actor": "crm"}),
        *((one, {}) for one in (replace(RESOLVE, summary=summary), RequestClosure(), CONFIRM)),
    ]
    for command, own in asked:
        assert isinstance(story.when(command, **own).outcome, Accepted), command
    article = draft_of(story.log)
    assert article is not None
    assert article.solution == "***协作,经办人***,审批人***;更换锂电池,lithium cell,来自crm,由ticketbus派单"


def vars_of(customer: Customer) -> tuple[str, str, str]:
    return customer.name, customer.phone, customer.address


def test_drafts_come_of_nothing_without_a_cause_nor_of_a_ticket_whose_personal_data_is_erased() -> None:
    assert draft_of(told(*CLOSED[:-3])) is None
    assert draft_of([]) is None
    events = told(*CLOSED)
    assert draft_of(events) is not None
    assert draft_of([*events, *told(*CLOSED, ErasePersonalData(reason="本人要求"))[len(events) :]]) is None


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("张三更换电容", "***更换电容"),
        ("三月更换", "三月更换"),
        ("张工、张先生、三张", "***、***、三张"),
        ("zhang SAN fixed it", "*** fixed it"),
        ("call 13900001234", "call 139****1234"),
        ("Li说lithium cell,请li来,LI2到", "***说lithium cell,请***来,***2到"),
        ("Élise、Élis、lié、Mali", "Élise、***、lié、Mali"),
        ("Li小龙更换", "***更换"),
    ],
)
def test_drafts_mask_whole_names_and_surnames_with_a_title(text: str, masked: str) -> None:
    assert without_names(text, {"张三", "Zhang San", "Li", "Li小龙", "Élis"}) == masked


def test_drafts_phrases_are_short_distinct_and_few() -> None:
    assert phrases("更换R-410A制冷剂3.5kg,检漏;OK. done\n更换R-410A制冷剂3.5kg") == (
        "更换R-410A制冷剂3.5kg", "检漏", "OK", "done",
    )  # fmt: skip
    assert phrases("a" * 40) == ()
    assert len(phrases(";".join(f"步骤{n}" for n in range(50)))) == 12
