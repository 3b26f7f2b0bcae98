"""The sample subscribers: short enough to read at once, and filled in with a subscription's own values."""

import re
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from bus.cli.samples import FILES, VALUES, Language, folder_of, sample, write_sample
from bus.cli.subscriber_kit import filled_sample, kit_lines
from bus.consistency.subscriptions import Subscription, joinable
from bus.settings import Settings
from schemas.topics import load_contract

ROOT = Path(__file__).parent.parent.parent
CONTRACT = load_contract()
COLUMNS_MAX = 120
# Lines of code of the file as it is written, imports and connection included. The clients of the last two take TLS, a
# login and each step of a transaction piece by piece.
LINES_MAX = {Language.PYTHON: 64, Language.NODE: 58, Language.JAVA: 87, Language.GO: 103, Language.SQL: 107}
DOCSTRING = re.compile(r'^ *"""(.|\n)*?"""$', re.MULTILINE)
NO_CODE = re.compile(r"\s*((//|#).*|[\]\[(){};,]*)")  # comments, blank lines, and those that only close a block


def code_of(text: str) -> list[str]:
    """Give the lines of code."""
    return [line for line in DOCSTRING.sub("", text).splitlines() if not NO_CODE.fullmatch(line)]


@pytest.mark.parametrize("language", Language)
def test_samples_are_short_as_they_are_written(language: Language, tmp_path: Path) -> None:
    one = Subscription(client="bi", owner="o", contact="c@d", topics=("ticket.sla",), groups=("subscriber.bi/*",))
    write_sample(language, filled_sample(language, one, CONTRACT, ""), tmp_path)
    text = (tmp_path / FILES[language]).read_text(encoding="utf-8")
    assert 30 < len(code_of(text)) <= LINES_MAX[language]
    assert max(len(line) for line in text.splitlines() if "types" not in line.lower()) <= COLUMNS_MAX


@pytest.mark.parametrize("language", Language)
def test_samples_are_filled_in_once_for_each_value(language: Language) -> None:
    values = {"topics": "n.ticket.sla,n.ticket.parts", "group": 'mes "北"', "types": "sla.warned.v1"}
    own = {**values, "regions": "上海,苏州", "assignees": r"张\伟"}
    assert [*own] == [*VALUES]
    text = sample(language, **own)
    for literal in ('"n.ticket.sla,n.ticket.parts"', r'"mes \"北\""', '"sla.warned.v1"', '"上海,苏州"', r'"张\\伟"'):
        assert text.count(literal) == 1, literal
    assert "my-" not in text
    assert "ticket.assign" not in text
    assert '"ticket.events"' not in text


def test_samples_of_a_subscription_hold_its_filter_and_the_sink_takes_later_kinds_unless_types_are_named() -> None:
    one = Subscription(
        client="bi", owner="o", contact="c@d", topics=("ticket.sla",), groups=("subscriber.bi/*",), regions=("上海",),
        assignees=("张伟", "王磊"), version="2",
    )  # fmt: skip
    whole = filled_sample(Language.PYTHON, one, CONTRACT, "n")
    for line in ('TOPICS = "n.ticket.sla"', 'GROUP = "subscriber.bi/2"', 'REGIONS = "上海"', 'ASSIGNEES = "张伟,王磊"'):
        assert f"\n{line}" in whole
    assert '\nTYPES = "sla.warned.v1,' in whole
    sink = filled_sample(Language.SQL, one, CONTRACT, "n")
    assert '\nGROUP = "subscriber.bi/2"' in sink
    assert '\nTYPES = ""' in sink
    assert '\nTYPES = "sla.breached.v1"' in filled_sample(
        Language.SQL, replace(one, types=("SlaBreached",)), CONTRACT, ""
    )


@pytest.mark.parametrize("language", Language)
def test_samples_are_written_with_all_that_a_folder_has_and_overwrite_nothing(
    language: Language, tmp_path: Path
) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "."], cwd=folder_of(language), capture_output=True, text=True, check=False
    ).stdout.split()  # fmt: skip
    written = write_sample(language, "text", tmp_path)
    assert {path.name for path in written} >= {*tracked} - {"requirements.in"}
    assert (tmp_path / FILES[language]).read_text(encoding="utf-8") == "text"
    with pytest.raises(FileExistsError):
        write_sample(language, "other", tmp_path)
    assert (tmp_path / FILES[language]).read_text(encoding="utf-8") == "text"


def test_samples_are_in_the_wheel(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for language in Language:
        for path in write_sample(language, "", tmp_path / language):
            assert shipped[f"examples/{language}/{path.name}"] == f"bus/examples/{language}/{path.name}"


def test_samples_join_a_group_that_the_subscription_allows() -> None:
    assert joinable(["bi", "subscriber.bi/*"]) == "subscriber.bi/1"
    assert joinable(["bi", "subscriber.bi/*"], "2") == "subscriber.bi/2", "two versions share no group"
    assert joinable(["mes-*", "mes"]) == "mes"
    assert joinable(["mes-*"]) == "mes-1"


def test_samples_kit_names_rights_where_there_are_any_and_who_filters_on_kafka() -> None:
    one = Subscription(client="bi", owner="o", contact="c@d", topics=("ticket.assign",), groups=("subscriber.bi/*",))
    secured = Settings.model_validate({"kafka_security_protocol": "SASL_SSL", "url": "https://bus"})
    kit = [*kit_lines(replace(one, regions=("上海",), version="2"), secured)]
    assert "Kafka 权限 rights: ticketbus topics apply --acl --subscriber bi" in kit
    assert {"消费组 group: subscriber.bi/2", "export TICKETBUS_URL=https://bus"} <= {*kit}
    assert any("on Kafka its reader filters" in line for line in kit)
    open_one = "\n".join(kit_lines(one, Settings.model_validate({"kafka_security_protocol": "PLAINTEXT"})))
    assert "rights" not in open_one
    assert "filters" not in open_one
