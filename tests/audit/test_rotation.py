"""Another key signs from some day on: what the one before signed still verifies, and the tree goes on."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr

from bus.app import Core
from bus.audit.bundle import bundle_of, read_history, verify_bundle
from bus.audit.checkpoint import Checkpoint, NoteInvalid, opened_checkpoint, signing_key, verifying_key
from bus.audit.sealer import TreeForked
from bus.audit.subject import Subject
from bus.postgres.pool import snapshot
from bus.programs.audit_checking import witness_notes
from bus.programs.audit_sealing import audit_key
from tests.audit.keys import ORIGIN, made_up_key, pem_of
from tests.audit.lives import AT, KEY, live, report_of, sealed, sealed_lives

ALONE = made_up_key(2)
NEXT = replace(ALONE, earlier=KEY.public.all)
LATER = AT + timedelta(minutes=9)
NOTE = KEY.sign(Checkpoint(origin=ORIGIN, size=3, root=bytes(32)).text)


def test_rotation_a_key_opens_what_those_before_it_signed_and_no_other_does() -> None:
    assert opened_checkpoint(NOTE, NEXT.public).size == 3
    with pytest.raises(NoteInvalid):
        opened_checkpoint(NOTE, ALONE.public)
    printed = str(NEXT.public)
    assert printed.splitlines() == [str(ALONE.public), str(KEY.public)]
    assert verifying_key(printed) == NEXT.public
    assert signing_key(ORIGIN, pem_of(ALONE), printed).public.earlier == NEXT.public.all
    with pytest.raises(NoteInvalid, match="not of 'other'"):
        signing_key("other", pem_of(ALONE), printed)


async def test_rotation_the_tree_goes_on_under_the_next_key_and_all_of_it_is_checked(
    core: Core, tmp_path: Path
) -> None:
    await sealed_lives(core)
    await live(core, range(5, 6))
    with pytest.raises(TreeForked, match="no valid signature"):
        await sealed(core, LATER, key=ALONE)
    assert await sealed(core, LATER, key=NEXT) == 3
    report = await report_of(core, NEXT)
    assert (report.listed, report.checkpoints, report.witnessed) == ([], 3, 3)
    assert {one.kind for one in (await report_of(core, ALONE)).listed} >= {"checkpoint_invalid", "witness_invalid"}
    other = await report_of(core, made_up_key(3, name="bus.example/audit-2"))
    assert (other.other_trees, "witness_invalid" in {one.kind for one in other.listed}) == (3, False)
    async with snapshot(core.pool) as connection:
        subject = Subject(since=AT - timedelta(days=1), until=AT + timedelta(days=9999))
        bundle = await bundle_of(connection, subject, await read_history(connection, subject), NEXT, LATER)
    witness = await witness_notes(core.settings, core.codec)
    for trusted in (ALONE.public, NEXT.public):
        found = verify_bundle(bundle, trusted, witness)
        assert (found.listed, found.witnessed) == ([], True)
    assert "key" in {one.kind for one in verify_bundle(bundle, KEY.public, witness).listed}, "it was handed out before"
    assert orjson.loads(bundle)["key"].splitlines()[1] == str(KEY.public)
    file = tmp_path / "earlier.pub"
    file.write_text(f"{KEY.public}\n", encoding="utf-8")
    own = {"audit_key": SecretStr(pem_of(ALONE)), "audit_origin": ORIGIN, "audit_earlier_keys_file": file}
    read = audit_key(core.settings.model_copy(update=own))
    assert read is not None
    assert read.public.earlier == KEY.public.all
