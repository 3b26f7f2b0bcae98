"""The targets file is read whole or refused by file, target and field; a secret pasted there is never shown."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict

from bus.config_file import ConfigFileInvalid, VariableName, secret_of
from bus.delivery.breaker import BreakerLimits
from bus.delivery.target import FailureKind
from bus.delivery.targets_config import TargetsConfig, load_targets_config
from bus.delivery.triage import RetryLimits
from bus.domain.events import AssignmentAccepted, Event, NoteAdded, PartsRequested, Recorded
from bus.domain.terms import CommandId, EventId, TicketId, TraceId
from schemas.catalogue import EVENT_NAMES


class Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    secret: VariableName = "ERP_SECRET"


@dataclass(frozen=True)
class Adapter:
    options: type[BaseModel] = Options


ADAPTERS = {"kingdee": Adapter(), "crm-callback": Adapter()}
SMALL = """
targets:
  erp:
    adapter: kingdee
    events: [PartsRequested]
    options: {url: "http://erp"}
  crm:
    adapter: crm-callback
    events: all
    concurrency: 8
    rate_per_s: 20
    attempt_timeout: PT3S
    deadline: PT2H
    retry: {first_wait: PT0.5S, longest_wait: PT1M, retry_after_max: PT10M, attempts: 6, rejected_attempts: 2}
    breaker: {failures: 5, probe_every: PT7S}
    discard: {SlaWarned: all, NoteAdded: [unreachable, unknown]}
    options: {url: "http://crm", secret: CRM_SECRET}
