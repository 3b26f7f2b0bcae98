"""The contract held against itself: every reader has a writer, every writer a reader, every record a topic."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from bus.alerts.alert import Severity
from bus.cli import app
from bus.consistency.check_result import CheckCode
from bus.consistency.contract_check import check_contract
from schemas.catalogue import BY_SUBJECT, HOST, RecordType
from schemas.topics import ALERTS, HOSTS, Topic, load_contract

CONTRACT = load_contract()
STATUS = "ticket.status"


def found(topic: str, kinds: tuple[RecordType, ...] = (), **changes: Any) -> list[tuple[CheckCode, str, str]]:
    """Give code, about and nearest of what is found where one topic is declared otherwise."""
    topics = {**CONTRACT.topics, topic: CONTRACT.topics[topic].model_copy(update=changes)}
    results = check_contract(replace(CONTRACT, topics=topics), kinds)
    assert all(one.mend and one.severity for one in results)
    return [(one.code, one.about, one.nearest) for one in results]


def test_contract_check_ours_has_nothing_wrong() -> None:
    assert check_contract(CONTRACT) == []
    done = CliRunner().invoke(app, ["topics", "check"])
    assert (done.exit_code, done.output) == (0, f"{len(CONTRACT.topics)} topics are declared\n")


def test_contract_check_a_topic_that_is_read_and_that_nobody_writes_is_found() -> None:
    assert found(STATUS, writers=()) == [(CheckCode.NO_WRITER, STATUS, "")]
    assert found(STATUS, events=()) == [(CheckCode.NO_RECORDS, STATUS, "")]


def test_contract_check_a_topic_that_nobody_reads_is_found_unless_it_is_open_for_a_reason() -> None:
    assert found(ALERTS, readers=()) == [(CheckCode.NO_READER, ALERTS, "")]
    assert found(ALERTS, readers=(), open=True, why="for the customers' own alerting") == []


@pytest.mark.parametrize("changes", [{"open": True}, {"why": "theirs"}, {"open": True, "why": ""}])
def test_contract_check_an_open_topic_says_why_it_is_open(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="say why"):
        Topic.model_validate({**CONTRACT.topics[ALERTS].model_dump(), **changes})


def test_contract_check_a_misspelled_reader_is_found_with_the_part_that_was_meant() -> None:
    assert found(STATUS, readers=("streams", "operators")) == [(CheckCode.UNKNOWN_PART, STATUS, "stream")]
    assert found(STATUS, writers=("relais",)) == [(CheckCode.UNKNOWN_PART, STATUS, "relay")]


def test_contract_check_a_record_that_no_topic_takes_is_found() -> None:
    other = "ticketbus.alert.AlertFlipped"
    assert found(HOSTS, (HOST,), records=(other,)) == [(CheckCode.RECORD_NOWHERE, HOST.subject, "")]
    assert found(HOSTS, (HOST, BY_SUBJECT[other])) == []


def test_contract_check_a_schema_file_that_is_not_its_class_is_found() -> None:
    class Otherwise(RecordType):
        @property
        def derived(self) -> dict[str, Any]:
            return {**self.schema, "doc": "something else"}

    changed = Otherwise(cls=HOST.cls, namespace=HOST.namespace)
    [one] = check_contract(CONTRACT, [changed])
    assert (one.code, one.severity, one.mend) == (CheckCode.SCHEMA_FILE, Severity.P1, "ticketbus docs draw")
