"""The file of people: read whole, each fault by its place, names in one spelling."""

from dataclasses import replace
from pathlib import Path

import pytest

from bus.config_file import ConfigFileInvalid
from bus.domain.errors import MalformedInput
from bus.domain.people import check_people
from bus.gateway.customer.handler import shown_handler
from bus.people.person_fields import load_people
from tests.domain.people import RULES
from tests.people.staff import LI, WANG

FILE = """
people:
  李工:
    role: engineer
    types: [hardware_fault]
    regions: [华东]
    skills: {compressor: 3}
    capacity: 3
    contact: "13800000002"
    backup: "王师傅 "
  "王 师傅":
    role: engineer
    capacity: 2
    contact: "13800000001"
    backup: 李工
"""


def test_person_fields_a_file_gives_people_with_what_it_leaves_out(tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(FILE, encoding="utf-8")
    bare = replace(WANG, person="王 师傅", types=(), regions=(), skills=(), capacity=2, photo="")
    assert load_people(file) == [LI, bare]


def test_person_fields_the_file_of_the_how_to_can_be_applied_as_it_stands(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "routing.md").read_text(encoding="utf-8")
    file = tmp_path / "people.yaml"
    file.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    people = load_people(file)
    check_people(people, [], RULES)
    assert [(one.person, one.backup) for one in people] == [("王师傅", "李工"), ("李工", "王师傅")]


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("skills: {compressor: 3}", "skills: {compressor: 9}", "people.李工.skills.compressor"),
        ("capacity: 3", "capacity: many", "people.李工.capacity"),
        ('contact: "13800000002"', "contact: 13800000002", "people.李工.contact"),
        ("role: engineer", "role: engineer\n    department: x", "people.李工.department"),
        ("people:", "staff:", "people"),
        ('"王 师傅":', '" 李工":', "people.李工"),
    ],
)
def test_person_fields_a_fault_is_named_by_its_place_and_never_its_value(
    tmp_path: Path, before: str, after: str, place: str
) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(FILE.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ConfigFileInvalid) as fault:
        load_people(file)
    assert f": {place}: " in str(fault.value) or f"; {place}: " in str(fault.value)
    assert "13800000002" not in str(fault.value)


def test_person_fields_the_bus_s_own_name_is_nobody_s(tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(FILE.replace("王 师傅", "ticketbus"), encoding="utf-8")
    with pytest.raises(MalformedInput, match="own name"):
        load_people(file)


@pytest.mark.parametrize("photo", ["javascript:alert(1)", "ftp://img/wang.jpg", "wang.jpg", "http://localhost/w.jpg"])
def test_person_fields_a_photo_is_an_address_that_a_browser_shows(tmp_path: Path, photo: str) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(FILE.replace("capacity: 3", f"capacity: 3\n    photo: {photo}"), encoding="utf-8")
    with pytest.raises(MalformedInput, match="photo") as refused:
        load_people(file)
    assert (refused.value.code, refused.value.field) == ("not_an_address", "photo")
    assert "应为照片的网址" in refused.value.zh


@pytest.mark.parametrize(
    ("photo", "shown"),
    [
        ("https://img.example.com/员工/王 师傅.jpg?v=1", ""),
        (
            "https://img.example.com/员工/王.jpg?v=1&x=%E7",
            "https://img.example.com/%E5%91%98%E5%B7%A5/%E7%8E%8B.jpg?v=1&x=%E7",
        ),
        ("HTTPS://图片.example.com:8443/w.jpg", "https://xn--wcsw84d.example.com:8443/w.jpg"),
        ("https://img.example.com/wang.jpg", "https://img.example.com/wang.jpg"),
    ],
)
def test_person_fields_a_photo_in_chinese_is_shown_by_its_plain_address_r16(
    tmp_path: Path, photo: str, shown: str
) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(FILE.replace("capacity: 3", f'capacity: 3\n    photo: "{photo}"'), encoding="utf-8")
    if not shown:
        with pytest.raises(MalformedInput, match="photo"):
            load_people(file)
        return
    handler = shown_handler(load_people(file)[0])
    assert (handler.photo, handler.photo_from) == (shown, shown[: shown.index("/", 8)])


@pytest.mark.parametrize(
    ("phone", "dialled"),
    [
        ("400-800-1234", "4008001234"),
        ("+86 21 5555 0000 转 802", "+862155550000,802"),
        ("021-55550000转802", "02155550000,802"),
        ("021 5555 0000 分机802", "02155550000,802"),
        ("021-5555-0000 ext. 802", "02155550000,802"),
        ("+862155550000;ext=802", "+862155550000,802"),
        ("4008001234,802", "4008001234,802"),
        ("(021) 5555-0000", "02155550000"),
        ("（021）55550000,802", "02155550000,802"),
        ("+86 (0)21 5555 0000 转 802", "+862155550000,802"),
        ("021) 5555-0000 转", ""),
        ("转 802", ""),
        ("400-800-1234 转王工", ""),
        ("400-800-1234 转 802 转 3", ""),
    ],
)
def test_person_fields_a_phone_for_customers_may_have_an_extension_and_is_dialled_with_it_r16(
    tmp_path: Path, phone: str, dialled: str
) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(FILE.replace("capacity: 3", f'capacity: 3\n    customer_phone: "{phone}"'), encoding="utf-8")
    if not dialled:
        with pytest.raises(ConfigFileInvalid, match="分机写作 400-800-1234 转 802"):
            load_people(file)
        return
    shown = shown_handler(load_people(file)[0])
    assert (shown.phone, shown.dialled) == (phone, dialled)
