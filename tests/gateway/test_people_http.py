"""The directory of people over HTTP: kept by leads, read by dispatchers, in clear one by one (R5, R6)."""

import pytest

from tests.gateway.conftest import Gateway

LI = {"role": "engineer", "regions": ["华东"], "skills": {"compressor": 3}, "capacity": 3, "contact": "13800000002",
      "backup": "王师傅"}  # fmt: skip


async def test_people_http_one_is_added_listed_without_contact_shown_left_and_erased(gateway: Gateway) -> None:
    added = await gateway.post("/v1/people/李工", LI, role="lead")
    assert added.status_code == 200, added.text
    (listed,) = (await gateway.get("/v1/people", "dispatcher")).json()["people"]
    assert (listed["person"], listed["skills"], listed["shift"], listed["contact"]) == (
        "李工", {"compressor": 3}, "24x7", "",
    )  # fmt: skip
    assert listed["changed_by"] == "a-lead"
    assert gateway.people.readers == []
    shown = (await gateway.get("/v1/people/李工", "dispatcher")).json()
    assert shown["contact"] == "13800000002"
    assert [one.client for one in gateway.people.readers] == ["a-dispatcher"]
    early = await gateway.post("/v1/people/李工/erase", {"why": "本人要求"}, role="lead")
    assert (early.status_code, early.json()["code"]) == (404, "person_gone")
    left = await gateway.post("/v1/people/李工/leave", {"why": "调岗"}, role="lead")
    assert (left.status_code, left.json()["tickets"], left.json()["handed_to"]) == (200, 0, "")
    erased = await gateway.post("/v1/people/李工/erase", {"why": "本人要求"}, role="lead")
    assert erased.json()["people"][0]["erased_at"] is not None
    for answer in (await gateway.get("/v1/people/nobody"), await gateway.post("/v1/people/x/leave", {"why": "y"})):
        assert (answer.status_code, answer.json()["field"]) == (404, "person")


@pytest.mark.parametrize(
    ("field", "value"),
    [("capacity", 0), ("capacity", "3"), ("skills", {"compressor": 6}), ("contact", " "), ("regions", "华东"),
     ("backup", "a\nb"), ("department", "售后部")],
)  # fmt: skip
async def test_people_http_what_is_wrong_is_named_by_field(gateway: Gateway, field: str, value: object) -> None:
    answer = await gateway.post("/v1/people/李工", {**LI, field: value})
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["field"].partition(".")[0] == field
    assert (await gateway.get("/v1/people")).json() == {"people": []}


async def test_people_http_are_kept_by_leads_and_not_seen_by_engineers(gateway: Gateway) -> None:
    for role, reads in (("lead", 200), ("dispatcher", 200), ("engineer", 403), ("subscriber", 403)):
        assert (await gateway.get("/v1/people", role)).status_code == reads
    for role in ("dispatcher", "engineer"):
        for path in ("/v1/people/李工", "/v1/people/李工/leave", "/v1/people/李工/erase"):
            assert (await gateway.post(path, LI, role=role)).status_code == 403
