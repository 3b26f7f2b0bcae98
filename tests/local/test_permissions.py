"""Other users of the host read nothing: names and phones stand in Kafka's segments and in logs."""

import os
from pathlib import Path

import pytest

from bus.local.permissions import close_to_others
from bus.local.postgres import let_others_read
from bus.local.stack import Urls


@pytest.mark.parametrize(("user", "top"), [(0, 0o701), (1000, 0o700)])
def test_permissions_what_a_version_before_left_open_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, top: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    for name in ("kafka", "logs", "postgres"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o755)
    (tmp_path / "stack.json").write_text("{}")
    (tmp_path / "stack.json").chmod(0o644)
    tmp_path.chmod(0o755)
    close_to_others(tmp_path)
    modes = {one.name: one.stat().st_mode & 0o777 for one in (tmp_path, *tmp_path.iterdir())}
    own = {"kafka": 0o700, "logs": 0o700, "stack.json": 0o600, "postgres": 0o755}
    assert modes == {**own, tmp_path.name: top}


def test_permissions_of_a_running_stack_let_nobody_in(embedded: tuple[Path, Urls]) -> None:
    data, _ = embedded
    open_to_others = [one for one in data.iterdir() if one.name != "postgres" and one.stat().st_mode & 0o077]
    assert open_to_others == []


def test_permissions_what_a_strict_umask_installed_postgres_s_user_can_read(tmp_path: Path) -> None:
    libraries = tmp_path / "libs"
    libraries.mkdir(mode=0o700)
    (libraries / "libpq.so").write_bytes(b"")
    (libraries / "libpq.so").chmod(0o600)
    (libraries / "libpq.so.5").symlink_to("/nowhere")
    let_others_read(libraries)
    assert [one.stat().st_mode & 0o777 for one in (libraries, libraries / "libpq.so")] == [0o705, 0o604]
