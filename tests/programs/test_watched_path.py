"""Which disk `ticketbus watch` reads when nobody names a path: the same one at each start."""

from pathlib import Path

from bus.programs.watch import data_folder


def test_watched_path_is_the_data_directory_also_where_no_program_has_made_it_yet(tmp_path: Path) -> None:
    assert data_folder(tmp_path / "a" / "data") == tmp_path / "a" / "data"
    assert data_folder(tmp_path / "a" / "data") == tmp_path / "a" / "data", "and at the next start"


def test_watched_path_is_the_root_where_it_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert data_folder(tmp_path / "file" / "data") == Path(tmp_path.anchor)
