"""A ticket has a size, its number is no other name, and evidence leads nobody astray."""

from dataclasses import replace

import pytest

from bus.domain import decide, preconditions
from bus.domain.closing_events import TicketResolved
from bus.domain.commands import AddEvidence, AskProgress, Note
from bus.domain.events import EvidenceAdded, NoteAdded, TicketAssigned
from bus.domain.terms import EvidenceKind
from bus.domain.ticket_keys import is_ticket_number
from tests.domain.given import given
from tests.domain.people import ASSIGN, OPEN, RESOLVE, WORKING


def test_size_and_names_takes_work_and_no_more_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "EVENTS_MAX", 3)
    story = given(OPEN).when(Note(text="一")).then(NoteAdded).when(Note(text="二")).then(NoteAdded)
    says = (
        Note(text="三"),
        AskProgress(asked_by="客户", text="?"),
        AddEvidence(kind=EvidenceKind.PHOTO, uri="https://x/y"),
    )
    for one in (*says, OPEN):
        story.when(one).then_refused("ticket_full")
    story.when(ASSIGN).then(TicketAssigned)
    story.when(Note(text="历史"), historic=True).then(NoteAdded)


@pytest.mark.parametrize(
    "number",
    ["T20261122-000001", " t20261122-123456789012 ", "T2026 1122-000001", "\uff34\uff12\uff10261122\uff0d00000\uff11",
     "T20261122\u2010000001", "T20261122\u2015000001", "T20261122\u2212000001", "T20261122\ufe63000001",
     "T2026\u00ad1122-000001", "T20261122-000001\u3164", "\u042220261122-000001", "T20261122000123", "T2O26ll22-OOOOO1",
     "T20261122-\u0660\u0660\u0660\u0660\u0660\u0661"],
)  # fmt: skip
def test_size_and_names_s_number_is_no_other_ticket_s_name(number: str) -> None:
    key = replace(OPEN.incident_key, value=number)
    customer = replace(OPEN.customer, phone=number)
    for field, opening in (
        ("source_no", replace(OPEN, source_no=number)),
        ("incident_key.value", replace(OPEN, incident_key=key)),
        ("serial", replace(OPEN, serial=number)),
        ("customer.phone", replace(OPEN, customer=customer)),
    ):
        assert given().when(opening).then_refused("like_a_ticket_number").field == field


@pytest.mark.parametrize(
    "uri",
    ["javascript:alert(1)", " JavaScript:x", "java\tscript:x", "data:text/html,x", "file:///etc/passwd", "vbscript:x",
     "http://169.254.169.254/latest", "https://a@169.254.1.1/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/",
     "http://2852039166/", "http://0xa9fea9fe", "http://0251.0376.0251.0376/x", "http://169.254.43518/", "http://1.2.3.999",
     "http://\uff11\uff16\uff19.\uff12\uff15\uff14.169.254/", "http://\u2460\u2465\u2468.254.169.254/",
     "http://169\u3002254\u3002169\u3002254", "//169.254.169.254/x", "http:\\\\169.254.169.254\\x", "http:///169.254.169.254",
     "http:169.254.169.254", "http://%31%36%39.254.169.254/", "http://169.254.169.254.?x", "http://[64:ff9b::a9fe:a9fe]/",
     "http://[2002:a9fe:a9fe::1]/", "http://[fe80::1%25eth0]/", "http://1\u00ad69.254.169.254/", "http://127.1/x",
     "http://100.100.100.200/x",
     "http://loc%61lhost/", "http://metadata.google.internal/", "http://localhost:80/",
     "view-source:x", "ftp://x/y", "a.jpg", "http://",
     "http:///x", "https:// a", "http:// /x", "http://a b/", "https:a", "https:/a", "https:////x", "s3:x", "s3:///k",
     "photo:x", "https://a:99999/x", "https://a:x/", "https://a:" + "9" * 1900, "https://[2001:db8::1]x/y",
     "http://a.example/%zz", "https://a.example/x?y=%", "https://a..b/x", "https://.a/x", "https://@/x",
     "https://a\u200b.cn/x", "https://a.cn/\u200bx",
     "https://a.cn/a b.jpg", "https://a.cn/x\u3000y", "https://a.cn/x\n", "ht\ttps://a.cn/x", "photo://1 2",
     "https://u:p@a.example:443?x", "https://u@a.cn/x", "https://u%3Ap%40a.cn/x", "https://u:p\uff20a.cn/x",
     "s3://k:s@b/x", "s3://b", "s3://b/", "s3://b?x", "s3://b/?x", "oss://b", "OSS://b/"],
)  # fmt: skip
def test_size_and_names_evidence_leads_nobody_astray(uri: str) -> None:
    given(OPEN).when(AddEvidence(kind=EvidenceKind.PHOTO, uri=uri)).then_refused("not_an_address", "uri")