"""


def config_of(tmp_path: Path, text: str) -> TargetsConfig:
    path = tmp_path / "targets.yaml"
    path.write_text(text, encoding="utf-8")
    return load_targets_config(path, ADAPTERS)


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigFileInvalid) as wrong:
        config_of(tmp_path, text)
    assert str(wrong.value).startswith(str(tmp_path / "targets.yaml: "))
    return str(wrong.value).removeprefix(f"{tmp_path / 'targets.yaml'}: ")


def changed(line: str) -> str:
    """Give the small file with one line more in the first target."""
    return SMALL.replace("    adapter: kingdee\n", f"    adapter: kingdee\n    {line}\n")


def recorded(event: Event, *, historic: bool = False) -> Recorded:
    at = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    return Recorded(
        event_id=EventId(UUID(int=1)),
        ticket_id=TicketId("T20261122-000001"),
        version=2,
        trace_id=TraceId("0" * 31 + "1"),
        occurred_at=at,
        recorded_at=at,
        source="crm",
        actor="",
        command_id=CommandId(UUID(int=2)),
        historic=historic,
        implied=False,
        waived=(),
        event=event,
    )


def test_targets_config_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    erp = config_of(tmp_path, SMALL).targets["erp"]
    assert (erp.concurrency, erp.rate_per_s, erp.attempt_timeout) == (4, 50, timedelta(seconds=10))
    assert (erp.limits, erp.breaker_limits) == (RetryLimits(), BreakerLimits())
    assert erp.options == Options(url="http://erp", secret="ERP_SECRET")


def test_targets_config_what_is_said_holds(tmp_path: Path) -> None:
    crm = config_of(tmp_path, SMALL).targets["crm"]
    assert crm.events == EVENT_NAMES
    assert (crm.concurrency, crm.rate_per_s, crm.attempt_timeout) == (8, 20, timedelta(seconds=3))
    assert crm.limits == RetryLimits(
        deadline=timedelta(hours=2),
        first_wait=timedelta(seconds=0.5),
        longest_wait=timedelta(minutes=1),
        retry_after_max=timedelta(minutes=10),
        unknown_max=6,
        rejected_max=2,
        discards={
            "SlaWarned": frozenset(FailureKind),
            "NoteAdded": frozenset({FailureKind.UNREACHABLE, FailureKind.UNKNOWN}),
        },
    )
    assert crm.breaker_limits == BreakerLimits(failures=5, probe_every=timedelta(seconds=7))


def test_targets_config_an_event_goes_to_those_who_want_it_and_the_past_to_nobody(tmp_path: Path) -> None:
    config = config_of(tmp_path, SMALL)
    parts = PartsRequested(request_no="R1", parts=(), reason="")
    assert config.wants(recorded(parts)) == ("erp", "crm")
    assert config.wants(recorded(AssignmentAccepted(note=""))) == ("crm",)
    assert config.wants(recorded(NoteAdded(text="", changed=()), historic=True)) == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("concurrency: 0", "targets.erp.concurrency: 不能小于 1 / Input should be greater than or equal to 1"),
        ("rate_per_s: 0", "targets.erp.rate_per_s: 应大于 0 / Input should be greater than 0"),
        ("rate_per_s: .nan", "targets.erp.rate_per_s: Input should be a finite number"),
        ("deadline: soon", "targets.erp.deadline: 写作 PT15M(15 分钟)、PT24H、P7D / write PT15M"),
        ("deadline: 24:00", "targets.erp.deadline: 写作 PT15M"),
        ("deadline: PT10S", "targets.erp: deadline leaves no time for a second attempt"),
        ("retries: 3", "targets.erp.retries: 没有这个字段 / there is no such field"),
        ("retry: {attempts: 10}", "targets.erp: retry.attempts (10) must be more than breaker.failures (10)"),
        ("retry: {attempts: 21}", "targets.erp.retry.attempts: 不能大于 20 / Input should be less than or equal to 20"),
        ("retry: {first_wait: PT1H}", "targets.erp.retry: first_wait is longer than longest_wait"),
        (
            "breaker: {probe_every: PT0S}",
            "targets.erp.breaker.probe_every: 应大于 PT0M / Input should be",
        ),
        ("discard: {SlaWarned: all}", "targets.erp: discard names SlaWarned, which it does not take"),
        ("discard: {PartsRequested: [late]}", "targets.erp.discard.PartsRequested.0: 应为 'unreachable'"),
        ("discard: {PartsRequest: all}", "there is no event 'PartsRequest'; did you mean 'PartsRequested'?"),
        ("adapter: kingdee", "line 5: 'adapter' stands here twice"),
    ],
)
def test_targets_config_a_fault_is_named_by_target_and_field(tmp_path: Path, line: str, said: str) -> None:
    assert said in refusal(tmp_path, changed(line))


def test_targets_config_a_typo_names_the_event_and_the_adapter_that_were_meant(tmp_path: Path) -> None:
    event = refusal(tmp_path, SMALL.replace("[PartsRequested]", "[PartsRequested, TicketOpend, 7]"))
    assert "targets.erp.events.1: there is no event 'TicketOpend'; did you mean 'TicketOpened'?" in event
    assert "targets.erp.events.2: there is no event 7" in event
    adapter = refusal(tmp_path, SMALL.replace("adapter: kingdee", "adapter: kingde"))
    assert adapter == "targets.erp.adapter: there is no adapter 'kingde'; did you mean 'kingdee'?"


def test_targets_config_all_faults_are_named_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, SMALL.replace('url: "http://erp"', "uri: x").replace("crm-callback", "sap"))
    assert "targets.erp.options.url: 缺少此字段 / Field required" in said
    assert "targets.erp.options.uri: 没有这个字段 / there is no such field" in said
    assert "targets.crm.adapter: there is no adapter 'sap'; there are crm-callback, kingdee" in said


def test_targets_config_a_secret_in_the_file_is_refused_and_not_shown(tmp_path: Path) -> None:
    pasted = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ"
    as_option = refusal(tmp_path, SMALL.replace("secret: CRM_SECRET", f"secret: {pasted}"))
    broken = refusal(tmp_path, SMALL.replace("secret: CRM_SECRET", f'secret: "{pasted}'))
    assert "targets.crm.options.secret: 应写环境变量的名称" in as_option
    assert "line " in broken
    assert pasted not in as_option + broken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "file: 应为“名称: 值”的形式 / Input should be a valid dictionary"),
        ("targets: [crm]", "targets: 应为“名称: 值”的形式 / Input should be a valid dictionary"),
        ("targets: {CRM!: {}}", "targets.CRM!.[key]: 名称由小写字母"),
        ("targets: {crm: {adapter: kingdee, events: []}}", "targets.crm.events: "),
        ("targets: {crm: {}, crm: {}}", "line 1: 'crm' stands here twice"),
        ("targets: {at: 2026-99-99}", "line 1: month must be in 1..12"),
        ("targets: \x00", "not YAML in UTF-8"),
        ("targets: !!python/object:os.system {}", "line 1: could not determine a constructor"),
    ],
)
def test_targets_config_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)


def test_targets_config_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    with pytest.raises(ConfigFileInvalid, match=r"targets\.yaml: No such file"):
        load_targets_config(path, ADAPTERS)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigFileInvalid, match="not YAML in UTF-8"):
        load_targets_config(path, ADAPTERS)


def test_targets_config_a_secret_comes_from_the_environment_and_is_masked() -> None:
    assert "s3cret" not in repr(secret_of("CRM_SECRET", {"CRM_SECRET": "s3cret"}, where="targets.crm"))
    for environment in ({}, {"CRM_SECRET": " "}):
        with pytest.raises(ConfigFileInvalid, match=r"targets\.crm: .*the environment variable CRM_SECRET is not set"):
            secret_of("CRM_SECRET", environment, where="targets.crm")


def test_targets_config_a_virtual_ticket_is_for_targets_that_say_so(tmp_path: Path) -> None:
    virtual = replace(recorded(NoteAdded(text="演练", changed=())), ticket_id=TicketId("V20261122-000001"))
    assert config_of(tmp_path, SMALL).wants(virtual) == ()
    assert config_of(tmp_path, SMALL.replace("    events: all\n", "    events: all\n    synthetic: true\n")).wants(
        virtual
    )
