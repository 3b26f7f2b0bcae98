"""What answers of SAP's OData v2 are read as, in the forms that its versions and what stands before them give them."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sap.answers import (
    MaterialDocument,
    SapMeaning,
    SapMessages,
    first_of,
    read_documents,
    read_error,
    read_header,
    read_posted,
)
from adapters.sap.words import plain_code

GUID = "005056A509B11EE1B9A8FEC11C21D78E"  # some errors of Gateway have such a code
ENTITY = {"MaterialDocument": "4900000001", "MaterialDocumentYear": "2026", "ReferenceDocument": "TBX"}
DOCUMENT = MaterialDocument(number="4900000001", year="2026", reference="TBX")


def error(*details: tuple[str, str], code: str = "MM_IM_ODATA_API_MDOC/014", words: str = "failed") -> bytes:
    """Write the envelope of an error, with what went wrong in its details."""
    listed = [{"code": each, "message": text, "severity": "error"} for each, text in details]
    inner = {"transactionid": "1", "errordetails": listed}
    return orjson.dumps({"error": {"code": code, "message": {"lang": "zh", "value": words}, "innererror": inner}})


def messages(body: bytes) -> SapMessages:
    found = read_error(body)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "body",
    [
        {"d": ENTITY},
        {"d": {"results": ENTITY}},  # python-pyodata #88: entities of some services stand in results
        {"d": {"results": [ENTITY]}},
        {"d": {**ENTITY, "to_MaterialDocumentItem": {"results": []}}},
        {"d": {**ENTITY, "to_MaterialDocumentItem": {"__deferred": {"uri": "x"}}}},
        {"d": {**ENTITY, "MaterialDocument": 4900000001, "MaterialDocumentYear": 2026}},
    ],
)
def test_sap_answers_a_document_is_read_in_any_shape(body: object) -> None:
    for content in (orjson.dumps(body), b"\xef\xbb\xbf" + orjson.dumps(body), json.dumps(body).encode("gb18030")):
        assert read_posted(content) == DOCUMENT


@pytest.mark.parametrize(
    ("own", "number", "year"),
    [
        ({"MaterialDocument": ""}, "", "2026"),
        ({"MaterialDocument": None}, "", "2026"),
        ({"MaterialDocumentYear": "0000"}, "4900000001", ""),
        ({"MaterialDocumentYear": ""}, "4900000001", ""),
        ({"MaterialDocumentYear": None}, "4900000001", ""),
        ({"MaterialDocument": True}, "", "2026"),
    ],
)
def test_sap_answers_a_number_or_a_year_that_is_none_is_empty(own: dict[str, Any], number: str, year: str) -> None:
    found = read_posted(orjson.dumps({"d": {**ENTITY, **own}}))
    assert found is not None
    assert (found.number, found.year) == (number, year)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b"7", b"<html></html>", b"\xff\xfe", b"{", b"[" * 900 + b"]" * 900,
     orjson.dumps({"d": None}), orjson.dumps({"d": {}}), orjson.dumps({"d": "4900000001"}), orjson.dumps(ENTITY),
     orjson.dumps({"value": [ENTITY]}), orjson.dumps({"d": {"results": []}}),
     orjson.dumps({"d": {"results": [ENTITY, ENTITY]}})],
)  # fmt: skip
def test_sap_answers_what_is_no_document_is_none(body: bytes) -> None:
    assert read_posted(body) is None


def test_sap_answers_lists_are_read_in_both_forms_and_not_with_a_row_that_names_no_document() -> None:
    assert read_documents(orjson.dumps({"d": {"results": [ENTITY]}})) == (DOCUMENT,)
    assert read_documents(orjson.dumps({"d": [ENTITY]})) == (DOCUMENT,)
    assert read_documents(orjson.dumps({"d": {"results": []}})) == ()
    for row in ({}, "x", {**ENTITY, "MaterialDocument": ""}, {**ENTITY, "MaterialDocumentYear": "0000"}):
        assert read_documents(orjson.dumps({"d": {"results": [ENTITY, row]}})) is None
    for body in (b"", b"[]", b"{}", orjson.dumps({"d": ENTITY}), orjson.dumps({"d": None})):
        assert read_documents(body) is None


def test_sap_answers_of_several_documents_the_first_that_was_posted_counts() -> None:
    late = MaterialDocument(number="4900000009", year="2026")
    early = MaterialDocument(number="4999999999", year="2025")
    assert first_of((late, early, DOCUMENT)) == early
    assert first_of((late, DOCUMENT)) == DOCUMENT
    assert first_of(()) is None


@pytest.mark.parametrize(
    ("body", "meaning", "code"),
    [
        (error(("M7/053", "Posting only possible in periods")), SapMeaning.REFUSED, "M7/053"),
        (error(code="M7/053", words="Posting only possible"), SapMeaning.REFUSED, "M7/053"),
        (error(("M7/021", "Deficit of SL Unrestricted-use 1 EA : X 1010 0001")), SapMeaning.SHORT, "M7/021"),
        (error(("M7021", "什么")), SapMeaning.SHORT, "M7/021"),
        (error(("ZZ/001", "库存地点 0001 非限制使用库存不足")), SapMeaning.SHORT, "ZZ/001"),
        (error(("M7/021", "Deficit of SL"), ("M3/305", "Material X does not exist")), SapMeaning.REFUSED, "M7/021"),
        (error(("M3/024", "Valuation data for material X is locked by the user Y")), SapMeaning.LOCKED, "M3/024"),
        (error(("M3/024", "")), SapMeaning.LOCKED, "M3/024"),
        (error(("ZZ/001", "物料 X 的评估数据被用户 Y 锁定")), SapMeaning.LOCKED, "ZZ/001"),
        (error(("ZZ/001", "Bewertungsdaten sind durch den Benutzer Y gesperrt")), SapMeaning.LOCKED, "ZZ/001"),
        (error(("ZZ/001", "Material X wird gerade von Benutzer Y bearbeitet")), SapMeaning.LOCKED, "ZZ/001"),
        (error(("ZZ/001", "Order 1 is currently being processed by user Y")), SapMeaning.LOCKED, "ZZ/001"),
        (error(("KI/265", "Cost center 1000/CC1 is locked against direct postings")), SapMeaning.REFUSED, "KI/265"),
        (error(("KI/265", "Die Kostenstelle CC1 ist gesperrt")), SapMeaning.REFUSED, "KI/265"),
        (error(("M3/897", "Material group X is not allowed for plant 1010")), SapMeaning.REFUSED, "M3/897"),
        (error(("M7/120", "You have no authorization for this transaction")), SapMeaning.NOT_ALLOWED, "M7/120"),
        (error(("M7/120", "您没有移动类型 201 的权限")), SapMeaning.NOT_ALLOWED, "M7/120"),
        (error(code="/IWBEP/CM_COS/005", words="outdated"), SapMeaning.OUTDATED, "/IWBEP/CM_COS/005"),
        (error(("ZZ/001", "Lock table overflow")), SapMeaning.LATER, "ZZ/001"),
        (error(code=GUID, words="x"), SapMeaning.REFUSED, GUID),
        (b'{"error": {"code": "M7/053", "message": "a text, as of OData v4"}}', SapMeaning.REFUSED, "M7/053"),
        (b'{"error": {"code": null, "message": {"value": "x"}, "innererror": null}}', SapMeaning.REFUSED, ""),
        (b'<error><code>M7/053</code><message xml:lang="en">x</message></error>', SapMeaning.REFUSED, "M7/053"),
    ],
)  # fmt: skip
def test_sap_answers_an_error_is_classed_by_its_codes_and_words(body: bytes, meaning: SapMeaning, code: str) -> None:
    found = messages(body)
    assert (found.meaning, found.code) == (meaning, code)


def test_sap_answers_all_words_of_an_error_are_told_once() -> None:
    body = error(("M7/053", "closed"), ("M7/053", "closed"), ("M7/999", "too"), words="closed in all")
    assert messages(body).words == "MM_IM_ODATA_API_MDOC/014: closed in all; M7/053: closed; M7/999: too"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"error": {}}', b'{"error": "x"}', b"<html>error</html>", b"[1]"])
def test_sap_answers_what_is_no_error_of_sap_is_none(body: bytes) -> None:
    assert read_error(body) is None


@pytest.mark.parametrize(
    ("header", "failed"),
    [
        ('{"code":"M7/053","message":"x","severity":"error"}', True),
        ('{"code":"M7/053","message":"x","severity":"E"}', True),
        ('{"code":"M7/053","message":"x","severity":"A"}', True),
        ('{"severity":"info","details":[{"code":"M7/053","message":"x","severity":"error"}]}', True),
        ('[{"code":"M7/053","message":"x","severity":"error"}]', True),
        ('{"code":"M7/053","message":"x","severity":"warning","details":[]}', False),
        ('{"code":"M7/053","message":"error","severity":"info"}', False),
        ('{"code":"M7/053","message":"x"}', False),
    ],
)  # fmt: skip
def test_sap_answers_a_header_tells_of_an_error_by_its_severity(header: str, failed: bool) -> None:
    found = read_header(header)
    assert found is not None
    assert found.failed is failed


@pytest.mark.parametrize(
    "header", ["", "L9/514 Delivery 80000074 created", "{}", "[]", "null", "7", '{"severity": "error"}']
)
def test_sap_answers_a_header_that_says_nothing_is_none(header: str) -> None:
    assert read_header(header) is None


def test_sap_answers_a_delivery_is_seen_in_the_message_or_its_details() -> None:
    own = {"code": "L9/514", "message": "Delivery 80000074 created", "severity": "info"}
    for header in (own, {"code": "M7/060", "message": "x", "severity": "info", "details": [own]}):
        found = read_header(json.dumps(header))
        assert found is not None
        assert (found.delivery_made, found.failed) == (True, False)


def test_sap_answers_codes_of_message_classes_are_spelled_one_way() -> None:
    assert [plain_code(one) for one in ("M7/021", "M7021", "m7/021", " M7/021 ")] == ["M7/021"] * 4
    assert [plain_code(one) for one in ("", "/IWBEP/CM_COS/005", "403")] == ["", "/IWBEP/CM_COS/005", "403"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["E", "error", "2026", "M7/021"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([
                "d", "results", "MaterialDocument", "MaterialDocumentYear", "ReferenceDocument", "error", "code",
                "message", "value", "innererror", "errordetails", "severity", "details",
            ]),
            inner,
            max_size=5,
        )
    ),
)  # fmt: skip


@given(JSON, st.binary(), st.text())
def test_sap_answers_whatever_comes_is_read_without_a_crash(answer: object, raw: bytes, header: str) -> None:
    for body in (json.dumps(answer).encode(), raw):
        read_posted(body)
        read_documents(body)
        for found in (read_error(body), read_header(json.dumps(answer)), read_header(header)):
            if found is not None:
                assert isinstance(found.meaning, SapMeaning)
                assert isinstance(f"{found.code}{found.words}", str)
