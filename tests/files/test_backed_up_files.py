"""Uploaded files in a backup, and a store held against what tickets name: put back, or named with the tickets."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bus.backup import manifest
from bus.backup.failures import NotThatStore
from bus.backup.manifest import BackedUpFiles, Manifest
from bus.backup.uploads import copy_new, copy_new_uploads, copy_uploads, upload_faults
from bus.files.errors import FilesAway
from bus.files.files import Files
from bus.files.rows import StoredFile
from bus.files.verify import FilesReport, WrongFile, check_files, named_files
from bus.intake.dispatch import Dispatcher
from bus.postgres.pool import Pool, connected
from bus.settings import Settings
from tests.domain.people import START
from tests.files.samples import JPEG, PDF
from tests.files.uploads import erase, named_by, taken
from tests.programs.test_restoring import MADE

SINCE = START - timedelta(days=1)


async def run(pool: Pool, query: bytes, *parameters: object) -> None:
    async with connected(pool) as connection:
        await connection.execute(query, parameters)


@pytest.fixture
def settings(files: Files) -> Settings:
    return Settings(data=files.store.incoming.parents[1])


@pytest.fixture(autouse=True)
async def alone(pool: Pool) -> None:
    """Begin without files of other tests, whose directories are gone, and without evidence of late."""
    await run(pool, b"DELETE FROM files")
    await run(pool, b"UPDATE events SET recorded_at = recorded_at - interval '1 year'")


async def backed_up(pool: Pool, settings: Settings, folder: Path) -> Manifest:
    """Take the part of a backup that is of files."""
    folder.mkdir()
    uploads, absent = await copy_uploads(pool, settings, folder)
    assert absent == []
    made = replace(MADE, uploads=uploads, files=manifest.listed(folder))
    manifest.write(folder, made)
    return made


def place(root: Path, file: StoredFile) -> Path:
    return root / file.sha256[:2] / file.sha256


async def test_backed_up_files_are_put_back_and_what_neither_has_is_named_with_its_tickets(
    files: Files, dispatcher: Dispatcher, settings: Settings, tmp_path: Path
) -> None:
    folder, root, pool = tmp_path / "backup", settings.data / "files", files.pool
    first, other, erased = await taken(files), await taken(files, PDF), await taken(files)
    ticket = await named_by(dispatcher, first, other)
    third = await named_by(dispatcher, erased)
    made = await backed_up(pool, settings, folder)
    assert made.uploads == BackedUpFiles(files=3, bytes=first.size + other.size + erased.size)
    await erase(dispatcher, third)
    await files.delete_ended()
    later, lost = await taken(files, JPEG + b"later"), await taken(files, JPEG + b"lost")
    second = await named_by(dispatcher, later, lost)
    place(root, lost).rename(tmp_path / "lost")
    copy_new_uploads(settings, folder, print)  # as `--follow` does
    assert list(upload_faults(folder, made)) == []

    shutil.rmtree(root)
    await run(pool, b"DELETE FROM files WHERE sha256 = ANY(%s)", [later.sha256, lost.sha256])  # rows after the point
    with pytest.raises(FilesAway):
        await check_files(pool, files.store)
    wanted = await named_files(pool, SINCE)
    assert wanted == {one.sha256 for one in (first, other, later, lost)}, "without what was erased since"
    assert copy_new(folder / "files", root, wanted) == 3
    assert not place(root, erased).exists()
    place(root, other).write_bytes(b"damaged")
    assert copy_new(folder / "files", root, wanted) == 0, "what is there stays"
    damaged = WrongFile(sha256=other.sha256, why="damaged", tickets=[ticket])
    missing = WrongFile(sha256=lost.sha256, why="missing", tickets=[second])
    report = await check_files(pool, files.store, SINCE)
    assert report == FilesReport(checked=4, noted_again=1, wrong=[damaged, missing])
    again = await files.find(later.sha256)
    assert again is not None
    assert replace(again, uploaded_at=later.uploaded_at) == later
    place(root, lost).parent.mkdir(exist_ok=True)
    (tmp_path / "lost").rename(place(root, lost))
    shutil.copyfile(place(folder / "files", other), place(root, other))
    assert await check_files(pool, files.store, SINCE) == FilesReport(checked=4, noted_again=1, wrong=[])
    assert await check_files(pool, files.store) == FilesReport(checked=4, noted_again=0, wrong=[])


async def test_backed_up_files_that_are_gone_or_changed_are_faults_of_the_backup(
    files: Files, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    file = await taken(files)
    made = await backed_up(files.pool, settings, folder)
    copy, listing = place(folder / "files", file), folder / "files.sha256"
    name = f"files/{file.sha256[:2]}/{file.sha256}"
    assert listing.read_text() == f"{file.sha256}  {name}\n", "as sha256sum --check reads it"
    changes: list[tuple[Callable[[], object], str]] = [
        (lambda: copy.write_bytes(b"x"), f"{name} is not what was uploaded (SHA-256)"),
        (copy.unlink, f"{name} is missing"),
        (lambda: listing.write_text("x\n"), "files.sha256 is missing"),
    ]
    for change, fault in changes:
        change()
        assert fault in list(upload_faults(folder, made))


async def test_backed_up_files_are_of_this_store_alone_and_what_is_not_in_it_is_said(
    files: Files, settings: Settings, tmp_path: Path
) -> None:
    gone, damaged, whole = [await taken(files) for _ in range(3)]
    root = settings.data / "files"
    place(root, gone).unlink()
    place(root, damaged).write_bytes(b"damaged")
    folder = tmp_path / "backup"
    folder.mkdir()
    uploads, absent = await copy_uploads(files.pool, settings, folder)
    assert uploads == BackedUpFiles(files=1, bytes=whole.size)
    assert [one.split()[2].rstrip(":") for one in absent] == sorted([gone.sha256, damaged.sha256])
    (root / "store-id").write_text("another\n")
    with pytest.raises(NotThatStore, match="not the same store"):
        copy_new(folder / "files", root)
    for other, words in (
        (settings, "its store-id is another"),
        (Settings(data=tmp_path / "elsewhere"), "its store-id is not there"),
        (Settings(files_url="s3://evidence/photos"), "they are in s3://evidence/photos"),
    ):
        nothing, [why] = await copy_uploads(files.pool, other, folder)
        assert nothing is None
        assert words in why
