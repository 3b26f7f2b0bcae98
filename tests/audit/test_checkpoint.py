"""Checkpoints are signed notes that others' verifiers read, and nothing changed verifies."""

import pytest

from bus.audit.checkpoint import (
    Checkpoint,
    NoteInvalid,
    opened_checkpoint,
    opened_note,
    signing_key,
    verifying_key,
)
from tests.audit.keys import ORIGIN, made_up_key, pem_of

CHECKPOINT = Checkpoint(origin=ORIGIN, size=7, root=bytes(range(32)))
# The example of golang.org/x/mod/sumdb/note, whose documentation has key and note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_checkpoint_a_note_of_the_reference_implementation_verifies() -> None:
    assert str(verifying_key(PETER)) == PETER
    assert opened_note(PETER_NOTE, verifying_key(PETER)).startswith("If you think")


def test_checkpoint_is_read_back_by_its_key_alone() -> None:
    key = made_up_key()
    note = key.sign(CHECKPOINT.text)
    assert opened_checkpoint(note, verifying_key(str(key.public))) == CHECKPOINT
    for other in (made_up_key(2), made_up_key(1, "another/log")):
        with pytest.raises(NoteInvalid):
            opened_checkpoint(note, other.public)


@pytest.mark.parametrize(
    ("old", "new"), [("\n7\n", "\n8\n"), (ORIGIN, "bus.examplf/audit"), ("\n\n", "\n"), ("AAEC", "AAED")]
)
def test_checkpoint_what_is_changed_does_not_verify(old: str, new: str) -> None:
    key = made_up_key()
    note = key.sign(CHECKPOINT.text)
    assert old in note
    with pytest.raises(NoteInvalid):
        opened_checkpoint(note.replace(old, new), key.public)


def test_checkpoint_keys_are_read_from_pem_and_refused_by_name() -> None:
    key = made_up_key()
    assert signing_key(ORIGIN, pem_of(key)).public == key.public
    with pytest.raises(NoteInvalid, match="TICKETBUS_AUDIT_KEY"):
        signing_key(ORIGIN, "secret")
    with pytest.raises(NoteInvalid):
        verifying_key(str(key.public).replace("+", "+0", 1))
