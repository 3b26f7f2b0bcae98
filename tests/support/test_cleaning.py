"""What a bundle takes out: secrets by name, form and text, and whatever of a log may quote data."""

import json
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bus.settings import Settings
from bus.support.cleaning import Cleaner, secrets_of

CLEANER = Cleaner(frozenset({"pass-of-db", "token-of-client"}))


def line(**fields: Any) -> dict[str, Any]:
    """Clean a line of a program's log."""
    kept: dict[str, Any] = json.loads(CLEANER.program_line(json.dumps(fields, ensure_ascii=False)))
    return kept


def test_cleaning_a_secret_is_masked_wherever_it_stands() -> None:
    assert CLEANER.text("a pass-of-db b token-of-client") == "a *** b ***"
    found = CLEANER.value({"url": "postgresql://t:other@db/t", "list": [{"says": "tel 13812345678"}], "password": "x"})
    assert found == {"url": "postgresql://t:***@db/t", "list": [{"says": "tel 138****5678"}], "password": "***"}


def test_cleaning_a_log_line_keeps_what_programs_write_themselves_and_names_what_it_left_out() -> None:
    kept = line(
        event="letter_kept", level="error", at="2026-11-30T00:00:00Z", attempts=3, title="王小明的空调", note="n"
    )
    assert kept == {
        "event": "letter_kept", "level": "error", "at": "2026-11-30T00:00:00Z", "attempts": 3,
        "left_out": ["note", "title"],
    }  # fmt: skip


def test_cleaning_an_error_s_text_loses_what_it_quotes_and_all_but_its_first_line() -> None:
    kept = line(event="e", cause='duplicate key "names" (name)=(王小明)\nDETAIL: 王小明, 天河路 1 号')
    assert kept == {"event": "e", "cause": "duplicate key *** ***"}
    trace = 'Traceback (most recent call last):\n  File "/a/b.py", line 3, in work\n    call("x")\nValueError: 小明'
    assert line(event="e", exception=trace)["exception"] == [
        "Traceback (most recent call last):", '  File "/a/b.py", line 3, in work', "ValueError: ***",
    ]  # fmt: skip


def test_cleaning_a_library_s_line_is_a_text_that_may_quote() -> None:
    kept = line(event="could not send 'x, y'\nof z", logger="aiokafka", level="error")
    assert kept == {"event": "could not send ***", "logger": "aiokafka", "level": "error"}


def test_cleaning_what_is_no_json_in_a_program_s_log_is_left_out() -> None:
    assert CLEANER.program_line("王小明 called") == ""
    assert CLEANER.program_line('["王小明"]') == ""
    assert (
        CLEANER.program_line("psycopg.errors.UniqueViolationError: 王小明")
        == "psycopg.errors.UniqueViolationError: ***"
    )


def test_cleaning_postgresql_s_log_loses_statements_and_rows() -> None:
    assert CLEANER.postgresql_line("2026 [1] ERROR:  invalid input: 王小明") == ""
    assert CLEANER.postgresql_line("2026 [1] DETAIL:  Failing row contains (王小明)") == ""
    assert CLEANER.postgresql_line("\tcontinued 王小明") == ""
    kept = CLEANER.postgresql_line('2026 [1] FATAL:  password authentication failed for user "zhang"')
    assert kept == "2026 [1] FATAL:  password authentication failed for user ***"


def test_cleaning_secrets_are_those_of_settings_addresses_and_the_environment_by_name(tmp_path: Path) -> None:
    file = tmp_path / "mes"
    file.write_text("of-the-mes\n")
    settings = Settings.model_validate(
        {
            "database_url": "postgresql://ticketbus:in-the-url@db/t",
            "token": "the-admin-s-token",
            "schema_registry_basic_auth": "user:of-the-registry",
            "webhook_secrets": {"crm": ["whsec_first"]},
        }
    )
    environment = {"ERP_APP_SECRET": "of-the-erp", "LANG": "zh_CN.UTF-8", "SHORT_KEY": "1", "MES_KEY_FILE": str(file)}
    environment |= {"PWD": str(tmp_path), "OLDPWD": str(tmp_path.parent), "SSH_AUTH_SOCK": str(file)}
    found = secrets_of(settings, {**environment, "GONE_KEY_FILE": str(tmp_path / "gone")})
    wanted = {"in-the-url", "the-admin-s-token", "of-the-registry", "whsec_first", "of-the-erp", "of-the-mes"}
    assert wanted <= found
    assert not {"zh_CN.UTF-8", "1", str(file), str(tmp_path), str(tmp_path.parent)} & found
    assert isinstance(settings.token, SecretStr)
