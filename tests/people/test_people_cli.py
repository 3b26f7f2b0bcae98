"""The directory of people from the command line: the how-to's file applied, listed, shown, left, erased (R5, R6)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus without programs."""
    with bus_on(parts, tmp_path, database_kept=False) as made:
        yield made


def test_people_cli_the_how_to_works_from_its_text(bus: Bus, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "routing.md").read_text(encoding="utf-8")
    file = tmp_path / "people.yaml"
    file.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert "还没有人员" in bus.run("people", "list").stderr
    assert bus.run("people", "apply", str(file)).stdout == "王师傅 已登记 / added\n李工 已登记 / added\n"
    assert bus.run("people", "apply", str(file), "--by", "张工").stdout == "没有变化 / nothing has changed\n"
    (li, wang) = bus.run("people", "list").stdout.splitlines()
    assert li.startswith("李工")
    assert "compressor 4, electrics 2" in wang
    listed = [json.loads(line) for line in bus.run("people", "list", "--json").stdout.splitlines()]
    assert [(one["person"], one["open_tickets"], one.get("contact")) for one in listed] == [
        ("李工", 0, None), ("王师傅", 0, None),
    ]  # fmt: skip
    assert "13800000001" in bus.run("people", "show", "王师傅").stdout
    early = bus.run("people", "erase", "王师傅", "--by", "张工", "--why", "本人要求")
    assert (early.returncode, "leave first" in early.stderr) == (1, True)
    left = bus.run("people", "leave", "王师傅", "--by", "张工", "--why", "调岗")
    assert left.stdout == "王师傅 已离岗 / has left;工单 tickets: 0\n"
    (li, wang) = bus.run("people", "list").stdout.splitlines()
    assert "备份 王师傅 不在 / the backup is not there" in li
    assert "离岗 left" in wang
    assert bus.run("people", "erase", "王师傅", "--by", "张工", "--why", "本人要求").returncode == 0
    assert "（已删除）" in bus.run("people", "show", "王师傅").stdout
    nobody = bus.run("people", "show", "赵工")
    assert (nobody.returncode, nobody.stderr) == (1, "没有“赵工” / there is nobody called '赵工'\n")
    file.write_text(page.split("```yaml\n")[1].split("```")[0].replace("backup: 李工", "backup: 售后部"), "utf-8")
    refused = bus.run("people", "apply", str(file))
    assert (refused.returncode, "售后部" in refused.stderr) == (2, True)
