"""The file of work-order templates: read whole, every fault by its field, shown by the commands (R48)."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bus.cli import app
from bus.config_file import ConfigFileInvalid
from bus.work_orders_config import load_work_orders

TYPES = ("hardware_fault", "complaint")
STEP = "key: a, title: {zh: 断电, en: cut}"
VALUE = "key: r, title: {zh: 阻, en: r}"


def job(*steps: str, name: str = "job", own: str = "") -> str:
    """Spell a template with these steps."""
    listed = ", ".join(f"{{{one}}}" for one in steps)
    return f'{name}: {{version: "1", title: {{zh: 维修, en: repair}}, {own} steps: [{listed}]}}'


def written(folder: Path, text: str) -> Path:
    """Write a file of templates."""
    file = folder / "orders.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (job(), "job.steps"),
        (job(f"{STEP}, optional: true"), "one step at least is not optional"),
        (job(STEP, STEP), "two steps have the key 'a'"),
        (job(f"{STEP}, photo: 1"), "job.steps.0.photo"),
        (job(f"{STEP}, photos: 51"), "job.steps.0.photos"),
        (job(f"{STEP}, photos: 50", f"{STEP.replace('a', 'b', 1)}, photos: 1"), "50 photos in all at most"),
        (job(f"{STEP}, approvals: [safety]"), "write safety: true"),
        (job(f"{STEP}, approvals: [lead, lead]"), "'lead' stands twice in approvals"),
        (job(f"{STEP}, values: [{{{VALUE}, low: 2, high: 1}}]"), "job.steps.0.values.0: 下限 low 大于上限 high"),
        (job(f"{STEP}, values: [{{{VALUE}, low: .inf}}]"), "job.steps.0.values.0.low"),
        (job(f"{STEP}, values: [{{{VALUE}, beyond: lead}}]"), "beyond needs low or high"),
        (job(STEP, own="required: true,"), "required needs types"),
        (job(STEP, own="types: [complaints],"), "job.types: 没有工单类型 complaints,是否指 complaint?"),
        (
            "\n".join(job(STEP, name=one, own="types: [complaint], required: true,") for one in ("a", "b")),
            "b.required: 类型 complaint 已要求 a",
        ),
    ],
)
def test_work_orders_file_names_each_fault_by_its_field_r48(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigFileInvalid) as raised:
        load_work_orders(written(tmp_path, text), TYPES)
    assert fault in str(raised.value)


def test_work_orders_that_come_with_the_bus_are_left_out_where_no_ticket_type_of_theirs_is_r48() -> None:
    shipped = load_work_orders(None, ["hardware_fault"])
    assert any("hardware_fault" in one.types for one in shipped.values())
    own = load_work_orders(None, ["quick"])
    assert {kind for one in own.values() for kind in one.types} == set()
    assert own.keys() < shipped.keys()


def test_work_orders_file_names_the_item_of_a_list_alone_and_no_list_above_it_r48(tmp_path: Path) -> None:
    wrong = job(STEP.replace("key: a", "key: 1"), "key: b, title: cut")
    file = written(tmp_path, wrong)
    with pytest.raises(ConfigFileInvalid) as raised:
        load_work_orders(file, TYPES)
    assert str(raised.value) == (
        f"{file}: job.steps.0.key: 应为文本,数字请加引号 / Input should be a valid string: put a number in quotes; "
        "job.steps.1.title: 应为“名称: 值”的形式 / Input should be a valid dictionary of name: value"
    )


def test_work_orders_commands_check_a_file_and_show_the_templates_r48(tmp_path: Path) -> None:
    run = CliRunner().invoke
    file = written(tmp_path, job(f"{STEP}, photos: 2", own="types: [complaint], required: true,"))
    assert "1 templates can be used" in run(app, ["work-order", "check", str(file)]).output
    shown = run(app, ["work-order", "templates", "electrical-repair"]).output
    assert "1. cut-power" in shown
    assert "2 ≤ resistance MΩ" in shown
    assert "leakage ≤ 0.75 mA (超限由 beyond it team_lead)" in shown
    assert "did you mean 'electrical-repair'" in run(app, ["work-order", "templates", "electric-repair"]).output
