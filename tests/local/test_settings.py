"""The settings: from the environment, lent by a running stack, shown with secrets masked."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bus.cli import app
from bus.cli.run import NoStack
from bus.cli.run import resolved as resolved_by_command
from bus.lent_settings import STATE_FILE, resolve
from bus.local.process import Identity, myself
from bus.local.state import StackState, save
from bus.settings import MASK, Settings, SettingsInvalid, load, mask_password
from bus.settings_listing import listing

LENDS = {
    "database_url": "postgresql://a:b@127.0.0.1:1/x",
    "token": "tb_secret",
    "webhook_secrets": {"crm": ["whsec_a"]},
}


pytestmark = pytest.mark.usefixtures("bare")


def test_settings_the_environment_is_read_with_its_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "")
    monkeypatch.setenv("TICKETBUS_DEDUPE_WINDOW", "PT20M")
    monkeypatch.setenv("TICKETBUS_WEBHOOK_SECRETS", '{"crm": ["whsec_new", "whsec_old"]}')
    settings = load()
    assert settings.database_url == "postgresql://x"
    assert settings.kafka_bootstrap is None
    assert settings.dedupe_window == timedelta(minutes=20)
    assert [each.get_secret_value() for each in settings.webhook_secrets["crm"]] == ["whsec_new", "whsec_old"]


def test_settings_a_wrong_value_is_told_by_its_variable_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETBUS_HTTP_PORT", "s3cret")
    with pytest.raises(SettingsInvalid, match="TICKETBUS_HTTP_PORT") as told:
        load()
    assert "s3cret" not in str(told.value)
    monkeypatch.setenv("TICKETBUS_WEBHOOK_SECRETS", "{s3cret")
    with pytest.raises(SettingsInvalid, match=r"^TICKETBUS_WEBHOOK_SECRETS: 不是 JSON / not JSON .*whsec_…") as told:
        load()
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("variable", "value", "form"),
    [
        ("TICKETBUS_CLOSURE_REMINDERS", "PT24H", '不是 JSON / not JSON .*: ["PT24H", "PT48H"])'),
        ("TICKETBUS_CLOSURE_REMINDERS", "24", '应为列表.*: ["PT24H", "PT48H"])'),
        ("TICKETBUS_CLOSURE_REMINDERS", "[24, 48]", '写作 PT15M.*: ["PT24H", "PT48H"])'),
        ("TICKETBUS_MORNING_AT", "7:45", "写作 07:45(24 小时制) / write 07:45, by the clock of 24 hours"),
        ("TICKETBUS_CUSTOMER_URL", "t.example.com", "写作 https://t.example.com,.* / write https://t.example.com,.*"),
    ],
)
def test_settings_a_wrong_value_is_refused_once_with_the_form_to_write(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, form: str
) -> None:
    monkeypatch.setenv(variable, value)
    pattern = ".*".join(map(re.escape, form.split(".*")))
    with pytest.raises(SettingsInvalid, match=f"^{variable}: {pattern}$") as refused:
        load()
    assert str(refused.value).count(variable) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TICKETBUS_DEDUPE_WINDOW", "15"),
        ("TICKETBUS_DEDUPE_WINDOW", "00:15"),
        ("TICKETBUS_CLOSURE_REMINDERS", "[24, 48]"),
        ("TICKETBUS_CLOSURE_REMINDERS", '["PT0.2S"]'),
        ("TICKETBUS_CLOSURE_EXPIRES_AFTER", "7"),
        ("TICKETBUS_DWELL_LIMITS", '{"pending": 30}'),
        ("TICKETBUS_PROBE_EVERY", "PX"),
        ("TICKETBUS_BACKUP_AGE_MAX", "-P1D"),
        ("TICKETBUS_DEDUPE_WINDOW", "P15M"),
        ("TICKETBUS_DEDUPE_WINDOW", "P1Y2DT3H"),
    ],
)
def test_settings_a_time_that_is_no_iso_8601_duration_is_refused_by_its_variable_r7(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid, match=f"^{variable}: .*写作 PT15M.* (write|are) PT15M"):
        load()


def test_settings_a_running_stack_lends_what_is_unset(tmp_path: Path) -> None:
    save(tmp_path, StackState(supervisor=myself(), lends=LENDS))
    resolved = resolve(Settings(kafka_bootstrap="mine:9092", data=tmp_path))
    assert resolved.database_url == LENDS["database_url"]
    assert resolved.token is not None
    assert resolved.token.get_secret_value() == "tb_secret"
    assert resolved.webhook_secrets["crm"][0].get_secret_value() == "whsec_a"
    assert resolved.kafka_bootstrap == "mine:9092"
    assert resolved.data == tmp_path


def test_settings_what_the_environment_sets_wins_over_the_stack(tmp_path: Path) -> None:
    save(tmp_path, StackState(supervisor=myself(), lends=LENDS))
    settings = Settings(database_url="postgresql://mine", data=tmp_path)
    assert resolve(settings).database_url == "postgresql://mine"


def test_settings_a_stack_that_was_named_wins_over_the_environment(tmp_path: Path) -> None:
    save(tmp_path, StackState(supervisor=myself(), lends=LENDS))
    settings = Settings(database_url="postgresql://mine", data=tmp_path / "elsewhere")
    assert resolve(settings, tmp_path).database_url == LENDS["database_url"]


def test_settings_a_command_refuses_a_stack_that_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(NoStack, match="no local stack runs"):
        resolved_by_command(tmp_path)


@pytest.mark.parametrize("supervisor", [None, Identity(pid=myself().pid, started=1.0)])
def test_settings_a_stack_that_does_not_run_lends_nothing(tmp_path: Path, supervisor: Identity | None) -> None:
    save(tmp_path, StackState(supervisor=supervisor, lends=LENDS))
    assert resolve(Settings(), tmp_path).database_url is None


def test_settings_a_state_file_that_cannot_be_read_lends_nothing(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text("{half")
    assert resolve(Settings(), tmp_path).database_url is None


def test_settings_the_listing_names_sources_and_masks_every_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETBUS_KAFKA_PASSWORD", "s3cret")
    save(tmp_path, StackState(supervisor=myself(), lends=LENDS))
    settings = load()
    rows = {row.name: row for row in listing(settings, resolve(settings, tmp_path))}
    assert set(rows) == set(Settings.model_fields)
    assert rows["kafka_password"].source == "environment"
    assert rows["database_url"].source == "local stack"
    assert rows["http_port"].source == "default"
    assert rows["dedupe_window"].value == "PT15M"
    shown = json.dumps([row.value for row in rows.values()])
    assert not any(secret in shown for secret in ("s3cret", "tb_secret", "whsec_a", ":b@"))


def test_settings_the_listing_shows_lists_and_tables_as_their_variables_take_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "dwell_limits": '{"pending": "PT30M", "resolved": "PT90S"}',
        "keep_days": '{"pushes": 30}',
        "disk_marks": '{"broker": [60.0, 70.0, 80.0]}',
        "closure_reminders": '["PT1440M"]',
        "robots": '["客服机器人"]',
        "webhook_secrets": f'{{"crm": ["{MASK}", "{MASK}"]}}',
    }
    for name, text in given.items():
        monkeypatch.setenv(f"TICKETBUS_{name.upper()}", text)
    settings = load()
    rows = {row.name: row.value for row in listing(settings, resolve(settings, tmp_path))}
    assert {name: rows[name] for name in given} == given


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:p%40w@h:1/d", "postgresql://u:********@h:1/d"),
        ("postgresql://u:p@w@h/d", "postgresql://u:********@h/d"),
        ("postgresql://u:p w\n@h/d", "postgresql://u:********@h/d"),
        ("x?options=password%3Dsecret", "x?options=password%3D********"),
        ("host=h password=secret dbname=d", "host=h password=******** dbname=d"),
        ("postgresql://h/d?user=u&password=secret", "postgresql://h/d?user=u&password=********"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_settings_a_password_inside_an_address_is_hidden(url: str, masked: str) -> None:
    assert mask_password(url) == masked
    assert mask_password(masked) == masked


def test_settings_env_gives_a_shell_all_that_commands_want_of_a_stack(tmp_path: Path) -> None:
    lends = {
        **LENDS,
        "kafka_bootstrap": "k:1",
        "schema_registry_url": "http://r",
        "url": "http://g",
        "master_key": "m k",
    }
    save(tmp_path, StackState(supervisor=myself(), lends=lends))
    given = CliRunner().invoke(app, ["env", "--data", str(tmp_path)])
    assert given.exit_code == 0, given.output
    assert "export TICKETBUS_MASTER_KEY='m k'" in given.output.splitlines()
    assert {line.split()[1].partition("=")[0] for line in given.output.splitlines()} == {
        "DATABASE_URL", "KAFKA_BOOTSTRAP", "SCHEMA_REGISTRY_URL", "TICKETBUS_MASTER_KEY", "TICKETBUS_URL",
        "TICKETBUS_TOKEN", "TICKETBUS_WEBHOOK_SECRET_CRM", "TICKETBUS_DATA",
    }  # fmt: skip
