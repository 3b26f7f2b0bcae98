"""Secrets in files: NAME_FILE names the file of NAME, of settings and of what the files of sources and targets name."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bus.cli import app
from bus.config_file import ConfigFileInvalid, secret_of
from bus.docgen.settings import page
from bus.local.parts import environment
from bus.local.state import StackState
from bus.settings import SettingsInvalid, load, secret_files, variables

WEBHOOK = "whsec_c2VjcmV0"
SECRETS = list(secret_files())
NAMED_AS_SECRET = re.compile(r"(key|secret|token|password|passphrase|credential|auth)s?$")
VALUES = {
    "webhook_secrets": json.dumps({"crm": [WEBHOOK, "whsec_b2xk"]}),
    "intake_secrets": json.dumps(["s" * 40]),
}


pytestmark = pytest.mark.usefixtures("bare")


def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, content: bytes) -> Path:
    path = tmp_path / variable
    path.write_bytes(content)
    monkeypatch.setenv(f"{variable}_FILE", str(path))
    return path


def test_secret_files_these_settings_are_secrets() -> None:
    assert set(SECRETS) == {
        "database_url", "schema_registry_basic_auth", "kafka_password", "token", "files_s3_access_key",
        "files_s3_secret_key", "webhook_secrets", "master_key", "audit_key", "intake_secrets",
    }  # fmt: skip


def test_secret_files_a_setting_that_is_named_as_a_secret_is_one() -> None:
    named = {name for name in variables() if NAMED_AS_SECRET.search(name)}
    assert {"kafka_password", "token", "files_s3_access_key"} <= named <= set(SECRETS)


@pytest.mark.parametrize("name", SECRETS)
def test_secret_files_a_setting_has_the_content_of_its_file_without_the_newline(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, variable = VALUES.get(name, "s3cret"), variables()[name]
    monkeypatch.setenv(variable, text)
    by_variable = getattr(load(), name)
    monkeypatch.setenv(variable, "")
    given(tmp_path, monkeypatch, variable, f"{text}\n".encode())
    settings = load()
    assert getattr(settings, name) == by_variable
    assert name in settings.model_fields_set
    (row,) = [
        json.loads(line)
        for line in CliRunner().invoke(app, ["settings", "--json"]).stdout.splitlines()
        if f'"{variable}"' in line
    ]
    assert row["source"] == "file"
    assert WEBHOOK not in row["value"]
    assert "s" * 40 not in row["value"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b" \n", "is empty"),
        (b"\xff", "it is not text"),
    ],
)
def test_secret_files_what_is_no_value_is_told_by_its_setting(
    content: bytes, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(tmp_path, monkeypatch, "TICKETBUS_TOKEN", content)
    with pytest.raises(SettingsInvalid, match=f"TICKETBUS_TOKEN_FILE: .*{why}"):
        load()


def test_secret_files_a_file_that_is_away_or_no_json_is_told_and_its_content_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = given(tmp_path, monkeypatch, "TICKETBUS_WEBHOOK_SECRETS", b"{s3cret")
    with pytest.raises(SettingsInvalid, match=r"TICKETBUS_WEBHOOK_SECRETS_FILE: .*not JSON") as told:
        load()
    assert "s3cret" not in str(told.value)
    path.unlink()
    with pytest.raises(SettingsInvalid, match=r"TICKETBUS_WEBHOOK_SECRETS_FILE: .*No such file"):
        load()


def test_secret_files_a_value_of_the_wrong_form_is_told_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(tmp_path, monkeypatch, "TICKETBUS_INTAKE_SECRETS", b'["s3cret"]')
    with pytest.raises(SettingsInvalid, match=r"TICKETBUS_INTAKE_SECRETS") as told:
        load()
    assert "s3cret" not in str(told.value)


def test_secret_files_variable_and_file_at_once_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given(tmp_path, monkeypatch, "DATABASE_URL", b"postgresql://u:s3cret@h/d\n")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:other@h/d")
    with pytest.raises(SettingsInvalid, match=r"DATABASE_URL_FILE: .*DATABASE_URL is set as well") as told:
        load()
    assert "s3cret" not in str(told.value)
    shown = CliRunner().invoke(app, ["settings"])
    assert shown.exit_code == 1


def test_secret_files_what_a_targets_file_names_may_stand_in_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("s3cret\n")
    assert secret_of("ERP_KEY", {"ERP_KEY_FILE": str(path)}, where="erp").get_secret_value() == "s3cret"
    with pytest.raises(ConfigFileInvalid, match=r"erp: ERP_KEY_FILE: .*ERP_KEY is set as well"):
        secret_of("ERP_KEY", {"ERP_KEY": "other", "ERP_KEY_FILE": str(path)}, where="erp")
    path.write_text("")
    with pytest.raises(ConfigFileInvalid, match=r"erp: ERP_KEY_FILE: .*is empty"):
        secret_of("ERP_KEY", {"ERP_KEY_FILE": str(path)}, where="erp")


def test_secret_files_the_page_of_settings_names_the_file_of_each_secret_and_of_nothing_else() -> None:
    drawn = page()
    assert [name for name, variable in variables().items() if f"`{variable}_FILE`" in drawn] == SECRETS


def test_secret_files_a_local_stack_gives_its_programs_no_file_beside_what_it_lends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("TICKETBUS_TOKEN", "TICKETBUS_MASTER_KEY", "TICKETBUS_AUDIT_KEY"):
        given(tmp_path, monkeypatch, variable, b"s3cret")
    state = StackState(
        ports={"http": 1},
        lends={
            "database_url": "postgresql://x", "kafka_bootstrap": "k:1", "schema_registry_url": "http://r",
            "schema_registry_basic_auth": None, "url": "http://g", "token": "s3cret", "webhook_secrets": {},
        },
    )  # fmt: skip
    made = environment(state, tmp_path)
    assert made["TICKETBUS_TOKEN"] == "s3cret"
    assert "TICKETBUS_TOKEN_FILE" not in made
    assert (made["TICKETBUS_MASTER_KEY"], made["TICKETBUS_MASTER_KEY_FILE"]) == (
        "", str(tmp_path / "TICKETBUS_MASTER_KEY"),
    )  # fmt: skip
    assert made["TICKETBUS_AUDIT_KEY_FILE"] == str(tmp_path / "TICKETBUS_AUDIT_KEY")