@pytest.mark.parametrize(
    "uri",
    ["https://x/y", "http://10.0.0.5:9000/a.jpg", "s3://b/a.jpg", "oss://b/1.jpg", "photo://1",
     "https://图片.example/照片%201.jpg",
     "https://a:65535/x", "https://a.example:443?x", "https://a.cn/u:p@x",
     "https://[2001:db8::1]:8443/x", "HTTPS://A.CN./x", "s3://b/k",
     "https://a.cn/\u2764\ufe0f.jpg",
     "https://[2001:db8::1]/x", "http://1.2.3.4/x", "https://a.b/c:d@169.254.169.254"],
)  # fmt: skip
def test_size_and_names_evidence_lies_where_a_reader_can_go(uri: str) -> None:
    given(OPEN).when(AddEvidence(kind=EvidenceKind.PHOTO, uri=uri)).then(EvidenceAdded)


def test_size_and_names_of_photos_that_were_taken_before_stop_nobody_from_resolving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo = AddEvidence(kind=EvidenceKind.PHOTO, uri="minio://old/1.jpg")
    with monkeypatch.context() as before:
        before.setattr(preconditions, "may_be_followed", lambda _: True)
        story = given(*WORKING, photo)
    story.when(replace(RESOLVE, photos=("minio://new/2.jpg",))).then_refused("not_an_address", "photos")
    story.when(replace(RESOLVE, photos=("https://x/2.jpg",))).then(TicketResolved)


@pytest.mark.parametrize("name", ["SN-1", "T99999999000123", "T20261122-00012", "13800000000", "TV-20261122-000001"])
def test_size_and_names_of_other_forms_are_names(name: str) -> None:
    assert not is_ticket_number(name)


SIGNED = """
https://b.s3.amazonaws.com/1.jpg?X-Amz-Algorithm=A&X-Amz-Credential=AKIA%2F1&X-Amz-Signature=0f
https://b.s3.amazonaws.com/1.jpg?AWSAccessKeyId=AKIA&Expires=1&Signature=x
https://b.oss-cn-hangzhou.aliyuncs.com/1.jpg?OSSAccessKeyId=L&Expires=1&Signature=x
https://b.oss-cn-hangzhou.aliyuncs.com/1.jpg?x-oss-signature=x
https://b.cos.ap-guangzhou.myqcloud.com/1.jpg?q-sign-algorithm=sha1&q-signature=x&x-cos-security-token=y
https://storage.googleapis.com/b/1.jpg?X-Goog-Signature=x
https://a.blob.core.windows.net/b/1.jpg?sv=1&sig=x
https://x/1.jpg?a=1&access%5Ftoken=x
https://img.example.com/1.jpg?e=1&token=AK:sig=
https://cdn.example.com/1.jpg?auth_key=1700000000-0-0-0f
https://cdn.example.com/1.jpg?sign=0f&t=1
https://cdn.example.com/1.mp4?txSecret=0f&txTime=1
https://x/1.jpg?accessToken=x
"""


@pytest.mark.parametrize("uri", SIGNED.split())
def test_size_and_names_evidence_holds_no_signature(uri: str) -> None:
    given(OPEN).when(AddEvidence(kind=EvidenceKind.PHOTO, uri=uri)).then_refused("signed_address", "uri")
    given(*WORKING).when(replace(RESOLVE, photos=(uri,))).then_refused("signed_address", "photos")


@pytest.mark.parametrize(
    "uri", ["https://x/signature=1.jpg", "https://x/1.jpg?design=2&size=3&tokens=4&signed=1", "s3://b/sig/1.jpg?v=2"]
)
def test_size_and_names_evidence_may_have_a_query(uri: str) -> None:
    given(OPEN).when(AddEvidence(kind=EvidenceKind.PHOTO, uri=uri)).then(EvidenceAdded)
