"""How migrations reach the database, and what they say when they cannot."""

import pytest

from bus.postgres.migrate import MigrationFailed, _with_sslmode, migrate


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://u:p@127.0.0.1:5432/d", "postgresql://u:p@127.0.0.1:5432/d?sslmode=disable"),
        ("postgresql://u@[::1]/d?connect_timeout=3", "postgresql://u@[::1]/d?connect_timeout=3&sslmode=disable"),
        ("postgresql://u:p@db.example.net/d", "postgresql://u:p@db.example.net/d?sslmode=require"),
        ("postgresql://u:p@db.example.net/d?sslmode=disable", "postgresql://u:p@db.example.net/d?sslmode=disable"),
        ("postgresql://u:p@127.0.0.1/d?sslmode=verify-full", "postgresql://u:p@127.0.0.1/d?sslmode=verify-full"),
    ],
)
def test_migrate_only_this_machine_is_spoken_to_in_plain_unless_told(url: str, wanted: str) -> None:
    assert _with_sslmode(url) == wanted


async def test_migrate_a_failure_does_not_tell_the_password() -> None:
    with pytest.raises(MigrationFailed) as failed:
        await migrate("postgresql://u:s3cr%2Ft-word@127.0.0.1:9/d")
    assert "s3cr" not in str(failed.value)
    assert "t-word" not in str(failed.value)
